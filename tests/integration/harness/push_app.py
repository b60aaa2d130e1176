"""A backend for tests of pushed messages: `uvicorn harness.push_app:app`. FastAPI, and Socket.IO with two namespaces."""

from __future__ import annotations

import asyncio
from typing import Any

import socketio
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from harness.pushing import post

api = FastAPI()
server = socketio.AsyncServer(async_mode="asgi")


@api.websocket("/as/{user}")
async def named(socket: WebSocket, user: str) -> None:
    """Names the user in the 101, and sends each message back."""
    await socket.accept(headers=[(b"X-User-ID", user.encode())])
    await echo_on(socket)


@api.websocket("/ws/{room}")
async def room(socket: WebSocket, room: str) -> None:
    """Names nobody, and sends each message back."""
    await socket.accept()
    await echo_on(socket)


async def echo_on(socket: WebSocket) -> None:
    """Until the client leaves."""
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


@api.websocket("/stream/{count}/{period_ms}")
async def stream(socket: WebSocket, count: int, period_ms: int) -> None:
    """Waits for a message, then sends s0, s1 ... at the period, and waits for the client to leave."""
    await socket.accept()
    await socket.receive_text()
    for number in range(count):
        await socket.send_text(f"s{number}")
        await asyncio.sleep(period_ms / 1000)
    await echo_on(socket)


@api.websocket("/between")
async def between(socket: WebSocket, admin_port: int, token: str) -> None:
    """Ten times: a run of messages, a push to this path once they are sent, and a run behind its answer."""
    await socket.accept()
    await socket.receive_text()
    for turn in range(10):
        for number in range(40):
            await socket.send_text(f"{turn} before {number}")
        await asyncio.to_thread(post, admin_port, token, {"path": "/between", "text": f"{turn} pushed"})
        for number in range(40):
            await socket.send_text(f"{turn} behind {number}")
    await socket.close()


@server.on("*", namespace="*")
async def anything(*_arguments: Any) -> None:
    """Takes what comes."""


@server.event(namespace="/admin")
async def connect(sid: str, environ: dict[str, Any]) -> None:
    """The namespace is there."""


app = socketio.ASGIApp(server, api)
