"""The half of a session that the application calls `receive`."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Optional

from .asgi import Data, Event
from .hello import SESSION_WINDOW
from .records import TEXT, Violation, charge, credit
from .tick import Tick

_CREDIT_STEP = SESSION_WINDOW // 4
"""Bytes that the application has received before the proxy is told of them; less than the window by so much that
nobody ever waits for what is not told yet."""

CONNECTING, OPEN, CROWDED, CLOSED, GONE = range(5)
"""States of a session. In CROWDED something that was sent waits, and all that comes goes behind it. CLOSED: by the
application. GONE: by the client, or the link is lost."""


def wake(waiter: Optional[asyncio.Future[None]]) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


class _Partial:
    """A message of which pieces are still to come."""

    __slots__ = ("kind", "owed", "pieces", "size")

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.pieces: list[bytes] = []
        self.size = 0
        self.owed = 0
        """What they cost, for which no credit was given yet."""


class Incoming:
    """What the client sends, from the records to the application.

    An idle session holds no queue: it is made for messages that come faster than they are received.
    """

    __slots__ = ("_allowance", "_consumed", "_inbox", "_is_connected", "_partial", "_reader",
                 "code", "reason", "state", "stream", "tick")  # fmt: skip

    def __init__(self, stream: int, tick: Tick) -> None:
        self.stream = stream
        self.tick = tick
        self.state = CONNECTING
        self.code = 0
        """What `websocket.disconnect` tells; 0: the session lives."""
        self.reason: Optional[str] = ""
        """The same; None: there was no Close of the client's or the application's, and nothing is told."""
        self._is_connected = False
        self._inbox: Optional[deque[Any]] = None  # messages, each with the credit that is owed for it behind it
        self._partial: Optional[_Partial] = None
        self._reader: Optional[asyncio.Future[None]] = None
        self._allowance = SESSION_WINDOW
        self._consumed = 0

    async def receive(self) -> Event:
        """ASGI's `receive`. After the end it tells the disconnect each time, at once."""
        if not self._is_connected:
            self._is_connected = True
            return {"type": "websocket.connect"}
        while self._inbox is None:
            if self.code:
                return self._disconnect()
            await self._arrival()
        data = self._inbox.popleft()
        owed = self._inbox.popleft()
        if not self._inbox:
            self._inbox = None
            if self._partial is not None:
                owed += self._partial.owed
                self._partial.owed = 0
        self._give_credit(owed)
        return {"type": "websocket.receive", "text" if isinstance(data, str) else "bytes": data}

    def _disconnect(self) -> Event:
        event: Event = {"type": "websocket.disconnect", "code": self.code}
        if self.reason is not None:
            event["reason"] = self.reason
        return event

    async def _arrival(self) -> None:
        mine = asyncio.get_running_loop().create_future()
        first, self._reader = self._reader, mine
        if first is not None:
            # Several tasks receive: whoever is woken wakes the one that waited before it.
            mine.add_done_callback(lambda _: wake(first))
        await mine

    def wake_reader(self) -> None:
        reader, self._reader = self._reader, None
        wake(reader)

    def on_data(self, kind: int, more: bool, payload: bytes, largest: int) -> bool:
        """A TEXT or BINARY has come. False: the message is larger than `largest` (0: any). Raises Violation."""
        if self._allowance <= 0:
            raise Violation(f"data without credit for session {self.stream}")
        size = len(payload)
        cost = charge(size)
        self._allowance -= cost
        if self.state >= CLOSED:
            return True
        partial = self._partial
        if partial is None and not more:
            if largest and size > largest:
                return False
            self._deliver(kind, payload, cost)
            return True
        if partial is None:
            partial = self._partial = _Partial(kind)
        elif partial.kind != kind:
            raise Violation(f"another type amid a message of session {self.stream}")
        partial.pieces.append(payload)
        partial.size += size
        partial.owed += cost
        if largest and partial.size > largest:
            self._partial = None
            return False
        if not more:
            self._partial = None
            self._deliver(kind, b"".join(partial.pieces), partial.owed)
        elif self._inbox is None:
            # The application has received all that is whole: were it the client's turn to wait, both would for ever.
            self._give_credit(partial.owed)
            partial.owed = 0
        return True

    def _deliver(self, kind: int, payload: bytes, owed: int) -> None:
        data: Data = payload
        if kind == TEXT:
            try:
                data = payload.decode()
            except UnicodeDecodeError:
                raise Violation(f"a text of session {self.stream} that is no UTF-8") from None
        if self._inbox is None:
            self._inbox = deque()
        self._inbox.append(data)
        self._inbox.append(owed)
        if self._reader is not None:
            self.wake_reader()

    def _give_credit(self, size: int) -> None:
        self._consumed += size
        if self._consumed >= _CREDIT_STEP and self.state < CLOSED:
            self._allowance += self._consumed
            self.tick.record(credit(self.stream, self._consumed))
            self._consumed = 0
