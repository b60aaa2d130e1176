"""Socket.IO with what the demo backend has none of: `uvicorn harness.sio_app:app`. Calls of the server, namespaces, floods."""

from __future__ import annotations

import asyncio
from typing import Any

import socketio
from fastapi import FastAPI

from harness.notes import note

server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
api = FastAPI()


@server.event
async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
    """Refuses who says so, and remembers in the session what the others say."""
    if auth == "refuse":
        raise socketio.exceptions.ConnectionRefusedError("refused on purpose", {"code": 7})
    scope = environ["asgi.scope"]
    await server.save_session(sid, {"auth": auth, "kind": scope["type"], "client": scope["client"][0]})


@server.event
async def disconnect(sid: str, reason: str) -> None:
    session = await server.get_session(sid)
    note("disconnect", [session["auth"], reason])


@server.event
async def session(sid: str) -> dict[str, Any]:
    """What was remembered at the handshake."""
    return dict(await server.get_session(sid))


@server.event
async def ask_back(sid: str, question: Any) -> Any:
    """Acknowledges with what the client's own acknowledgement says."""
    return await server.call("question", question, to=sid, timeout=10)


@server.event
async def join(sid: str, room: str) -> None:
    await server.enter_room(sid, room)


@server.event
async def leave(sid: str, room: str) -> None:
    await server.leave_room(sid, room)


@server.event
async def run(sid: str, room: str, rounds: int) -> None:
    """Numbered events to a room, amid one to everybody, a binary one, and an answer to the asker alone."""
    for number in range(rounds):
        await server.emit("room", number, room=room)
        await server.emit("blob", bytes([number]) * 300, room=room, skip_sid=sid)
        await server.emit("all", {"number": number})
        await server.emit("own", number, to=sid)
        await asyncio.sleep(0)


@server.event
async def kick(sid: str) -> None:
    await server.disconnect(sid)


@server.event
async def fail(sid: str) -> None:
    """A handler's error is logged, and nothing else happens."""
    raise ValueError("a handler fails on purpose")


@server.on("connect", namespace="/admin")
async def connect_admin(sid: str, environ: dict[str, Any], auth: Any) -> None:
    """Whoever comes."""


@server.on("echo", namespace="/admin")
async def echo_admin(sid: str, *arguments: Any) -> tuple[Any, ...]:
    return arguments


app = socketio.ASGIApp(server, other_asgi_app=api)
