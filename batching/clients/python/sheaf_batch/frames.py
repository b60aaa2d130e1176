"""The decoders: one WebSocket frame in, the backend's messages out. Pure functions without state."""

from __future__ import annotations

import json
import re
from typing import Callable, Optional, Union

from .array import split_array, string_end

Message = Union[str, bytes]
"""A whole WebSocket message: str for text, bytes for binary."""

_MAGIC = b"SHF\x01"
_BINARY_BIT = 1 << 31
_REST = 0xFFFFFFFF  # in place of a length: a binary message that is the rest of the frame
_RECORD_SEPARATOR = "\x1e"

_BATCH = r'{"type":"batch","batch_size":'
_COUNT = r"([1-9][0-9]*)"
_JSON_BATCH = re.compile(re.escape(_BATCH) + _COUNT + re.escape(',"messages":['))
_JSON_TEXT = re.compile(re.escape(_BATCH + '1,"text":') + r'(".*")\}', re.DOTALL)
_EVENT_BATCH = re.compile(r'(4(?:2|5[0-9]+-)(?:/[^,]*,)?)\["batch",' + re.escape(_BATCH) + _COUNT + r',"messages":\[')
_WHOLE_EVENT = re.compile(r'\[[ \t\n\r]*"')
_ENTRY_START = '{"event":'
_ENTRY_MIDDLE = ',"data":'


class EnvelopeError(ValueError):
    """A frame in the `binary` envelope is broken, so its sender is: close the connection (code 1002)."""


def decode_frame(envelope: str, data: Message) -> list[Message]:
    """The messages of one frame, in order, byte for byte as the backend sent them; never an empty list.

    `data` is the frame's payload: str for a text frame, bytes for a binary one. A frame that is no envelope is one
    message and comes back as it is. For "engineio" and "socketio-event" the messages are Engine.IO packets, type digit
    included; those of "socketio-event" are rebuilt as `42["event",argument]`, with name and argument verbatim.

    Use it on frames of a connection for which Sheaf has confirmed `envelope` (in the header Sheaf-Batch of the 101
    answer): on others, a message of the app that has the envelope's form would be taken apart.

    Raises EnvelopeError for a broken frame in the "binary" envelope, ValueError for an unknown envelope.
    """
    try:
        decoder = _DECODERS[envelope]
    except KeyError:
        raise ValueError(f"unknown envelope {envelope!r}: it is one of {', '.join(ENVELOPES)}") from None
    return decoder(data)


def _decode_json(data: Message) -> list[Message]:
    if not isinstance(data, str) or not data.startswith(_BATCH):
        return [data]
    head = _JSON_BATCH.match(data)
    if head:
        parts = _counted_parts(data, head.end(), head[1], "]}")
        return [data] if parts is None else [*parts]
    text = _JSON_TEXT.fullmatch(data)
    if text:
        try:
            return [str(json.loads(text[1]))]
        except ValueError:
            pass
    return [data]


def _counted_parts(data: str, start: int, count: str, ending: str) -> Optional[list[str]]:
    """The parts of the array that begins at `start`, if there are `count` and `ending` is the frame's end."""
    # A count that has more digits than the frame's size is wrong, and int() would refuse the longest of them.
    if not data.endswith(ending) or len(count) > len(str(len(data))):
        return None
    parts = split_array(data, start)
    if parts is None or parts.end + len(ending) - 1 != len(data) or len(parts.texts) != int(count):
        return None
    return parts.texts


def _decode_binary(data: Message) -> list[Message]:
    if isinstance(data, str) or data[:4] != _MAGIC:
        return [data]
    size = len(data)
    if size == 4:
        raise EnvelopeError("no record")
    messages: list[Message] = []
    position = 4
    while position < size:
        header = int.from_bytes(data[position : position + 4], "big")
        start = position + 4
        position = size if header == _REST and start <= size else start + (header & ~_BINARY_BIT)
        if start > size or position > size:
            raise EnvelopeError("a record does not end within its frame")
        payload = data[start:position]
        messages.append(payload if header & _BINARY_BIT else _text(payload))
    return messages


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise EnvelopeError("a text record is not UTF-8") from error


def _decode_engineio(data: Message) -> list[Message]:
    if not isinstance(data, str):
        return [data]
    if data.startswith(_RECORD_SEPARATOR):
        return [data[1:]]
    return [*data.split(_RECORD_SEPARATOR)]


def _decode_socketio_event(data: Message) -> list[Message]:
    head = _EVENT_BATCH.match(data) if isinstance(data, str) else None
    if not head or not isinstance(data, str):
        return [data]
    parts = _counted_parts(data, head.end(), head[2], "]}]")
    packets: list[Message] = []
    for part in parts or ():
        if _WHOLE_EVENT.match(part):
            packets.append(head[1] + part)
            continue
        name_end = string_end(part, len(_ENTRY_START))
        if not (part.startswith(_ENTRY_START) and part.startswith(_ENTRY_MIDDLE, name_end) and part.endswith("}")):
            return [data]
        name, argument = part[len(_ENTRY_START) : name_end], part[name_end + len(_ENTRY_MIDDLE) : -1]
        packets.append(f"{head[1]}[{name},{argument}]")
    return packets or [data]


_DECODERS: dict[str, Callable[[Message], list[Message]]] = {
    "json": _decode_json,
    "binary": _decode_binary,
    "engineio": _decode_engineio,
    "socketio-event": _decode_socketio_event,
}

ENVELOPES = tuple(_DECODERS)
"""The names of the envelopes that decode_frame knows."""
