"""A FastAPI application behind the installed sheaf-asgi: /quotes?count=N sends N quotes, then echoes."""

import os

from fastapi import FastAPI, WebSocket

from sheaf_asgi import SheafMiddleware

api = FastAPI()


@api.websocket("/quotes")
async def quotes(socket: WebSocket, count: int) -> None:
    """Sends them in one go, and then each message back."""
    await socket.accept()
    for number in range(count):
        await socket.send_text(f'{{"symbol":"SHF","number":{number}}}')
    async for text in socket.iter_text():
        await socket.send_text(text)


app = SheafMiddleware(api, token=os.environ["SHEAF_TOKEN"])
