"""The application's end of mux without a server: the test is the event loop's only other task, so each turn is known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sheaf_asgi import SheafMiddleware

from . import mux_records as records
from .mux_checking import Checker
from .mux_records import Fields, Record

TOKEN = "token"


class MemoryLink:
    """One link. start(), then up() and turn(); `closed` is the code that the application's end closed it with."""

    def __init__(
        self, app: Callable[..., Awaitable[None]], hello: Record | None = None, window: int = 262_144, **options: Any
    ) -> None:
        """`options`: the middleware's."""
        self.checker = Checker(window)
        self.frames: list[bytes] = []
        self.closed: int | None = None
        self._middleware = SheafMiddleware(app, token=TOKEN, **{"siblings": False, **options})
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._hello = hello or records.hello(session_window=window)

    async def start(self) -> None:
        scope = {
            "type": "websocket",
            "path": "/.sheaf/mux",
            "headers": [(b"authorization", f"Bearer {TOKEN}".encode())],
            "subprotocols": ["sheaf-mux"],
        }
        self._events.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(self._middleware(scope, self._events.get, self._send))
        self.up(self._hello.encode())
        await self.turn()

    async def _send(self, event: dict[str, Any]) -> None:
        if event["type"] == "websocket.send":
            self.frames.append(event["bytes"])
            for record in records.decode(event["bytes"]):
                self.checker.take(record)
        elif event["type"] == "websocket.close":
            self.closed = event["code"]
            self._events.put_nowait({"type": "websocket.disconnect", "code": event["code"]})
        await asyncio.sleep(0)

    def up(self, frame: bytes) -> None:
        """A frame from the proxy."""
        self._events.put_nowait({"type": "websocket.receive", "bytes": frame})

    def open(self, stream: int, target: str = "/", headers: Fields = ()) -> None:
        self.checker.opened(stream)
        for record in records.opening(stream, target, headers):
            self.up(record.encode())

    async def turn(self, times: int = 20) -> None:
        """Lets all that can run do so."""
        for _ in range(times):
            await asyncio.sleep(0)

    async def stop(self, code: int = 1006) -> None:
        """The link is lost; returns when the middleware has. Raises what it raises."""
        assert self._task is not None
        self._events.put_nowait({"type": "websocket.disconnect", "code": code})
        await asyncio.wait_for(self._task, 10)

    async def shut_down(self) -> None:
        """The server's lifespan ends; returns when the application's has."""

        async def receive() -> dict[str, Any]:
            return {"type": "lifespan.shutdown"}

        await self._middleware({"type": "lifespan"}, receive, self._send)

    async def cancel(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task], timeout=10)
        assert self._task.cancelled()
