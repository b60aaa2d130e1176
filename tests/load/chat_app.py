"""The backend of chat.py: FastAPI and python-socketio, as a chat UI with a language model behind it has them.

A user (?user=N) is in a room with nine others. `ask` is acknowledged, and then the answer comes token by token, each a message to
this user alone; `typing` and `post` are acknowledged and told to the room.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any
from urllib.parse import parse_qs

import fastapi
import socketio

ROOM = 10
WORDS = [f" {one}" for one in (
    "the of and to in is that it for as was with be on by not this are or an at from which you have had they but were "
    "proxy socket message batch window token stream answer connection frame latency memory pressure backend session").split()]

server = socketio.AsyncServer(async_mode="asgi")
api = fastapi.FastAPI()
app = socketio.ASGIApp(server, api)
rooms: dict[str, str] = {}
"""The room of each session."""


@server.event
async def connect(sid: str, environ: dict[str, Any]) -> None:
    """Into the room of the user's number."""
    user = int(parse_qs(environ["QUERY_STRING"])["user"][0])
    rooms[sid] = f"room {user // ROOM}"
    await server.enter_room(sid, rooms[sid])


@server.event
async def disconnect(sid: str) -> None:
    """Forgotten."""
    rooms.pop(sid, None)


@server.event
async def ask(sid: str, data: dict[str, Any]) -> int:
    """Begins the answer {"answer": N, "tokens": COUNT, "rate": TOKENS A SECOND}."""
    server.start_background_task(stream, sid, data["answer"], data["tokens"], data["rate"])
    return data["answer"]


async def stream(sid: str, answer: int, tokens: int, rate: float) -> None:
    """The answer, evenly paced, ended by `done`. `t`: nanoseconds of the clock that all processes share."""
    began = time.monotonic()
    for number in range(tokens):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        token = {"answer": answer, "i": number, "t": time.monotonic_ns(), "text": random.choice(WORDS)}
        await server.emit("token", token, to=sid)
    await server.emit("done", {"answer": answer, "tokens": tokens}, to=sid)


@server.event
async def typing(sid: str, data: dict[str, Any]) -> bool:
    """Told to the others of the room."""
    await server.emit("typing", data, room=rooms[sid], skip_sid=sid)
    return True


@server.event
async def post(sid: str, data: dict[str, Any]) -> bool:
    """Told to all of the room."""
    await server.emit("post", {**data, "t": time.monotonic_ns()}, room=rooms[sid])
    return True


@api.get("/")
async def ready() -> dict[str, str]:
    """Says that it is there."""
    return {}
