"""Which sessions a message is for, in as few bytes as can be: MULTICAST with a list, or with the number of a GROUP."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack, unpack
from typing import Optional

from .records import GROUP, GROUP_FLAG, MAX_LIST_PAYLOAD, MULTICAST, header, record, u32

_Shape = tuple[bytes, bytes, int]


def _shape(recipients: list[bytes]) -> _Shape:
    """What two lists are looked up by before they are compared: their ends and their length."""
    return recipients[0], recipients[-1], len(recipients)


class Groups:
    """The groups of one link.

    Recipients are lists of sessions' keys, which are their streams as they stand in a record. A list that comes twice
    is made a group, which from then on stands for it; the group that was used least recently gives way. Lists are the
    caller's until they are handed over, and must not change thereafter.
    """

    FEWEST = 16
    """A list of fewer is not worth a number."""
    MOST_IN_ONE = (MAX_LIST_PAYLOAD - 4) // 4
    _MOST_SEEN = 256

    __slots__ = ("_free", "_named", "_seen")

    def __init__(self) -> None:
        self._free = list(range(64, 0, -1))
        self._named: dict[_Shape, tuple[int, list[bytes]]] = {}  # the least recently used first
        self._seen: dict[_Shape, int] = {}  # hashes of lists that came once

    def multicast(self, recipients: list[bytes], body: bytes, flags: int) -> list[Sequence[bytes]]:
        """The records, as their parts, that send `body` to all of `recipients`.

        `flags`: BINARY_FLAG or 0. The body and four bytes for each recipient must fit a record: see split().
        """
        records: list[Sequence[bytes]] = []
        number = self._number_of(recipients, records)
        if number:
            records.append((header(MULTICAST, number, len(body), flags | GROUP_FLAG), body))
        else:
            count = len(recipients)
            start = header(MULTICAST, 0, 4 + 4 * count + len(body), flags)
            records.append((start, u32(count), b"".join(recipients), body))
        return records

    def _number_of(self, recipients: list[bytes], records: list[Sequence[bytes]]) -> int:
        """The number of their group; 0: they have none. Adds the GROUP to `records` when they get one."""
        shape = _shape(recipients)
        named = self._named.pop(shape, None)
        if named is not None:
            self._named[shape] = named
            if named[1] is recipients or named[1] == recipients:
                return named[0]
        if len(recipients) < self.FEWEST:
            return 0
        digest = hash(b"".join(recipients))
        if self._seen.get(shape) != digest:
            if len(self._seen) >= self._MOST_SEEN:
                self._seen.clear()
            self._seen[shape] = digest
            return 0
        del self._seen[shape]
        number = self._take_number(shape)
        if number:
            self._named[shape] = (number, recipients)
            records.append((define(number, recipients),))
        return number

    def _take_number(self, shape: Optional[_Shape]) -> int:
        """A number that is free, or that of the group of the same shape, or of the least recently used; 0: none."""
        if shape in self._named:
            return self._named.pop(shape)[0]
        if self._free:
            return self._free.pop()
        if self._named:
            return self._named.pop(next(iter(self._named)))[0]
        return 0

    def reserve(self) -> int:
        """A number for a message in pieces, which is not named again until release(); 0: all are taken."""
        return self._take_number(None)

    def release(self, number: int) -> None:
        self._free.append(number)


def define(number: int, recipients: list[bytes]) -> bytes:
    """The GROUP record, in which streams ascend."""
    count = len(recipients)
    streams = sorted(unpack(f"<{count}I", b"".join(recipients)))
    return record(GROUP, number, pack(f"<{count + 1}I", count, *streams))


def split(recipients: list[bytes], size: int) -> list[list[bytes]]:
    """The same recipients in lists that fit a MULTICAST with a body of `size` bytes."""
    most = (MAX_LIST_PAYLOAD - 4 - size) // 4
    return [recipients[start : start + most] for start in range(0, len(recipients), most)]
