"""A backend for tests of memory pressure: `uvicorn harness.memory_app:app`. FastAPI, and Socket.IO with frequent pings.

POST /internal/memory is its memory.webhook; /told tells what came there, and PUT /told how it is to answer from now on.
"""

from __future__ import annotations

import asyncio
from typing import Any

import socketio
from fastapi import FastAPI, Request, Response, WebSocket

PING_INTERVAL = 0.2  # seconds, of Engine.IO

api = FastAPI()
server = socketio.AsyncServer(async_mode="asgi", ping_interval=PING_INTERVAL, ping_timeout=20)
told: dict[str, Any] = {"posts": [], "at_once": 0, "most_at_once": 0, "fields": []}
answer: dict[str, Any] = {"status": 204, "delay": 0.0}
closes: dict[str, int] = {}


@api.post("/internal/memory")
async def memory(request: Request) -> Response:
    told["posts"].append(await request.json())
    told["fields"].append(dict(request.headers))
    told["at_once"] += 1
    told["most_at_once"] = max(told["most_at_once"], told["at_once"])
    try:
        await asyncio.sleep(answer["delay"])
    finally:
        told["at_once"] -= 1
    return Response(status_code=answer["status"])


@api.get("/told")
async def get_told() -> dict[str, Any]:
    return told


@api.put("/told")
async def put_answer(status: int = 204, delay: float = 0.0) -> None:
    """Status and delay (seconds) of answers; those under way keep theirs."""
    answer.update(status=status, delay=delay)


@api.get("/api/hello")
async def hello() -> dict[str, str]:
    return {"hello": "world"}


@api.websocket("/ws/{kind}")
async def echo(socket: WebSocket, kind: str) -> None:
    """Sends each message back; GET /closes tells the Close codes that came, by the query's tag."""
    await socket.accept()
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        await socket.send_text(message["text"])
    closes[socket.query_params.get("tag", "")] = message.get("code", 0)


@api.get("/closes")
async def get_closes() -> dict[str, int]:
    return closes


@server.event
async def repeat(sid: str, data: Any) -> Any:
    """Acknowledges with what it got."""
    return data


app = socketio.ASGIApp(server, other_asgi_app=api)
