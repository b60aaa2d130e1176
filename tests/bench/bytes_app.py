"""The backend of bytes.py: FastAPI and python-socketio, as an application would use them, under a real uvicorn.

/ws?client=N and Socket.IO's ?client=N make a client a member, which is told so by {"welcome": N}. /control takes
commands {"row": TITLE, "clients": N, "messages": N, "from": N, "to": N, "pause": SECONDS}: the blocks of bytes_plan.py
from the one to the other are sent, with a pause after each; the answer is the number of messages that were sent.
"""

from __future__ import annotations

import asyncio
import functools
import json
from urllib.parse import parse_qs

import bytes_plan
import fastapi
import socketio

server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
api = fastapi.FastAPI()
app = socketio.ASGIApp(server, api)
sockets: dict[int, fastapi.WebSocket] = {}
sessions: dict[int, str] = {}  # of Socket.IO, by client


async def send(to: tuple[int, ...], text: str) -> None:
    """As FastAPI's documentation broadcasts, or as an emit to a room does."""
    if text.startswith("42["):
        name, data = json.loads(text[2:])
        await server.emit(name, data, to=[sessions[n] for n in to])
        return
    for n in to:
        await sockets[n].send_text(text)


@functools.lru_cache(maxsize=1)
def plan(title: str, clients: int, messages: int) -> list[list[tuple[tuple[int, ...], str]]]:
    """A row's plan; the same one is sent several times in turn."""
    return bytes_plan.BY_TITLE[title].blocks(clients, messages)


@api.websocket("/control")
async def control(socket: fastapi.WebSocket) -> None:
    """Sends what it is told to."""
    await socket.accept()
    async for command in socket.iter_json():
        sent = 0
        for block in plan(command["row"], command["clients"], command["messages"])[command["from"] : command["to"]]:
            for to, text in block:
                await send(to, text)
                sent += len(to)
            await asyncio.sleep(command["pause"])
        await socket.send_json(sent)


@api.websocket("/ws")
async def member(socket: fastapi.WebSocket, client: int) -> None:
    """One client."""
    await socket.accept()
    sockets[client] = socket
    await socket.send_json({"welcome": client})
    async for _ in socket.iter_text():
        pass
    if sockets.get(client) is socket:
        del sockets[client]


@server.event
async def connect(sid: str, environ: dict[str, str]) -> None:
    """One client of Socket.IO; it is a member once it has heard so."""
    sessions[int(parse_qs(environ["QUERY_STRING"])["client"][0])] = sid


@server.event
async def hello(sid: str, client: int) -> None:
    """Says welcome, when the client has its namespace."""
    await server.emit("welcome", client, to=sid)


@api.get("/")
async def ready() -> dict[str, str]:
    """Says that it is there."""
    return {}
