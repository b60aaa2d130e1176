"""An ASGI application without a framework, which shows what a server makes of it: each path does one thing.

What happens to it stands in the server's log, a line each: see note().
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from sheaf_asgi import Group, SheafMiddleware, broadcast

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

whose = contextvars.ContextVar("whose", default="nobody")
everybody: dict[str, list[Send]] = {}
groups: dict[str, Group[Send]] = {}


def note(scope: Scope, *words: object) -> None:
    """A line of the log: the query, by which tests tell their sessions apart, and words."""
    line = " ".join(map(str, ("NOTE", scope.get("query_string", b"").decode(), *words)))
    os.write(2, f"{line}\n".encode())  # whole, whatever else the server's threads write


def text(value: str) -> dict[str, Any]:
    return {"type": "websocket.send", "text": value}


async def try_to_send(scope: Scope, send: Send, event: dict[str, Any], what: str) -> None:
    try:
        await send(event)
        note(scope, what, "sent")
    except Exception as error:
        note(scope, what, "raised", *(kind.__name__ for kind in type(error).__mro__[:-3]))


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers each message with itself; notes the disconnect, tries a farewell, and takes a moment to finish."""
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        keys = sorted(key for key in event if event[key] is not None)
        assert len(keys) == 2, keys
        try:
            await send({**event, "type": "websocket.send"})
        except OSError:
            note(scope, "could not answer", event.get("text"))
    note(scope, "disconnect", event["code"], event.get("reason") or "-")
    await try_to_send(scope, send, text("farewell"), "farewell")
    again = await asyncio.wait_for(receive(), 5)
    note(scope, "again", again["type"], again["code"])
    await asyncio.sleep(0.2)
    note(scope, "finished")


async def show_scope(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts with the last subprotocol that is offered, and sends the scope as JSON."""
    offered = scope["subprotocols"]
    headers = [(b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2")]
    await send({"type": "websocket.accept", "subprotocol": offered[-1] if offered else None, "headers": headers})

    def plain(value: Any) -> Any:
        return value.decode("latin-1") if isinstance(value, bytes) else repr(value)

    await send(text(json.dumps(scope, default=plain)))
    scope["state"] = scope["extensions"]["own"] = scope["asgi"]["own"] = None
    scope["headers"].clear()
    await receive()


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close"})
    note(scope, "told", (await receive())["code"])
    await try_to_send(scope, send, text("late"), "late")


async def deny(scope: Scope, receive: Receive, send: Send) -> None:
    body = b"no " * int(parse_qs(scope["query_string"].decode())["times"][0])
    start = {"type": "websocket.http.response.start", "status": 451, "headers": [(b"X-Why", b"law")]}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body[:3], "more_body": True})
    await send({"type": "websocket.http.response.body", "body": body[3:]})
    note(scope, "told", (await receive())["code"])


async def forget(scope: Scope, receive: Receive, send: Send) -> None:
    """Begins a denial that announces as many bytes as the query says, and returns without its last body event."""
    length = parse_qs(scope["query_string"].decode())["length"][0].encode()
    start = {"type": "websocket.http.response.start", "status": 404, "headers": [(b"Content-Length", length)]}
    await send(start)
    await try_to_send(scope, send, start, "second")


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    """Raises or returns, before or after accept, as the query says."""
    if b"after" in scope["query_string"]:
        await send({"type": "websocket.accept"})
    if b"raise" in scope["query_string"]:
        raise LookupError("as the test wants it")


async def close(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    await receive()
    await send({"type": "websocket.close", "code": 4321, "reason": "bye"})
    event = await receive()
    note(scope, "told", event["code"], event["reason"])
    await try_to_send(scope, send, text("late"), "late")


async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends 1 KiB for ever, and notes how often when the client has gone."""
    await send({"type": "websocket.accept"})
    count = 0
    try:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(1024)})
            count += 1
    except OSError:
        note(scope, "flooded", count)


async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
    """Receives nothing until it is told to by an HTTP request, then all: notes how many messages there were."""
    await send({"type": "websocket.accept"})
    await ears.wait()
    count = 0
    while (await receive())["type"] == "websocket.receive":
        count += 1
    note(scope, "heard", count)


ears = asyncio.Event()


async def variable(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends the context variable's value as it was, and sets it."""
    await send({"type": "websocket.accept"})
    await send(text(whose.get()))
    whose.set(scope["query_string"].decode())
    await receive()
    await send(text(whose.get()))


async def room(scope: Scope, receive: Receive, send: Send) -> None:
    """A command is JSON: how to send ("loop", "broadcast", "group"), and messages: texts, or [text, times]; all that are
    in the room of the same query get each, one after another."""
    name = scope["query_string"].decode()
    members = everybody.setdefault(name, [])
    group = groups.setdefault(name, Group())
    await send({"type": "websocket.accept"})
    members.append(send)
    group.add(send)
    while (event := await receive())["type"] == "websocket.receive":
        way, messages = json.loads(event["text"])
        for message in messages:
            data = message if isinstance(message, str) else message[0] * message[1]
            if way == "loop":
                for one in [*members]:
                    await one(text(data))
            elif way == "broadcast":
                note(scope, "closed", len(await broadcast(members, data)))
            else:
                await group.send(data)
                note(scope, "group", len(group))
    if not name.startswith("stay"):
        members.remove(send)


async def mute(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers nothing as long as the client is there."""
    note(scope, "told", (await receive())["code"])


async def own(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends as many bytes as it is told to, for each message."""
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": bytes([65 + len(event["text"]) % 26]) * int(event["text"])})


PATHS = {"/echo": echo, "/scope": show_scope, "/refuse": refuse, "/deny": deny, "/forget": forget, "/fail": fail, "/close": close,
         "/flood": flood, "/deaf": deaf, "/variable": variable, "/room": room, "/own": own, "/mute": mute}  # fmt: skip


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await serve_lifespan(scope, receive, send)
    elif scope["type"] == "http":
        ears.set()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
    else:
        assert (await receive())["type"] == "websocket.connect"
        path = scope["path"][len(scope["root_path"]) :] if scope["path"].startswith(scope["root_path"]) else scope["path"]
        await PATHS[path](scope, receive, send)


async def serve_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    if "state" in scope:
        scope["state"]["who"] = "mux_app"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    note(scope, "lifespan shutdown")
    await send({"type": "lifespan.shutdown.complete"})


app = SheafMiddleware(serve)  # type: ignore[arg-type]
