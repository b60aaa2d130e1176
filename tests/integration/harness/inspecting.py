"""Looks at what a server sends on one WebSocket: inflates it with exactly the window that was agreed on, and checks that
each message of deflate_app.py is whole, in order and there.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, fields

from .compression import RSV1, TAIL
from .frames import BINARY, CLOSE, CONTINUATION, PING, TEXT

STRICT_STEP = 16
"""Bytes of output at a time: zlib lets a reference reach over the window into what the same call has put out."""


@dataclass
class Ledger:
    """What became of the messages of many connections. `missing`: that the backend sent and that never came."""

    connections: int = 0
    messages: int = 0
    compressed: int = 0
    plain_bytes: int = 0
    wire_bytes: int = 0
    wrong: int = 0
    missing: int = 0
    out_of_order: int = 0
    failed: int = 0  # connections that ended of themselves
    first_problem: str = ""

    def complain(self, what: str) -> None:
        """Keeps the first problem."""
        self.first_problem = self.first_problem or what

    def add(self, other: Ledger) -> None:
        """Adds another one's counts to these."""
        for field in fields(self):
            if field.name != "first_problem":
                setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        self.complain(other.first_problem)


class Inflater:
    """A decoder that keeps to what a 101's Sec-WebSocket-Extensions says, "" for none."""

    def __init__(self, answer: str) -> None:
        self.agreed = "permessage-deflate" in answer
        self.takeover = "server_no_context_takeover" not in answer
        window = re.search(r"server_max_window_bits=(\d+)", answer)
        self.window = int(window[1]) if window else 15
        self._context = zlib.decompressobj(wbits=-self.window)

    def inflate(self, payload: bytes) -> bytes:
        """What a compressed message says. zlib.error where it cannot be said."""
        if not self.takeover:
            self._context = zlib.decompressobj(wbits=-self.window)
        rest = payload + TAIL
        if self.window == 15:
            return self._context.decompress(rest)
        parts = []
        while rest:
            parts.append(self._context.decompress(rest, STRICT_STEP))
            rest = self._context.unconsumed_tail
        while part := self._context.decompress(b"", STRICT_STEP):
            parts.append(part)
        return b"".join(parts)


class Inspector:
    """One connection, from the server's first byte on. With `by_stream` messages are in order within their stream alone,
    and may be missing, as conflation has it."""

    def __init__(self, ledger: Ledger, by_stream: bool = False) -> None:
        self.ledger = ledger
        self.over: bool | None = None  # once the backend has said bye: whether for good
        self.closed = False
        self.pings: list[bytes] = []  # payloads, to be answered and taken out
        self._by_stream = by_stream
        self._buffer = b""
        self._inflater: Inflater | None = None
        self._first, self._payload = 0, b""  # of a message in fragments
        self._count = 0
        self._latest: dict[str, int] = {}

    @property
    def opened(self) -> bool:
        """Whether the handshake is over."""
        return self._inflater is not None

    def feed(self, data: bytes) -> None:
        """What has come next. ConnectionError where the handshake is refused."""
        self._buffer += data
        if self._inflater is None:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                raise ConnectionError(f"the handshake is answered with {head[:40]!r}")
            answer = re.search(rb"(?i)\r\nsec-websocket-extensions: *([^\r]*)", head)
            self._inflater, self._buffer = Inflater(answer[1].decode() if answer else ""), rest
            self.ledger.connections += 1
        at = 0
        while (end_at := self._frame(at)) is not None:
            at = end_at
        self._buffer = self._buffer[at:]

    def _frame(self, at: int) -> int | None:
        """Looks at the frame there; where it ends, or None where it is not whole."""
        buffer = self._buffer
        if len(buffer) < at + 2:
            return None
        size, begin = buffer[at + 1], at + 2
        if size >= 126:
            begin += 2 if size == 126 else 8
            size = int.from_bytes(buffer[at + 2 : begin], "big")
        if len(buffer) < begin + size:
            return None
        self._on_frame(buffer[at], buffer[begin : begin + size])
        return begin + size

    def _on_frame(self, first: int, payload: bytes) -> None:
        opcode = first & 0xF
        if opcode == PING:
            self.pings.append(payload)
        elif opcode == CLOSE:
            self.closed = True
        elif opcode in (TEXT, BINARY, CONTINUATION):
            self._first, self._payload = (first, payload) if opcode else (self._first, self._payload + payload)
            if first & 0x80:
                self._on_message(self._first >> 4 & 7 == RSV1, self._payload)

    def _on_message(self, compressed: bool, payload: bytes) -> None:
        self.ledger.messages += 1
        self.ledger.wire_bytes += len(payload)
        assert self._inflater
        if compressed:
            self.ledger.compressed += 1
            try:
                payload = self._inflater.inflate(payload)
            except zlib.error as error:
                self._wrong(f"it does not inflate: {error}")
                return
        self.ledger.plain_bytes += len(payload)
        try:
            self._check(payload)
        except (ValueError, KeyError) as error:
            self._wrong(f"{error}: {payload[:80]!r}")

    def _wrong(self, why: str) -> None:
        self.ledger.wrong += 1
        bits = self._inflater.window if self._inflater and self._inflater.agreed else 0
        self.ledger.complain(f"message {self._count} of a connection, window bits {bits}: {why}")

    def _check(self, payload: bytes) -> None:
        message = json.loads(payload) if payload else {}
        if "bye" in message:
            self.ledger.messages -= 1
            self.ledger.missing += message["bye"] - self._count
            self.over = message["over"]
            return
        self._count += 1
        if not message:
            return  # one of the empty messages
        checked = f"{message['s']} {message['g']} {message['b']}"
        if f"{zlib.crc32(checked.encode()):08x}" != message["c"]:
            raise ValueError("its checksum is another one")
        stream = message["s"] if self._by_stream else ""
        if message["g"]:
            if message["g"] <= self._latest.get(stream, 0):
                self.ledger.out_of_order += 1
                self.ledger.complain(f"{message['g']} came after {self._latest[stream]}")
            self._latest[stream] = message["g"]
