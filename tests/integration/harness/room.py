"""Handlers with many clients at once: a room whose messages go to all amid each one's own, and what floods or stalls."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from harness.notes import note

router = APIRouter()


class Room:
    """All who are in; broadcast() sends in turn, as applications do that know nothing of what carries it."""

    def __init__(self) -> None:
        self.members: dict[WebSocket, int] = {}

    async def send(self, member: WebSocket, text: str) -> None:
        """To one; whoever has left is left out."""
        try:
            await member.send_text(text)
        except (WebSocketDisconnect, RuntimeError):
            self.members.pop(member, None)

    async def run(self, rounds: int, together: bool, filler: str) -> None:
        """Each round: one message to everyone, then one of its own to each third, then one to each other one.
        `together`: by a task a message, as python-socketio sends, else one after another."""
        for number in range(rounds):
            members = list(self.members.items())
            to_all, to_few = json.dumps(["all", number, filler]), json.dumps(["few", number, filler])
            several = [self.send(member, to_all) for member, _ in members]
            several += [self.send(member, f'["own",{own},{number}]') for member, own in members if own % 3 == number % 3]
            several += [self.send(member, to_few) for member, own in members if own % 2]
            if together:
                await asyncio.gather(*several)
            else:
                for one in several:
                    await one
            await asyncio.sleep(0.02)

    async def end(self) -> None:
        """The last message to all."""
        for member in list(self.members):
            await self.send(member, '["bye"]')


rooms: dict[str, Room] = {}


@router.websocket("/room/{name}")
async def room(socket: WebSocket, name: str, own: int) -> None:
    """A member; what it says comes back."""
    await socket.accept()
    joined = rooms.setdefault(name, Room())
    joined.members[socket] = own
    await socket.send_text('["in"]')
    try:
        async for text in socket.iter_text():
            await socket.send_text(text)
    finally:
        joined.members.pop(socket, None)


@router.post("/room/{name}")
async def run_room(name: str, rounds: int, together: bool = False, size: int = 0) -> dict[str, Any]:
    """Runs so many rounds, with `size` bytes more in what goes to several, and says goodbye; who was in at first."""
    count = len(rooms[name].members)
    await rooms[name].run(rounds, together, "." * size)
    await rooms[name].end()
    return {"members": count}


@router.websocket("/flood")
async def flood(socket: WebSocket, tag: str, size: int, count: int) -> None:
    """`count` numbered messages of `size` bytes as fast as they leave; every one that has left is noted by its number at
    each tenth."""
    await socket.accept()
    filler = "." * size
    for number in range(count):
        await socket.send_text(f"{number} {filler}"[:size])
        if number % 10 == 0:
            note(tag, number)
    note(tag, "all sent")
    async for _ in socket.iter_text():
        pass


@router.websocket("/deaf")
async def deaf(socket: WebSocket, tag: str) -> None:
    """Receives nothing until POST /hear; then counts the client's messages until "end"."""
    await socket.accept()
    await socket.send_text("deaf")
    await hears.setdefault(tag, asyncio.Event()).wait()
    count = size = 0
    async for text in socket.iter_text():
        if text == "end":
            break
        count, size = count + 1, size + len(text)
    await socket.send_json({"count": count, "size": size})
    await socket.close()


hears: dict[str, asyncio.Event] = {}


@router.post("/hear")
async def hear(tag: str) -> None:
    hears[tag].set()


@router.post("/block")
async def block(seconds: float) -> None:
    """The event loop stands still."""
    time.sleep(seconds)  # noqa: ASYNC251
