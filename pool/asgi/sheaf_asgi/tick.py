"""What a link has to send in a turn of the event loop, gathered."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, Optional, Protocol

from .asgi import Data
from .records import MAX_PAYLOAD, charge

MAX_PENDING = 1 << 16
"""Bytes that may wait on a link before send() waits for them to be written: while the application sends thousands of
messages in one turn of the loop, the first of them are on their way. A message to many counts once."""


class Receiver(Protocol):
    """What a tick knows of a session."""

    key: bytes
    """Its stream, as it stands in a record."""
    last: int
    """The index of its newest entry on this link; -1: there is none."""
    credit: int


class Entries(NamedTuple):
    """What was gathered: three lists of one length."""

    sources: list[Optional[Data]]
    """What the application sent; None where the body is a whole record."""
    bodies: list[bytes]
    """The payload, or the whole record."""
    recipients: list[bytes | list[bytes]]
    """The key of the one session that the payload is for, or a list of keys; of a whole record: empty."""


class Tick:
    """A message that the application sends to many sessions, as the same object, becomes one entry.

    A session joins an earlier entry only if its own newest entry is before that: so the order of each session is kept,
    and none is twice in a list. Indices of entries count on as long as the link lives. Flat lists of str, bytes and of
    few lists are all there is: nothing is made for each message that the garbage collector would have to follow.
    """

    __slots__ = ("_bodies", "_first", "_index", "_recipients", "_sources", "_waiter", "pending", "surely_small",
                 "tail", "tail_cost", "tail_index", "tail_keys")  # fmt: skip

    def __init__(self) -> None:
        self.surely_small = MAX_PAYLOAD // 4
        """Characters of a text that fit a record, and what the proxy takes in a message, whatever they are."""
        self.pending = 0
        """Bytes that were gathered and are not written yet."""
        # The entry that was joined last, which is most likely to be joined next: Session.send() does it by itself.
        self.tail: Optional[Data] = None
        self.tail_index = -1
        self.tail_keys: list[bytes] = []
        self.tail_cost = 0
        self._first = 0  # the index of the first entry in the lists
        self._index: dict[int, int] = {}  # id() of a source to the entry's index; the lists keep the source alive
        self._sources: list[Optional[Data]] = []
        self._bodies: list[bytes] = []
        self._recipients: list[bytes | list[bytes]] = []
        self._waiter: Optional[asyncio.Future[None]] = None

    def message(self, session: Receiver, data: Data) -> None:
        """Adds a message, which must fit a record, and takes it from the session's credit."""
        at = self._index.get(id(data), -1)
        if at < 0 and self._sources and self._sources[-1] == data:
            # Most often of send_json() in a loop, which writes the same text anew for each.
            at = self._first + len(self._sources) - 1
        if session.last < at:
            self._join(session, at, data)
            return
        body = data.encode() if isinstance(data, str) else data
        session.last = self._index[id(data)] = self.next_index()
        session.credit -= charge(len(body))
        self._add(data, body, session.key)

    def record(self, body: bytes) -> int:
        """Adds whole records, and returns the entry's index, for `last` of the session that they are about."""
        self._add(None, body, b"")
        return self.next_index() - 1

    def _add(self, source: Optional[Data], body: bytes, recipients: bytes) -> None:
        self._sources.append(source)
        self._bodies.append(body)
        self._recipients.append(recipients)
        self.pending += len(body)
        if self._waiter is not None:
            self.wake()

    def _join(self, session: Receiver, at: int, data: Data) -> None:
        position = at - self._first
        keys = self._recipients[position]
        if isinstance(keys, list):
            keys.append(session.key)
        else:
            keys = self._recipients[position] = [keys, session.key]
        session.last = at
        self.tail, self.tail_index, self.tail_keys = data, at, keys
        self.tail_cost = charge(len(self._bodies[position]))
        session.credit -= self.tail_cost

    def take(self) -> Entries:
        """All entries; new ones begin."""
        entries = Entries(self._sources, self._bodies, self._recipients)
        self._first += len(self._bodies)
        self._sources, self._bodies, self._recipients = [], [], []
        self._index.clear()
        self.tail, self.tail_index, self.tail_keys = None, -1, []  # no session's newest entry is before -1
        return entries

    def is_empty(self) -> bool:
        return not self._bodies

    def next_index(self) -> int:
        """That of the entry which is added next."""
        return self._first + len(self._bodies)

    async def wait(self) -> None:
        """Until wake(), which adding something calls, too. For one task."""
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
