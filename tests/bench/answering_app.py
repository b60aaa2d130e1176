"""The backend of answers.py: it pushes a steady stream to each client, and answers what a client asks after a pause.

/ws?rate=R: messages {"n": N} at R a second; a client's {"ask": ID, "pause": MS} is answered after MS milliseconds with
{"answer": ID}. /ws/echo says what it is told, and nothing else. Socket.IO the same: events "tick", and an event "ask" (ID, MS) that is acknowledged.
"""

import asyncio
import contextlib
import time

import fastapi
import socketio

server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
api = fastapi.FastAPI()
app = socketio.ASGIApp(server, api)
tasks = {}


async def push(rate, send):
    """Calls `send(n)` `rate` times a second until it fails or is cancelled."""
    begun = time.monotonic()
    for n in range(10**9):
        await asyncio.sleep(begun + n / rate - time.monotonic())
        await send(n)


@api.websocket("/ws")
async def stream(socket: fastapi.WebSocket, rate: float = 250):
    """One client: the stream, and its answers."""
    await socket.accept()
    pushing = asyncio.create_task(push(rate, lambda n: socket.send_json({"n": n, "text": "x" * 80})))

    async def answer(asked):
        await asyncio.sleep(asked["pause"] / 1000)
        await socket.send_json({"answer": asked["ask"]})

    answers = set()
    try:
        while True:
            one = asyncio.create_task(answer(await socket.receive_json()))
            answers.add(one)
            one.add_done_callback(answers.discard)
    except fastapi.WebSocketDisconnect:
        pushing.cancel()


@api.get("/")
async def ready():
    """Says that it is there."""
    return {}


@api.websocket("/ws/echo")
async def echo(socket: fastapi.WebSocket):
    """Says what it is told."""
    await socket.accept()
    with contextlib.suppress(fastapi.WebSocketDisconnect):
        while True:
            await socket.send_text(await socket.receive_text())


@server.event
async def connect(sid, environ):
    """Begins the client's stream; its rate is in the query."""
    rate = float(dict(pair.split("=") for pair in environ["QUERY_STRING"].split("&")).get("rate", 250))
    tasks[sid] = asyncio.create_task(push(rate, lambda n: server.emit("tick", {"n": n, "text": "x" * 80}, to=sid)))


@server.event
async def disconnect(sid, *_):
    """Ends it."""
    tasks.pop(sid).cancel()


@server.event
async def ask(sid, number, pause):
    """Is acknowledged after `pause` milliseconds."""
    await asyncio.sleep(pause / 1000)
    return number
