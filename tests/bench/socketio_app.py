"""The benchmark's Python backend with python-socketio: events to a room, as an application would emit them.

    python -m uvicorn socketio_app:app --app-dir tests/bench

An event "start" lets the client into the room, which gets ?rate= events "tick" a second, the first client's rate; "stop"
ends that and is answered by an event "end" with the number of them.
"""

from __future__ import annotations

import asyncio
import json
import time
from urllib.parse import parse_qs

import app as fastapi_app
import socketio

ROOM = "quotes"
server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
app = socketio.ASGIApp(server, fastapi_app.app)
sent = 0  # events to the room
joined: dict[str, int] = {}  # of the room's clients: what was sent before
tasks: set[asyncio.Task[None]] = set()  # the one that sends; kept here, for the loop does not keep it


async def emit_for_ever(rate: float) -> None:
    """Sends to the room. `rate`: events a second."""
    global sent
    async for _ in fastapi_app.beats(1 / rate):
        quote = json.loads(fastapi_app.quote(sent, time.monotonic_ns()))
        sent += 1
        await server.emit("tick", quote, room=ROOM)


@server.event
async def connect(sid: str, environ: dict[str, str]) -> None:
    """The first client sets the rate."""
    if not tasks:
        tasks.add(asyncio.create_task(emit_for_ever(float(parse_qs(environ["QUERY_STRING"])["rate"][0]))))


@server.event
async def start(sid: str) -> None:
    """Lets the client in."""
    await server.enter_room(sid, ROOM)
    joined[sid] = sent


@server.event
async def stop(sid: str) -> None:
    """Lets it out, and tells it how many events it was sent."""
    await server.leave_room(sid, ROOM)
    await server.emit("end", sent - joined.pop(sid), to=sid)


@server.event
async def disconnect(sid: str) -> None:
    """It is gone."""
    joined.pop(sid, None)
