"""Puts the pieces together: `uvicorn demo.app:app --app-dir docker`.

Environment: SHEAF_DEMO_TICK (seconds between quotes of the ticker, 0.2), SHEAF_DEMO_PROXY (see comparing.py),
SHEAF_DEMO_CLIENT (the folder that holds socket.io.esm.min.js; tests/install.sh puts it at
build/clients/node_modules/socket.io-client/dist) and SHEAF_DEMO_DECODER (the folder that holds sheaf-batch.js,
batching/clients/js).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import socketio
from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from . import comparing, events, rest, sockets
from .quotes import Ticker

HERE = Path(__file__).resolve().parent
CLIENT_FOLDER = HERE.parents[1] / "build/clients/node_modules/socket.io-client/dist"
DECODER_FOLDER = HERE.parents[1] / "batching/clients/js"

ticker = Ticker(float(os.environ.get("SHEAF_DEMO_TICK", "0.2")))
io_server = events.make_server()


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """The ticker runs as long as the server does."""
    ticking = asyncio.create_task(ticker.run(lambda update: io_server.emit("price_update", update)))
    yield
    ticking.cancel()


api = FastAPI(title="Sheaf demo backend", lifespan=lifespan)
api.include_router(comparing.make_router())
api.include_router(rest.make_router(ticker))
api.include_router(sockets.make_router(ticker))


@api.get("/", include_in_schema=False)
async def index() -> FileResponse:
    """The page that shows the quotes live."""
    return FileResponse(HERE / "static/index.html")


api.mount("/static", StaticFiles(directory=HERE / "static"))
api.mount("/client", StaticFiles(directory=os.environ.get("SHEAF_DEMO_CLIENT", CLIENT_FOLDER), check_dir=False))
api.mount("/decoder", StaticFiles(directory=os.environ.get("SHEAF_DEMO_DECODER", DECODER_FOLDER), check_dir=False))

# Socket.IO stands outermost, at its usual path; everything else, lifespan included, goes to FastAPI.
app = socketio.ASGIApp(io_server, other_asgi_app=api)
