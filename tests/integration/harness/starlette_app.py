"""A Starlette application, of Starlette's every version, under the middleware: echoes, refuses, and closes by itself."""

from __future__ import annotations

from sheaf_asgi import SheafMiddleware
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket


async def page(request: Request) -> PlainTextResponse:
    """What a test asks to learn whether the server answers."""
    return PlainTextResponse("ok")


async def echo(socket: WebSocket) -> None:
    """Echoes texts; closes with 4001 at "bye". The subprotocol is the client's first one."""
    await socket.accept(subprotocol=socket.scope["subprotocols"][0])
    async for text in socket.iter_text():
        if text == "bye":
            await socket.close(4001)
            return
        await socket.send_text(text)


async def refuse(socket: WebSocket) -> None:
    """Closes what it has not accepted."""
    await socket.close()


app = SheafMiddleware(
    Starlette(routes=[Route("/", page), WebSocketRoute("/echo", echo), WebSocketRoute("/refuse", refuse)])
)
