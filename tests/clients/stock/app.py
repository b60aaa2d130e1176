"""The backend of the stock clients: FastAPI with an endpoint a case."""

from __future__ import annotations

from fastapi import FastAPI, WebSocket
from fastapi.responses import HTMLResponse

app = FastAPI()
ends: dict[str, str] = {}


async def echo_until_closed(socket: WebSocket) -> dict:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return message
        if message.get("text") is not None:
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])


@app.get("/")
async def page() -> HTMLResponse:
    return HTMLResponse("<!DOCTYPE html><title>stock</title>")


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await echo_until_closed(socket)


@app.websocket("/big")
async def big(socket: WebSocket, size: int) -> None:
    await socket.accept()
    await socket.send_bytes(bytes(size))
    await echo_until_closed(socket)


@app.websocket("/protocol")
async def protocol(socket: WebSocket) -> None:
    await socket.accept(subprotocol=socket.scope["subprotocols"][-1])
    await echo_until_closed(socket)


@app.websocket("/closing")
async def closing(socket: WebSocket, id: str) -> None:
    """Echoes, and remembers how the client ended."""
    await socket.accept()
    end = await echo_until_closed(socket)
    ends[id] = f"{end['code']} \"{end.get('reason') or ''}\""


@app.get("/ends")
async def how_it_ended(id: str) -> str:
    return ends.pop(id, "")


@app.websocket("/close")
async def close(socket: WebSocket, code: int, reason: str) -> None:
    """Closes when the first message comes."""
    await socket.accept()
    await socket.receive()
    await socket.close(code, reason)


@app.websocket("/hold")
async def hold(socket: WebSocket) -> None:
    await socket.accept()
    await echo_until_closed(socket)
