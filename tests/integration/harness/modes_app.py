"""The app of tests that run in every mode: `uvicorn harness.modes_app:app`. FastAPI; raw ASGI at /script.

What handlers see after their client has gone they write down by harness.notes, under the query's `tag`.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, WebSocket, WebSocketDisconnect, WebSocketException
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from harness.asgi_script import run_script
from harness.notes import note
from harness.room import router as room_router

CHAT_PROTOCOLS = ("chat.v2", "chat.v1")
# Latin-1, twice the same name, an empty value, a name in capitals.
ACCEPT_HEADERS = [
    (b"set-cookie", b"chat=1; Path=/"),
    (b"set-cookie", b"theme=dark; HttpOnly"),
    (b"X-Demo", b"caf\xe9"),
    (b"x-empty", b""),
]
who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
background: set[asyncio.Task[None]] = set()  # the loop itself holds tasks weakly


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """State that handlers share; the shutdown is noted, since what handlers do must come before."""
    who.set("the lifespan")
    yield {"started": "by the lifespan", "shared": []}
    note("lifespan", "shutdown")


api = FastAPI(lifespan=lifespan)
api.include_router(room_router)


async def echo_on(socket: WebSocket) -> WebSocketDisconnect:
    """Sends each message back as it came, until the client leaves."""
    while (message := await socket.receive())["type"] != "websocket.disconnect":
        if message.get("text") is not None:
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])
    return WebSocketDisconnect(message["code"], message.get("reason"))


@api.get("/pid")
async def pid() -> int:
    """The process."""
    return os.getpid()


@api.websocket("/ws/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await echo_on(socket)


@api.websocket("/ws/closed")
async def closed(socket: WebSocket, tag: str) -> None:
    """Echoes, and notes code and reason of the client's end."""
    await socket.accept()
    left = await echo_on(socket)
    note(tag, [left.code, left.reason])


@api.websocket("/ws/close")
async def close(socket: WebSocket, code: int = 1000, reason: str = "") -> None:
    """Closes after one message."""
    await socket.accept()
    await socket.send_text("hello")
    await socket.close(code, reason)


@api.websocket("/ws/chat")
async def chat(socket: WebSocket) -> None:
    """Takes the best subprotocol that both sides know, and gives fields to the client."""
    chosen = next((name for name in CHAT_PROTOCOLS if name in socket.scope["subprotocols"]), None)
    await socket.accept(subprotocol=chosen, headers=ACCEPT_HEADERS)
    await socket.send_json({"subprotocol": chosen, "cookies": dict(socket.cookies)})
    await echo_on(socket)


@api.websocket("/ws/large_fields")
async def large_fields(socket: WebSocket, count: int, size: int) -> None:
    """Tells how long each x-large field of the request is, and gives so many of that size to the client."""
    await socket.accept(headers=[(b"x-large", bytes([97 + number]) * size) for number in range(count)])
    await socket.send_json([len(value) for name, value in socket.headers.items() if name == "x-large"])
    await echo_on(socket)


@api.websocket("/ws/deny")
async def deny(socket: WebSocket, status: int = 403) -> None:
    """Refuses with this status, fields and a body."""
    response = JSONResponse({"denied": status, "why": "é" * 10}, status, {"x-demo": "denied"})
    response.set_cookie("tried", "1")
    response.set_cookie("again", "2")
    await socket.send_denial_response(response)


@api.websocket("/ws/deny_in_pieces")
async def deny_in_pieces(socket: WebSocket, pieces: int, size: int) -> None:
    """Refuses with a body that is sent in pieces, each of one letter."""

    async def body() -> AsyncIterator[bytes]:
        for number in range(pieces):
            yield bytes([97 + number % 26]) * size
            await asyncio.sleep(0)

    await socket.send_denial_response(StreamingResponse(body(), 401, media_type="text/plain"))


@api.websocket("/ws/raises")
async def raises(socket: WebSocket, code: int = 1008, accept: bool = False) -> None:
    """FastAPI's own exception, before or after the accept."""
    if accept:
        await socket.accept()
    raise WebSocketException(code, "on purpose")


@api.websocket("/scope/{rest:path}")
async def tell_scope(socket: WebSocket, rest: str) -> None:
    """Tells the scope, but for what FastAPI has put into it; bytes as Latin-1."""
    await socket.accept(subprotocol=next(iter(socket.scope["subprotocols"]), None))
    scope = socket.scope
    told = {key: scope.get(key) for key in ("type", "scheme", "client", "path", "root_path", "subprotocols")}
    told |= {key: scope.get(key) for key in ("asgi", "http_version")}
    told |= {key: scope[key].decode("latin-1") for key in ("raw_path", "query_string")}
    told["headers"] = [[part.decode("latin-1") for part in pair] for pair in scope["headers"]]
    told["extensions"] = sorted(scope.get("extensions") or {})
    told["rest"] = rest
    await socket.send_json(told)
    await echo_on(socket)


@api.websocket("/ws/state")
async def state(socket: WebSocket) -> None:
    """What the lifespan left: its objects are shared, a key that a session sets is that session's own."""
    await socket.accept()
    async for text in socket.iter_text():
        own = getattr(socket.state, "own", None)
        socket.state.own = text
        socket.state.shared.append(text)
        await socket.send_json({"started": socket.state.started, "own": own, "shared": socket.state.shared})


@api.websocket("/ws/context")
async def context(socket: WebSocket) -> None:
    """A context variable for each session, read again after others have run."""
    await socket.accept()
    before = who.get()
    async for text in socket.iter_text():
        if text != "?":
            who.set(text)
        await socket.send_json([before, who.get(), await asyncio.create_task(read_context())])


async def read_context() -> str:
    """By a task of the handler's own, which inherits its context."""
    return who.get()


@api.websocket("/ws/background")
async def in_background(socket: WebSocket, tag: str) -> None:
    """A task that outlives the handler."""

    async def later() -> None:
        await asyncio.sleep(0.2)
        note(tag, "done in the background")

    await socket.accept()
    task = asyncio.create_task(later())
    background.add(task)
    task.add_done_callback(background.discard)
    await socket.close()


async def resource(tag: Annotated[str, Query()]) -> AsyncIterator[str]:
    """A dependency with a clean-up."""
    try:
        yield "resource"
    finally:
        note(tag, "cleaned up")


@api.websocket("/ws/depends")
async def depends(socket: WebSocket, given: Annotated[str, Depends(resource)]) -> None:
    """Lets the client's leaving escape, as most code does."""
    await socket.accept()
    await socket.send_text(given)
    while True:
        await socket.send_text(await socket.receive_text())


@api.websocket("/ws/buffers")
async def buffers(socket: WebSocket) -> None:
    """Sends a buffer and a view of it, changes it, and does so again."""
    await socket.accept()
    buffer = bytearray(1000)
    for number in (1, 2):
        buffer[:] = bytes([number]) * len(buffer)
        await socket.send_bytes(buffer)
        await socket.send_bytes(memoryview(buffer))
    buffer[:] = bytes(len(buffer))
    await echo_on(socket)


@api.websocket("/ws/two_tasks")
async def two_tasks(socket: WebSocket, tag: str) -> None:
    """Reads and writes at once, and cancels one where the other ends."""

    async def write() -> None:
        try:
            for number in range(1_000_000):
                await socket.send_text(f"tick {number}")
                await asyncio.sleep(0.005)
        finally:
            note(tag, "the writer has ended")

    await socket.accept()
    tasks = {asyncio.create_task(write()), asyncio.create_task(echo_on(socket))}
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    note(tag, "the handler has ended")


@api.websocket("/ws/farewell")
async def farewell(socket: WebSocket, tag: str) -> None:
    """Notes the end that the server brings, tries to say something, and takes its time to finish."""
    await socket.accept()
    await socket.send_text("ready")
    left = await echo_on(socket)
    note(tag, left.code)
    try:
        await socket.send_text("farewell")
    except (WebSocketDisconnect, RuntimeError) as error:
        note(tag, type(error).__name__)
    await asyncio.sleep(0.3)
    note(tag, "finished")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """/script is raw ASGI, all else FastAPI."""
    if scope["type"] == "websocket" and scope["path"].endswith("/script"):
        await run_script(scope, receive, send)
    else:
        await api(scope, receive, send)
