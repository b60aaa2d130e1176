"""One of several processes that serve the same: `uvicorn harness.process_app:app`. Socket.IO, WebSockets and requests.

Every answer, and every 101, names the process in X-Pid. GET /figures tells what came here, and /health is answered
with the status that PUT /health?STATUS has set. Environment: SHEAF_TEST_PING_INTERVAL and SHEAF_TEST_PING_TIMEOUT
(seconds, of Engine.IO), SHEAF_TEST_COMPRESS (1: answers of Engine.IO are compressed from the first byte on).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import socketio

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PID = (b"x-pid", str(os.getpid()).encode())

server = socketio.AsyncServer(
    async_mode="asgi",
    ping_interval=float(os.environ.get("SHEAF_TEST_PING_INTERVAL", "25")),
    ping_timeout=float(os.environ.get("SHEAF_TEST_PING_TIMEOUT", "20")),
    http_compression=os.environ.get("SHEAF_TEST_COMPRESS") == "1",
    compression_threshold=0,
    cors_allowed_origins="*",
)
health = 200
answers: Counter[str] = Counter()  # of Engine.IO requests, by method and status
requests: Counter[str] = Counter()  # of all others, by path
sockets: set[int] = set()  # WebSockets of /ws that are open


@server.event
async def who(sid: str, _: Any) -> int:
    """Acknowledges with the process that the session lives in."""
    return os.getpid()


async def echo(receive: Receive, send: Send, own: int) -> None:
    """Sends each message of a WebSocket back."""
    await receive()
    await send({"type": "websocket.accept", "headers": [PID]})
    sockets.add(own)
    try:
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
    finally:
        sockets.discard(own)


def figures() -> bytes:
    """What came here so far; `sessions` is how many of Socket.IO are open."""
    told = {
        "pid": os.getpid(),
        "sockets": len(sockets),
        "sessions": len(server.eio.sockets),
        "answers": answers,
        "requests": requests,
    }
    return json.dumps(told).encode()


async def answer(scope: Message, receive: Receive, send: Send) -> None:
    """A request: its body is read to its end, and /slow?SECONDS takes its time."""
    global health
    query = scope["query_string"].decode()
    while (await receive()).get("more_body"):
        pass
    requests[scope["path"]] += 1
    status, body = 200, b"ok"
    if scope["path"] == "/figures":
        body = figures()
    elif scope["path"] == "/health":
        health = int(query) if scope["method"] == "PUT" else health
        status = 200 if scope["method"] == "PUT" else health
    elif scope["path"] == "/slow":
        await asyncio.sleep(float(query))
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, PID]})
    await send({"type": "http.response.body", "body": body})


async def other(scope: Message, receive: Receive, send: Send) -> None:
    """All that is not Socket.IO."""
    if scope["type"] == "websocket":
        await echo(receive, send, id(scope))
    elif scope["type"] == "http":
        await answer(scope, receive, send)
    else:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Socket.IO at its usual path, whose answers are counted and named."""

    async def note(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept"):
            named = [pair for pair in message.get("headers") or [] if pair[0] != PID[0]]
            message = {**message, "headers": [*named, PID]}
        if message["type"] == "http.response.start" and scope["path"].startswith("/socket.io"):
            answers[f"{scope['method']} {message['status']}"] += 1
        await send(message)

    await outermost(scope, receive, note)


outermost = socketio.ASGIApp(server, other_asgi_app=other)
