"""An ASGI WebSocket handler that does what its client's query says, and notes what it saw: `?tag=TAG&steps=JSON`.

A step is a word or an event to send:

    "receive"                   notes the event
    "again"                     receives once more, for at most a second; notes the event, or "nothing"
    "wait"                      receives no more until the client's next message, which is not noted
    "pause"                     lets the loop turn, so that what was sent can leave and what has come can come in
    "return", "raise"           ends so
    "hang"                      waits for ever: only a cancellation ends it
    "say"                       sends "hello", and lets an error escape
    {"type": ..., ...}          sends it; a "bytes" or "body" that is a string stands for its Latin-1 bytes, and so do the
                                headers' parts, and "times" repeats a "text"; notes an error's classes, and nothing where
                                there is none

The last note is how the handler ended: "returned", "raised" or "cancelled".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from .notes import note

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


class OnPurpose(Exception):
    """What "raise" raises."""


def as_event(step: Event) -> Event:
    """The event that a step stands for."""
    event = dict(step)
    for key in ("bytes", "body"):
        if isinstance(event.get(key), str):
            event[key] = event[key].encode("latin-1")
    if times := event.pop("times", 0):
        event["text"] *= times
    if "headers" in event:
        event["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in event["headers"]]
    return event


def as_note(event: Event) -> Event:
    """A received event in JSON: bytes as Latin-1, without what is None, and without a reason that is empty."""
    return {
        key: value.decode("latin-1") if isinstance(value, bytes) else value
        for key, value in event.items()
        if value is not None and (key, value) != ("reason", "")
    }


async def send_and_note(tag: str, send: Send, event: Event) -> None:
    """Notes the classes of the error, if there is one, but for `object`."""
    try:
        await send(event)
    except Exception as error:
        note(tag, [one.__name__ for one in type(error).__mro__[:-1]])


async def take(tag: str, step: Any, receive: Receive, send: Send) -> None:
    """One step, but for those that end the handler."""
    if isinstance(step, dict):
        await send_and_note(tag, send, as_event(step))
    elif step == "receive":
        note(tag, as_note(await receive()))
    elif step == "again":
        try:
            note(tag, as_note(await asyncio.wait_for(receive(), 1)))
        except asyncio.TimeoutError:
            note(tag, "nothing")
    elif step == "wait":
        await receive()
    elif step == "say":
        await send({"type": "websocket.send", "text": "hello"})
    elif step == "pause":
        await asyncio.sleep(0.1)
    elif step == "hang":
        await asyncio.Event().wait()
    elif step == "raise":
        raise OnPurpose("the script says so")
    else:
        raise AssertionError(f"no such step: {step}")


async def run_script(scope: Event, receive: Receive, send: Send) -> None:
    """The ASGI callable."""
    query = parse_qs(scope["query_string"].decode())
    tag = query["tag"][0]
    ended = "raised"
    try:
        for step in json.loads(query["steps"][0]):
            if step == "return":
                break
            await take(tag, step, receive, send)
        ended = "returned"
    except asyncio.CancelledError:
        ended = "cancelled"
        raise
    finally:
        note(tag, ended)
