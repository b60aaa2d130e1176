"""A team's application, as app.py of its image: FastAPI and python-socketio, a room in which everybody reads all.

A message is acknowledged when it stands in the store, which all pods share and which takes each of a client's numbers
once, as a database with a unique key does; a client that got no acknowledgement sends it again. Each line of the store
goes to every client, in order, from the one that it asks for on: what the store has, then what comes. Each arrival is
written down besides, so that the test sees what came twice.

    /ws?client=c1&since=0      JSON texts: {"number": 1, "attempt": 1} up, {"ack": 1} and {"line": 0, "id": "c1.1"} down
    Socket.IO                  event "say" with the same object, acknowledged with its number; event "line"; auth likewise
    GET /, /events, /hang?seconds=     the pod's name; a stream without an end; nothing else runs meanwhile

Environment: STORE (a folder), APP_WAITS (1: it does not listen before there is a file `go` in the store).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import socketio
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse

LOOK_EVERY = 0.02  # seconds between looks into the store
FOLDER = Path(os.environ.get("STORE", "."))
NAME = os.environ.get("HOSTNAME", "app")
Send = Callable[[int, str], Awaitable[None]]


class Store:
    """Lines of client.number, each once. Several processes at a time."""

    def __init__(self) -> None:
        self._file = os.open(FOLDER / "lines", os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o666)
        self._offset = 0
        self.lines: list[str] = []
        self._seen: set[str] = set()

    def read(self) -> None:
        """What has been added."""
        added = os.pread(self._file, 1 << 20, self._offset)
        whole = added[: added.rfind(b"\n") + 1]
        self._offset += len(whole)
        self.lines += whole.decode().splitlines()
        self._seen.update(whole.decode().splitlines())

    def add(self, identity: str) -> None:
        """Unless it is there."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            self.read()
            if identity not in self._seen:
                os.write(self._file, f"{identity}\n".encode())
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


store = Store()
arrivals = (FOLDER / f"arrivals-{NAME}-{uuid.uuid4().hex}").open("a", buffering=1)
sockets = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
readers: dict[str, asyncio.Task[None]] = {}  # of Socket.IO, by sid


def take(session: str, client: str, message: dict[str, Any]) -> int:
    """Stores a message; returns its number, which acknowledges it."""
    arrivals.write(f"{session} {client} {message['number']} {message['attempt']}\n")
    store.add(f"{client}.{message['number']}")
    return message["number"]


async def read_to(send: Send, since: int) -> None:
    """Gives `send` each line from number `since` on, for ever."""
    while True:
        store.read()
        while since < len(store.lines):
            await send(since, store.lines[since])
            since += 1
        await asyncio.sleep(LOOK_EVERY)


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    while os.environ.get("APP_WAITS") and not (FOLDER / "go").exists():
        await asyncio.sleep(LOOK_EVERY)
    yield


api = FastAPI(lifespan=lifespan)


@api.get("/")
async def name() -> str:
    return NAME


@api.get("/events")
async def events() -> StreamingResponse:
    """A stream that never ends by itself."""

    async def ticks() -> AsyncIterator[str]:
        while True:
            yield "data: tick\n\n"
            await asyncio.sleep(LOOK_EVERY)

    return StreamingResponse(ticks(), media_type="text/event-stream")


@api.get("/hang")
async def hang(seconds: float) -> str:
    time.sleep(seconds)
    return "over"


@api.websocket("/ws")
async def talk(socket: WebSocket, client: str, since: int) -> None:
    async def send(line: int, identity: str) -> None:
        await socket.send_text(json.dumps({"line": line, "id": identity}))

    session = uuid.uuid4().hex
    await socket.accept()
    reading = asyncio.create_task(read_to(send, since))
    try:
        async for text in socket.iter_text():
            number = take(session, client, json.loads(text))
            await socket.send_text(json.dumps({"ack": number}))
    finally:
        reading.cancel()


@sockets.event
async def connect(sid: str, _: object, auth: dict[str, Any]) -> None:
    async def send(line: int, identity: str) -> None:
        await sockets.emit("line", {"line": line, "id": identity}, to=sid)

    await sockets.save_session(sid, {"client": auth["client"]})
    readers[sid] = asyncio.create_task(read_to(send, auth["since"]))


@sockets.event
async def say(sid: str, message: dict[str, Any]) -> int:
    session = await sockets.get_session(sid)
    return take(sid, session["client"], message)


@sockets.event
async def disconnect(sid: str, _: str) -> None:
    readers.pop(sid).cancel()


app = socketio.ASGIApp(sockets, other_asgi_app=api)
