"""A pytest plugin for uvicorn's own tests: with SHEAF_BINARY set, each server that a test starts gets a Sheaf in front.

The Sheaf takes the port that the test gave its server, and the server moves to another one, so that the tests run as
they are. With SHEAF_UPSTREAM_MODE=mux, which Sheaf reads too, the server's application gets the middleware around it.
The outcome of every test goes to the file OUTCOMES, as lines of name, outcome and whether it met Sheaf.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from harness.ports import free_port
from harness.sheaf import AS_SHIPPED, Sheaf, merged
from sheaf_asgi import SheafMiddleware
from sheaf_asgi.records import MAX_FRAME
from sheaf_asgi.scope import LINK_PATH

OUTCOMES = Path(os.environ["OUTCOMES"])
FOLDER = OUTCOMES.parent
IS_MUX = os.environ.get("SHEAF_UPSTREAM_MODE") == "mux"

_met_sheaf = False


def links_only(app: SheafMiddleware, strays: list[str]) -> Callable[..., Any]:
    """The application; the path of each WebSocket that is none of Sheaf's links, and so not the middleware's, goes to
    `strays`."""

    async def call(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "websocket" and not scope["path"].endswith(LINK_PATH):
            strays.append(scope["path"])
        await app(scope, receive, send)

    return call


def with_sheaf(run_server: Callable[..., Any]) -> Callable[..., Any]:
    """uvicorn's run_server with a Sheaf in front. The Sheaf outlives the server, whose end belongs to the tests."""

    @contextlib.asynccontextmanager
    async def run(config: Any, sockets: list[socket.socket] | None = None) -> AsyncIterator[Any]:
        global _met_sheaf
        _met_sheaf = True
        strays: list[str] = []
        address = f"127.0.0.1:{config.port}"
        config.port = free_port()
        if IS_MUX:
            # The limit on a client's messages is the middleware's; the server's is one on frames of the link.
            limit, config.ws_max_size = config.ws_max_size, max(config.ws_max_size, MAX_FRAME)
            app = SheafMiddleware(config.app, os.environ["SHEAF_UPSTREAM_TOKEN"], max_message=limit)
            config.app = links_only(app, strays)
        async with contextlib.AsyncExitStack() as stack:
            server = await stack.enter_async_context(run_server(config, sockets))
            # In threads: the server answers in this loop.
            conf = merged(AS_SHIPPED, {"listen": {"address": address}})
            sheaf = await asyncio.to_thread(Sheaf, FOLDER, f"http://127.0.0.1:{config.port}", conf)
            server_only = stack.pop_all()
            try:
                async with server_only:
                    yield server
                assert not strays, f"WebSockets that came by no link: {strays}"
            finally:
                await asyncio.to_thread(sheaf.stop)

    return run


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    # Before the test modules take it from there.
    import tests.utils

    if "SHEAF_BINARY" in os.environ:
        tests.utils.run_server = with_sheaf(tests.utils.run_server)


def pytest_runtest_setup() -> None:
    global _met_sheaf
    _met_sheaf = False


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        with OUTCOMES.open("a") as file:
            file.write(f"{report.nodeid.rsplit('::', 1)[1]}\t{report.outcome}\t{int(_met_sheaf)}\n")
