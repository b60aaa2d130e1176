"""A small encoder, written from batching/envelopes.md alone: what the decoders must undo."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import groupby
from typing import Any

from sheaf_batch import Message

PREFIX = '{"type":"batch","batch_size":'
MAGIC = b"SHF\x01"
# A group of messages that may share a frame has a common key; a message that cannot be carried has None.
Carry = Callable[[Message], object]
Wrap = Callable[[list[Message]], Message]


def refuse(_: str) -> None:
    raise ValueError


def json_carries(message: Message) -> object:
    try:
        json.loads(message, parse_constant=refuse)
    except ValueError:
        return None
    return True if isinstance(message, str) else None


def json_wrap(messages: list[Message]) -> Message:
    if json_carries(messages[0]):
        return f'{PREFIX}{len(messages)},"messages":[{",".join(map(str, messages))}]}}'
    return f'{PREFIX}1,"text":{json.dumps(messages[0])}}}'


def binary_wrap(messages: list[Message]) -> Message:
    records = [
        (len(data) | (0 if isinstance(message, str) else 1 << 31)).to_bytes(4, "big") + data
        for message in messages
        for data in [message.encode() if isinstance(message, str) else message]
    ]
    return MAGIC + b"".join(records)


def engineio_carries(message: Message) -> object:
    if not isinstance(message, str) or not message.startswith("4") or message[1:2] in ("5", "6") or "\x1e" in message:
        return None
    return True


def event_parts(message: Message) -> tuple[str, list[Any]] | None:
    """Namespace (with its comma) and array of an event without acknowledgement id; None for other messages."""
    head, _, rest = message.partition("[") if isinstance(message, str) else ("", "", "")
    if head[:2] != "42" or (head[2:] and not (head[2] == "/" and head.endswith(",") and head.count(",") == 1)):
        return None
    try:
        array = json.loads("[" + rest, parse_constant=refuse)
    except ValueError:
        return None
    return (head[2:], array) if len(array) == 2 and isinstance(array[0], str) else None


def event_carries(message: Message) -> object:
    parts = event_parts(message)
    return f"in {parts[0]}" if parts and parts[1][0] != "connect" else None


def event_wrap(messages: list[Message]) -> Message:
    parts = [event_parts(message) or ("", []) for message in messages]
    entries = [f'{{"event":{json.dumps(array[0])},"data":{json.dumps(array[1])}}}' for _, array in parts]
    return f'42{parts[0][0]}["batch",{PREFIX}{len(entries)},"messages":[{",".join(entries)}]}}]'


def is_app_batch(message: Message) -> bool:
    parts = event_parts(message)
    return parts is not None and parts[1][0] == "batch"


ENCODERS: dict[str, tuple[Carry, Wrap, Callable[[Message], bool]]] = {
    "json": (json_carries, json_wrap, lambda message: isinstance(message, str) and message.startswith(PREFIX)),
    "binary": (lambda _: True, binary_wrap, lambda message: isinstance(message, bytes) and message.startswith(MAGIC)),
    "engineio": (
        engineio_carries,
        lambda messages: ("\x1e" if len(messages) == 1 else "") + "\x1e".join(map(str, messages)),
        lambda message: isinstance(message, str) and "\x1e" in message,
    ),
    "socketio-event": (event_carries, event_wrap, is_app_batch),
}


def encode(envelope: str, messages: list[Message]) -> list[Message]:
    carries, wrap, is_look_alike = ENCODERS[envelope]
    sent: list[Message] = []
    for key, run in groupby(messages, carries):
        group = list(run)
        if key is not None and len(group) > 1:
            sent.append(wrap(group))
        else:
            sent += [wrap([message]) if is_look_alike(message) else message for message in group]
    return sent
