"""The one task that sends on a link: what was gathered leaves in frames."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Optional

from .asgi import Data, Send
from .groups import Groups, split
from .large import Large
from .records import BINARY, BINARY_FLAG, HEADER_SIZE, MAX_FRAME, TEXT, word
from .tick import MAX_PENDING, Tick

_FAIR_SHARE = MAX_FRAME // 2
"""Bytes of other records between two pieces of large messages, where there are so many."""

_PREPARED = 1024
_TEXT_WORDS = [word(TEXT, length) for length in range(_PREPARED)]
_BINARY_WORDS = [word(BINARY, length) for length in range(_PREPARED)]

Chunk = tuple[int, Sequence[bytes]]
"""One record or more that stay in one frame: how many bytes, and the parts they consist of."""


class Writer:
    """Nobody else calls the link's `send` once run() has begun, so that a cancelled handler never cuts a frame."""

    def __init__(self, tick: Tick, send: Send) -> None:
        self._tick = tick
        self._send = send
        self._groups = Groups()
        self._urgent: list[bytes] = []
        self._line: deque[Large] = deque()
        self._unbegun: dict[int, Large] = {}  # large messages that others may join, by id() of their source
        self._written = 0  # entries of the tick, all in all
        self._drained: Optional[asyncio.Future[None]] = None
        self._closing: Optional[tuple[int, str]] = None

    async def run(self, hello: bytes) -> None:
        """Writes until close() was called, or the link is lost, which raises what the server raises."""
        await self._send({"type": "websocket.send", "bytes": hello})
        while self._closing is None:
            if self._tick.is_empty() and not self._urgent and not self._line:
                await self._tick.wait()
            for frame in self._frames():
                if self._closing is not None:
                    break
                await self._send({"type": "websocket.send", "bytes": frame})
                if self._tick.pending <= MAX_PENDING:
                    self._tell_drained()
                if len(frame) > _FAIR_SHARE:
                    await asyncio.sleep(0)  # a send() that need not wait lets nobody else run
        code, reason = self._closing
        await self._send({"type": "websocket.close", "code": code, "reason": reason})

    def close(self, code: int, reason: str) -> None:
        """After the frame that is being sent the link is closed; what waits is dropped. The first call counts."""
        if self._closing is None:
            self._closing = (code, reason[:100])
        self._tick.wake()

    def large_message(self, data: Data, body: bytes) -> Large:
        """The one of this very object that has not begun, or a new one, which is put into the line."""
        large = self._unbegun.get(id(data))
        if large is None or len(large.sessions) >= Groups.MOST_IN_ONE:
            large = self._unbegun[id(data)] = Large(data, body)
            self.line_up(large)
        large.not_before = self._tick.next_index()
        return large

    def urgent(self, record: bytes) -> None:
        """Puts a record before all that waits."""
        self._urgent.append(record)
        self._tick.wake()

    def line_up(self, large: Large) -> None:
        """One piece at a time, in turn with others."""
        large.is_parked = False
        large.not_before = self._tick.next_index()
        self._line.append(large)
        self._tick.wake()

    async def drained(self) -> None:
        """Until no more than MAX_PENDING waits. Also returns when the link is lost."""
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._drained)

    def stop(self) -> None:
        """The link is lost, or run() has ended: nobody waits for it in vain."""
        self._tell_drained()

    def _tell_drained(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def _frames(self) -> Iterator[bytes]:
        """All that waits, as frames; what comes while one is being sent goes into the next."""
        parts: list[bytes] = []
        size = 0
        for length, pieces in self._chunks():
            if size + length > MAX_FRAME:
                yield b"".join(parts)
                parts, size = [], 0
            parts += pieces
            size += length
        if parts:
            yield b"".join(parts)

    def _chunks(self) -> Iterator[Chunk]:
        entries: Iterator[Chunk] = iter(())
        while True:
            while self._urgent:
                record = self._urgent.pop(0)
                yield len(record), (record,)
            for record in self._next_piece():
                yield len(record), (record,)
            share = 0
            for chunk in entries:
                yield chunk
                share += chunk[0]
                if share >= _FAIR_SHARE:
                    break
            else:
                if not self._tick.is_empty():
                    entries = self._encode()
                elif not self._urgent and not self._line:
                    return

    def _encode(self) -> Iterator[Chunk]:
        """The records of what the tick has gathered up to now."""
        tick = self._tick
        for source, body, recipients in zip(*tick.take()):
            tick.pending -= len(body)
            if source is None:
                yield len(body), (body,)
            elif isinstance(recipients, bytes):
                size = len(body)
                if size < _PREPARED:
                    start = _TEXT_WORDS[size] if isinstance(source, str) else _BINARY_WORDS[size]
                else:
                    start = word(TEXT if isinstance(source, str) else BINARY, size)
                yield HEADER_SIZE + size, (start, recipients, body)
            else:
                yield from self._multicast(source, body, recipients)
            self._written += 1  # not before the last of its records, between which a large message could have its turn

    def _multicast(self, source: Data, body: bytes, recipients: list[bytes]) -> Iterator[Chunk]:
        flags = 0 if isinstance(source, str) else BINARY_FLAG
        for some in split(recipients, len(body)):
            for parts in self._groups.multicast(some, body, flags):
                yield sum(map(len, parts)), parts

    def _next_piece(self) -> list[bytes]:
        """One piece of the first large message in the line that may go on; empty if none may."""
        for _ in range(len(self._line)):
            large = self._line.popleft()
            if large.not_before > self._written:
                self._line.append(large)
                continue
            if self._unbegun.get(id(large.source)) is large:
                del self._unbegun[id(large.source)]
            records = large.next_records(self._groups)
            if large.is_written:
                for session in large.sessions:
                    session.advance()
            elif not large.is_parked:
                self._line.append(large)
            if records:
                return records
        return []
