"""The benchmark's Python backend: FastAPI as an application would use it, run by a real uvicorn.

    python -m uvicorn app:app --app-dir tests/bench

It speaks as bench_backend does on /broadcast/RATE: "start" makes the client a member, "stop" ends that and is answered
with "end COUNT". One task sends every message to each member in turn, as the connection manager of FastAPI's documentation
does. The text is made once a message, not once a client: the cheapest way there is without Sheaf.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from fastapi import FastAPI, WebSocket, WebSocketDisconnect


class Broadcast:
    """The members, and the task that sends to them; it runs while there are members. Lives on the server's loop."""

    def __init__(self) -> None:
        self.counts: dict[WebSocket, int] = {}  # messages that a member was sent
        self._sequence = 0
        self._task: asyncio.Task[None] | None = None

    def join(self, member: WebSocket, rate: float) -> None:
        """Begins sending to `member`. `rate`: messages a second; the first member's holds for all."""
        self.counts[member] = 0
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(1 / rate))

    def leave(self, member: WebSocket) -> int:
        """Ends sending to `member`; returns how many messages it was sent."""
        return self.counts.pop(member, 0)

    async def _run(self, interval_seconds: float) -> None:
        due = time.monotonic()
        while self.counts:
            due = max(due + interval_seconds, time.monotonic() - 1)  # held up for longer: the rest is not made up for
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._send(quote(self._sequence, time.monotonic_ns()))
            self._sequence += 1

    async def _send(self, text: str) -> None:
        for member in list(self.counts):
            if member not in self.counts:
                continue  # it left meanwhile
            self.counts[member] += 1
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it is just going
                await member.send_text(text)


def quote(sequence: int, sent_ns: int) -> str:
    """The text that payload.cc calls Quote. `sent_ns`: of CLOCK_MONOTONIC, which all processes share."""
    spread = sequence * 2654435761 & 0xFFFFFFFF
    side = "buy" if spread >> 16 & 1 else "ask"
    return (
        f'{{"type":"tick","seq":"{sequence:010}","t":"{sent_ns:020}","symbol":"S{spread >> 24:04}",'
        f'"price":"{spread // 100 % 10000:04}.{spread % 100:02}","volume":"{(spread >> 8) % 10000000:07}","side":"{side}"}}'
    )


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One Broadcast a server."""
    app.state.broadcast = Broadcast()
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def index() -> str:
    """Says that the server is up."""
    return "ok"


@app.websocket("/broadcast/{rate}")
async def broadcast(socket: WebSocket, rate: float) -> None:
    """One client. `rate`: messages a second."""
    members: Broadcast = app.state.broadcast
    await socket.accept()
    try:
        async for word in socket.iter_text():
            if word == "start":
                members.join(socket, rate)
            elif word == "stop":
                await socket.send_text(f"end {members.leave(socket)}")
    finally:
        members.leave(socket)
