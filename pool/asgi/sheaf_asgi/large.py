"""A message that goes in pieces, in turn with others; or that waits behind one."""

from __future__ import annotations

from typing import Protocol

from .asgi import Data
from .groups import Groups, define
from .records import BINARY, BINARY_FLAG, GROUP_FLAG, MAX_PAYLOAD, MORE, MULTICAST, TEXT, charge, record


class Sender(Protocol):
    """What a large message knows of a session."""

    key: bytes
    stream: int

    def take_for_piece(self, cost: int) -> bool:
        """Whether the other side has credit for a piece, whose `cost` is then spent."""

    def advance(self) -> None:
        """The message is written, or the session is over."""

    def is_over(self) -> bool:
        """Whether nothing more can reach the client."""


class Large:
    """One message for one session, or for several that were given the same object before it began.

    To one session each piece goes when the client has read enough. To several the pieces go one after another, as the
    protocol wants it: each session has had credit at the beginning.
    """

    __slots__ = ("_group", "_offset", "body", "cost", "is_parked", "is_written", "not_before", "sessions", "source")

    def __init__(self, source: Data, body: bytes) -> None:
        self.source = source
        self.body = body
        pieces, rest = divmod(len(body), MAX_PAYLOAD)
        self.cost = pieces * MAX_PAYLOAD + (charge(rest) if rest or not pieces else 0)
        """The credit that all pieces take."""
        self.sessions: list[Sender] = []
        self.is_written = False
        self.is_parked = False
        """Whether it waits for credit, outside the line."""
        self.not_before = 0
        """The index of the tick's entry before which all must be written: they are the sessions' earlier messages."""
        self._offset = 0
        self._group = 0

    def next_records(self, groups: Groups) -> list[bytes]:
        """What is to be written in this turn; empty if nothing can be, or need be any more."""
        if len(self.sessions) > 1:
            return self._for_several(groups)
        (session,) = self.sessions
        if session.is_over():
            self.is_written = True
            return []
        piece = self.body[self._offset : self._offset + MAX_PAYLOAD]
        if not session.take_for_piece(charge(len(piece))):
            self.is_parked = True
            return []
        return [self._record(TEXT if isinstance(self.source, str) else BINARY, session.stream, piece, 0)]

    def _for_several(self, groups: Groups) -> list[bytes]:
        records: list[bytes] = []
        if self._group == 0:
            self._group = groups.reserve()
            if self._group == 0:
                return []  # as many messages as there are groups are under way: after one of them
            records.append(define(self._group, [session.key for session in self.sessions]))
        piece = self.body[self._offset : self._offset + MAX_PAYLOAD]
        flags = GROUP_FLAG | (0 if isinstance(self.source, str) else BINARY_FLAG)
        records.append(self._record(MULTICAST, self._group, piece, flags))
        if self.is_written:
            groups.release(self._group)
        return records

    def _record(self, kind: int, stream: int, piece: bytes, flags: int) -> bytes:
        self._offset += len(piece)
        self.is_written = self._offset == len(self.body)
        return record(kind, stream, piece, flags if self.is_written else flags | MORE)
