"""Decoders of the four envelopes, written from batching/envelopes.md alone, so that the tests do not ask the encoder.

A message is (opcode, payload) with opcode TEXT or BINARY, on the way in and on the way out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from .frames import BINARY, TEXT

Message = tuple[int, bytes]
Decoder = Callable[[int, bytes], list[Message]]

JSON_PREFIX = b'{"type":"batch","batch_size":'
MAGIC = b"SHF\x01"
RECORD_SEPARATOR = b"\x1e"
# What a string of JSON is, or one byte that matters outside of strings.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


class NotAnEnvelope(ValueError):
    """A frame that looks like an envelope and is none: it would be misread by a decoder."""


def split_top_level(inner: bytes) -> list[bytes]:
    """The members of a JSON array's inside, verbatim, white space included."""
    parts, depth, begin = [], 0, 0
    for token in _TOKEN.finditer(inner):
        if token[0] in b"[{":
            depth += 1
        elif token[0] in b"]}":
            depth -= 1
        elif token[0] == b"," and depth == 0:
            parts.append(inner[begin : token.start()])
            begin = token.end()
    return [*parts, inner[begin:]]


def decode_json(opcode: int, payload: bytes) -> list[Message]:
    if opcode != TEXT or not payload.startswith(JSON_PREFIX):
        return [(opcode, payload)]
    if form := re.fullmatch(re.escape(JSON_PREFIX) + rb'1,"text":("(?:[^"\\]|\\.)*")\}', payload, re.DOTALL):
        return [(TEXT, json.loads(form[1]).encode())]
    form = re.fullmatch(re.escape(JSON_PREFIX) + rb'([1-9][0-9]*),"messages":\[(.*)\]\}', payload, re.DOTALL)
    if not form:
        raise NotAnEnvelope(payload[:200])
    parts = split_top_level(form[2])
    if len(parts) != int(form[1]):
        raise NotAnEnvelope(payload[:200])
    return [(TEXT, part) for part in parts]


def decode_binary(opcode: int, payload: bytes) -> list[Message]:
    if opcode != BINARY or not payload.startswith(MAGIC):
        return [(opcode, payload)]
    messages, at = [], len(MAGIC)
    while at < len(payload):
        length = int.from_bytes(payload[at : at + 4], "big")
        size = len(payload) - at - 4 if length == 0xFFFFFFFF else length & 0x7FFFFFFF
        messages.append((BINARY if length >> 31 else TEXT, payload[at + 4 : at + 4 + size]))
        at += 4 + size
    if at != len(payload) or not messages:
        raise NotAnEnvelope(payload[:200])
    return messages


def decode_engineio(opcode: int, payload: bytes) -> list[Message]:
    if opcode != TEXT or RECORD_SEPARATOR not in payload:
        return [(opcode, payload)]
    if payload.startswith(RECORD_SEPARATOR):
        return [(TEXT, payload[1:])]
    return [(TEXT, part) for part in payload.split(RECORD_SEPARATOR)]


def decode_socketio_event(opcode: int, payload: bytes) -> list[Message]:
    """Packets come out in one normal form (see normal_packet), which is what this envelope promises."""
    event = re.fullmatch(rb"(4[25](?:[0-9]+-)?(?:/[^,\[]*,)?)(\[.*\])", payload, re.DOTALL)
    if opcode != TEXT or not event:
        return [(opcode, payload)]
    try:
        arguments = json.loads(event[2])
    except ValueError:
        return [(opcode, payload)]
    if len(arguments) != 2 or arguments[0] != "batch" or not isinstance(arguments[1], dict):
        return [(opcode, normal_packet(payload))]
    batch = arguments[1]
    entries = batch.get("messages")
    if batch.get("type") != "batch" or not isinstance(entries, list) or batch.get("batch_size") != len(entries):
        return [(opcode, normal_packet(payload))]
    events = [entry if isinstance(entry, list) else [entry["event"], entry["data"]] for entry in entries]
    return [(TEXT, event[1] + _dumped(one)) for one in events]


def normal_packet(payload: bytes) -> bytes:
    """A packet with its JSON written in one way, so that packets with equal events are equal; others as they are."""
    head, bracket, tail = payload.partition(b"[")
    if not bracket or not head.startswith((b"42", b"45")):
        return payload
    try:
        return head + _dumped(json.loads(bracket + tail))
    except ValueError:
        return payload


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


DECODERS: dict[str, Decoder] = {
    "json": decode_json,
    "binary": decode_binary,
    "engineio": decode_engineio,
    "socketio-event": decode_socketio_event,
}
