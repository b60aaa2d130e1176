"""Records of a link as bytes; pure functions. The format: proxy/wire/mux_frame.md.

The encoders make what the app sends. read_records() takes what the proxy sends, and checks all of it that can be
checked without knowing the link's state.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple, Optional

HELLO, OPEN, ACCEPT, REFUSE, BODY, TEXT, BINARY, MULTICAST, GROUP, CREDIT, CLOSE, GOAWAY, PING, PONG = range(14)

GROUP_FLAG, BINARY_FLAG, MORE = 1 << 5, 1 << 6, 1 << 7
_TYPE_MASK = (1 << 5) - 1

HEADER_SIZE = 8
MAX_FRAME = 131_072
MAX_PAYLOAD = 65_535
MAX_LIST_PAYLOAD = 131_064
MAX_HEAD = 131_072  # of an OPEN or ACCEPT, all its pieces together
MAX_CREDIT = 2**31 - 1
ABNORMAL = 1006
"""The code of an end without a Close (RFC 6455 7.4.1)."""
LEAST_CHARGE = 8
"""Bytes of credit that a record of data costs at least, however short it is."""
_MAX_PAYLOAD_UP = 16_384

_HEADER = Struct("<II")
_U16 = Struct("<H")
_U32 = Struct("<I")


class Violation(Exception):
    """The proxy has broken the protocol. The text says how, for the log and for the reason of the link's Close."""


Record = tuple[int, bool, int, bytes]
"""Type, MORE, stream and payload."""


class _Rule(NamedTuple):
    """What holds for a record with certain flags that the proxy sends."""

    kind: int
    more: bool
    about_link: Optional[bool]
    """Whether its stream is 0; None: it may be, or not."""
    shortest: int
    longest: int


def _rules() -> list[Optional[_Rule]]:
    """A rule for each value of a header's first byte; None where the proxy may not send it."""
    rules: list[Optional[_Rule]] = [None] * 256
    rules[HELLO] = _Rule(HELLO, False, True, 36, _MAX_PAYLOAD_UP)
    for kind in (OPEN, TEXT, BINARY):
        rules[kind] = _Rule(kind, False, False, 0, _MAX_PAYLOAD_UP)
        rules[kind | MORE] = _Rule(kind, True, False, 0, _MAX_PAYLOAD_UP)
    rules[CREDIT] = _Rule(CREDIT, False, None, 4, 4)
    rules[CLOSE] = _Rule(CLOSE, False, False, 2, 125)
    rules[GOAWAY] = _Rule(GOAWAY, False, True, 2, 2)
    for kind in (PING, PONG):
        rules[kind] = _Rule(kind, False, True, 8, 8)
    return rules


_RULES = _rules()


def charge(size: int) -> int:
    """The credit that a record of data with `size` bytes of payload costs."""
    return size if size > LEAST_CHARGE else LEAST_CHARGE


def read_records(frame: bytes) -> Iterator[Record]:
    """The records of a frame from the proxy, one by one. Raises Violation at the first that is wrong by itself."""
    size = len(frame)
    if size > MAX_FRAME:
        raise Violation(f"a frame of {size} bytes")
    unpack, rules = _HEADER.unpack_from, _RULES
    position = 0
    while position < size:
        if size - position < HEADER_SIZE:
            raise Violation("a frame ends amid a record's header")
        word, stream = unpack(frame, position)
        rule = rules[word & 0xFF]
        if rule is None:
            raise Violation(f"a record of type {word & _TYPE_MASK} with flags {(word & 0xFF) >> 5:#05b}")
        kind, more, about_link, shortest, longest = rule
        if about_link is not None and about_link is not (stream == 0):
            raise Violation(f"a record of type {kind} for stream {stream}")
        start = position + HEADER_SIZE
        length = word >> 8
        position = start + length
        if not shortest <= length <= longest:
            raise Violation(f"a record of type {kind} with {length} bytes")
        if position > size:
            raise Violation("a frame ends amid a record")
        yield kind, more, stream, frame[start:position]


def record(kind: int, stream: int, payload: bytes, flags: int = 0) -> bytes:
    return _HEADER.pack(kind | flags | len(payload) << 8, stream) + payload


def header(kind: int, stream: int, length: int, flags: int = 0) -> bytes:
    """A record without its payload, which is of `length` bytes."""
    return _HEADER.pack(kind | flags | length << 8, stream)


def word(kind: int, length: int) -> bytes:
    """The first half of a header without flags."""
    return _U32.pack(kind | length << 8)


def u32(number: int) -> bytes:
    return _U32.pack(number)


def credit(stream: int, size: int) -> bytes:
    return record(CREDIT, stream, _U32.pack(size))


def read_credit(payload: bytes) -> int:
    size: int = _U32.unpack(payload)[0]
    if not 0 < size <= MAX_CREDIT:
        raise Violation(f"a CREDIT of {size}")
    return size


def close(stream: int, code: int, reason: bytes) -> bytes:
    return record(CLOSE, stream, _U16.pack(code) + reason)


def read_close(payload: bytes) -> tuple[int, str]:
    """Code and reason of a CLOSE."""
    code: int = _U16.unpack_from(payload)[0]
    if code not in (1005, ABNORMAL) and not may_close_with(code):
        raise Violation(f"a CLOSE with code {code}")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise Violation("a CLOSE whose reason is no UTF-8") from None


def may_close_with(code: int) -> bool:
    """Whether a Close frame may carry the code (RFC 6455 7.4 and the registry that it founds)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def accept(stream: int, subprotocol: bytes, fields: bytes) -> list[bytes]:
    """The records of an ACCEPT. Raises ValueError if it is too large."""
    payload = _U16.pack(len(subprotocol)) + subprotocol + fields
    if len(payload) > MAX_HEAD:
        raise ValueError(f"the headers of websocket.accept take {len(payload)} bytes; the most is {MAX_HEAD}")
    return pieces(ACCEPT, stream, payload)


def refuse(stream: int, status: int, fields: bytes, body: bytes) -> list[bytes]:
    """The records of a REFUSE and its body. Raises ValueError if the fields are too large."""
    payload = _U16.pack(status) + fields
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"the headers of a refusal take {len(payload)} bytes; the most is {MAX_PAYLOAD}")
    if not body:
        return [record(REFUSE, stream, payload)]
    return [record(REFUSE, stream, payload, MORE), *pieces(BODY, stream, body)]


def pieces(kind: int, stream: int, payload: bytes) -> list[bytes]:
    """One payload as records of at most MAX_PAYLOAD, each but the last with MORE."""
    last = max(len(payload) - 1, 0) // MAX_PAYLOAD * MAX_PAYLOAD
    return [
        record(kind, stream, payload[start : start + MAX_PAYLOAD], MORE if start < last else 0)
        for start in range(0, last + 1, MAX_PAYLOAD)
    ]
