"""The WebSocket side: the ticker, echoes, and endpoints that refuse, close, flood or read slowly on demand."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse

from .quotes import Ticker

CHAT_PROTOCOLS = ("chat.v2", "chat.v1")


async def echo_until_closed(socket: WebSocket, delay_seconds: float = 0.0) -> None:
    """Sends back every message as it came, text as text and binary as binary."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if delay_seconds:
            await asyncio.sleep(delay_seconds)
        if message.get("text") is not None:
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])


def _add_quotes(router: APIRouter, ticker: Ticker) -> None:
    """The ticker, which echoes as well."""

    @router.websocket("/ws/quotes")
    async def quotes(socket: WebSocket) -> None:
        await socket.accept()
        updates = ticker.subscribe()
        reading = asyncio.create_task(echo_until_closed(socket))
        try:
            for quote in ticker.all():
                await socket.send_json(quote)
            while not reading.done():
                update = asyncio.create_task(updates.get())
                await asyncio.wait({reading, update}, return_when=asyncio.FIRST_COMPLETED)
                if update.done():
                    await socket.send_json(update.result())
                else:
                    update.cancel()
        except (WebSocketDisconnect, RuntimeError):
            pass  # the reader left while a quote was on its way
        finally:
            ticker.unsubscribe(updates)
            reading.cancel()


def _add_echoes(router: APIRouter) -> None:
    """What sends back what comes, each with a way of its own."""

    @router.websocket("/ws/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await echo_until_closed(socket)

    @router.websocket("/ws/slow")
    async def slow(socket: WebSocket, delay: float = 0.05) -> None:
        """Reads one message every `delay` seconds."""
        await socket.accept()
        await echo_until_closed(socket, delay)

    @router.websocket("/ws/chat")
    async def chat(socket: WebSocket) -> None:
        """Takes the best subprotocol that both sides know, and sets a cookie with the 101."""
        offered = socket.scope["subprotocols"]
        chosen = next((name for name in CHAT_PROTOCOLS if name in offered), None)
        await socket.accept(subprotocol=chosen, headers=[(b"set-cookie", b"chat=1; Path=/"), (b"x-demo", b"chat")])
        await socket.send_json({"subprotocol": chosen, "cookies": dict(socket.cookies)})
        await echo_until_closed(socket)

    @router.websocket("/ws/flood")
    async def flood(socket: WebSocket, bytes: int = 1024, count: int = 1000) -> None:
        """`count` binary messages, each of `bytes` bytes and beginning with its number, as fast as they leave."""
        await socket.accept()
        filler = b"\0" * max(0, bytes - 8)
        for number in range(count):
            await socket.send_bytes(number.to_bytes(8, "big") + filler)
        await socket.send_text("end")
        await echo_until_closed(socket)

    @router.websocket("/ws/headers")
    async def headers(socket: WebSocket) -> None:
        """Tells what the upgrade request looked like from here."""
        await socket.accept()
        pairs = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in socket.scope["headers"]]
        await socket.send_json(
            {
                "headers": pairs,
                "client": socket.client.host if socket.client else None,
                "path": socket.scope["raw_path"].decode("latin-1"),
                "scheme": socket.scope["scheme"],
                "query": socket.scope["query_string"].decode("latin-1"),
            }
        )
        await echo_until_closed(socket)


def _add_ends(router: APIRouter) -> None:
    """Refused upgrades, and Closes from either side."""
    closes: list[dict[str, object]] = []

    @router.websocket("/ws/deny")
    async def deny(socket: WebSocket, status: int = 403) -> None:
        """Refuses the upgrade with this status, a field and a body."""
        body = {"denied": status, "why": "the demo refuses on purpose"}
        fields = {"x-demo": "denied", "www-authenticate": "Bearer"} if status == 401 else {"x-demo": "denied"}
        await socket.send_denial_response(JSONResponse(body, status_code=status, headers=fields))

    @router.websocket("/ws/close")
    async def close(socket: WebSocket, code: int = 1000, reason: str = "", first: str = "") -> None:
        """Closes from the backend's side, after one message where `first` is given."""
        await socket.accept()
        if first:
            await socket.send_text(first)
        await socket.close(code, reason)

    @router.websocket("/ws/closed")
    async def closed(socket: WebSocket) -> None:
        """Waits for the client's Close; GET /api/closes tells the code and reason that arrived here."""
        await socket.accept()
        await socket.send_text("ready")
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                closes.append(
                    {
                        "tag": socket.query_params.get("tag"),
                        "code": message.get("code"),
                        "reason": message.get("reason"),
                    }
                )
                return

    @router.get("/api/closes")
    async def seen_closes(tag: str) -> list[dict[str, object]]:
        return [entry for entry in closes if entry["tag"] == tag]


def make_router(ticker: Ticker) -> APIRouter:
    """All WebSocket routes."""
    router = APIRouter()
    _add_quotes(router, ticker)
    _add_echoes(router)
    _add_ends(router)
    return router
