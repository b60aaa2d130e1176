"""The Socket.IO side: price updates for everyone, echoes with acknowledgement, and rooms."""

from __future__ import annotations

from typing import Any

import socketio


def _add_rooms(server: socketio.AsyncServer) -> None:
    """Rooms, and what goes to everyone."""

    @server.event
    async def join(sid: str, room: str) -> str:
        await server.enter_room(sid, room)
        return room

    @server.event
    async def leave(sid: str, room: str) -> str:
        await server.leave_room(sid, room)
        return room

    @server.event
    async def say(sid: str, room: str, text: str) -> None:
        """To everyone in a room, the sender included if in it."""
        await server.emit("said", {"room": room, "text": text}, room=room)

    @server.event
    async def broadcast(sid: str, data: Any) -> None:
        await server.emit("broadcast", data)


def make_server() -> socketio.AsyncServer:
    """An AsyncServer with all events bound. CORS is left at its default (same origin): a proxy must keep Host."""
    server = socketio.AsyncServer(async_mode="asgi")

    @server.event
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        if isinstance(auth, dict) and auth.get("refuse"):
            raise socketio.exceptions.ConnectionRefusedError("refused on purpose")
        await server.emit("welcome", {"sid": sid, "forwarded_for": environ.get("HTTP_X_FORWARDED_FOR")}, to=sid)

    @server.event
    async def echo(sid: str, *arguments: Any) -> tuple[Any, ...]:
        """Acknowledges with the arguments it got; binary ones come back as binary."""
        return arguments

    @server.event
    async def echo_event(sid: str, data: Any) -> None:
        """Answers with an event instead of an acknowledgement."""
        await server.emit("echoed", data, to=sid)

    @server.event
    async def binary(sid: str, data: bytes) -> None:
        """Sends the bytes back as a binary event."""
        await server.emit("binary", bytes(data), to=sid)

    @server.on("repeat", namespace="/")
    @server.on("repeat", namespace="/repeat")
    async def repeat(sid: str, events: list[tuple[str, list[Any]]]) -> None:
        """Emits the events of a list, each a name and its arguments, one after another."""
        namespace = "/repeat" if server.manager.is_connected(sid, "/repeat") else "/"
        for name, arguments in events:
            await server.emit(name, tuple(arguments), to=sid, namespace=namespace)

    _add_rooms(server)
    return server
