"""The benchmark's Python backend: FastAPI as an application would use it, run by a real uvicorn.

    python -m uvicorn app:app --app-dir tests/bench

It speaks as bench_backend does on /broadcast/RATE and /tick/RATE: "start" makes the client a member, "stop" ends that and
is answered with "end COUNT". One task sends to each member in turn, as the connection manager of FastAPI's documentation
does: of a broadcast the same text, which is made once a message, not once a client (the cheapest way there is without
Sheaf), else a text of its own.
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
        async for _ in beats(interval_seconds):
            if not self.counts:
                return
            await self._send()

    async def _send(self) -> None:
        text = quote(self._sequence, time.monotonic_ns())
        self._sequence += 1
        for member in list(self.counts):
            if member in self.counts:  # else it left meanwhile
                self.counts[member] += 1
                await send(member, text)


class OwnMessages(Broadcast):
    """The same, but each member gets messages of its own, numbered from 0."""

    async def _send(self) -> None:
        for member in list(self.counts):
            if member in self.counts:
                text = quote(self.counts[member], time.monotonic_ns())
                self.counts[member] += 1
                await send(member, text)


async def send(member: WebSocket, text: str) -> None:
    """Sends, unless the member is just going."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await member.send_text(text)


async def beats(interval_seconds: float) -> AsyncIterator[None]:
    """One item an interval, for ever; who is held up for more than a second does not make up for the rest."""
    due = time.monotonic()
    while True:
        due = max(due + interval_seconds, time.monotonic() - 1)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        yield


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
    """One Broadcast a server, and one task for all that get their own."""
    app.state.members = {"broadcast": Broadcast(), "tick": OwnMessages()}
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def index() -> str:
    """Says that the server is up."""
    return "ok"


@app.websocket("/{kind}/{rate}")
async def member(socket: WebSocket, kind: str, rate: float) -> None:
    """One client. `kind`: broadcast or tick. `rate`: messages a second."""
    members: Broadcast = app.state.members[kind]
    await socket.accept()
    try:
        async for word in socket.iter_text():
            if word == "start":
                members.join(socket, rate)
            elif word == "stop":
                await socket.send_text(f"end {members.leave(socket)}")
    finally:
        members.leave(socket)
