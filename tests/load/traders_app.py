"""The backend of original.py: FastAPI and python-socketio, as an application would use them.

A trader, be it by Socket.IO or at /ws, sends orders, each of which is acknowledged, and now and then asks for a watch list:
so many quotes, each a message of its own, and then the acknowledgement. GET /quotes/SYMBOL is the REST side.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import fastapi
import socketio

server = socketio.AsyncServer(async_mode="asgi")
api = fastapi.FastAPI()
app = socketio.ASGIApp(server, api)
present: Counter[str] = Counter(plain=0, socketio=0, silent=0)
"""Connections, by kind."""


def quote(symbol: str) -> dict[str, Any]:
    """Some 90 bytes of JSON."""
    return {"type": "price_update", "symbol": symbol, "price": round(random.uniform(100, 900), 2), "volume": random.randrange(10**6)}


@server.event
async def connect(sid: str, environ: dict[str, Any]) -> None:
    """Counts the client in."""
    present["socketio"] += 1


@server.event
async def disconnect(sid: str) -> None:
    """Counts it out."""
    present["socketio"] -= 1


@server.event
async def order(sid: str, data: dict[str, Any]) -> int:
    """Acknowledged with its number."""
    return data["number"]


@server.event
async def watch(sid: str, data: dict[str, Any]) -> int:
    """The quotes, then the acknowledgement."""
    for position in range(data["quotes"]):
        await server.emit("price_update", quote(f"S{position}"), to=sid)
    return data["number"]


@api.websocket("/ws")
async def plain(socket: fastapi.WebSocket, kind: str = "plain") -> None:
    """The same in JSON: {"number": N} is an order, with "quotes" it asks for a watch list; {"ack": N} comes back."""
    await socket.accept()
    present[kind] += 1
    try:
        async for message in socket.iter_json():
            for position in range(message.get("quotes", 0)):
                await socket.send_json(quote(f"S{position}"))
            await socket.send_json({"ack": message["number"]})
    finally:
        present[kind] -= 1


@api.get("/quotes/{symbol}")
async def rest(symbol: str) -> dict[str, Any]:
    """One quote."""
    return quote(symbol)


@api.get("/present")
async def counts() -> dict[str, int]:
    """Who is there, and how many descriptors are open."""
    return {**present, "descriptors": len(os.listdir("/proc/self/fd"))}
