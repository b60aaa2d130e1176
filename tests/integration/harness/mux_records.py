"""The proxy's side of mux as bytes: a small encoder and decoder, written from proxy/wire/mux_frame.md alone."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

KINDS = ("HELLO", "OPEN", "ACCEPT", "REFUSE", "BODY", "TEXT", "BINARY", "MULTICAST", "GROUP", "CREDIT", "CLOSE", "GOAWAY",
         "PING", "PONG")  # fmt: skip
GROUP_FLAG, BINARY_FLAG, MORE = 32, 64, 128
UP, DOWN = 16_384, 65_536
Fields = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Record:
    """A record as it stands in a frame; `flags` as in its word."""

    kind: str
    stream: int
    payload: bytes = b""
    flags: int = 0

    @property
    def more(self) -> bool:
        return bool(self.flags & MORE)

    def encode(self) -> bytes:
        return struct.pack("<II", KINDS.index(self.kind) | self.flags | len(self.payload) << 8, self.stream) + self.payload


def decode(frame: bytes) -> list[Record]:
    """The records of a frame, which must be whole."""
    records = []
    while frame:
        word, stream = struct.unpack_from("<II", frame)
        end = 8 + (word >> 8)
        assert len(frame) >= end, "a frame ends amid a record"
        records.append(Record(KINDS[word & 31], stream, frame[8:end], word & 0xE0))
        frame = frame[end:]
    return records


def text(value: str) -> bytes:
    return struct.pack("<H", len(value.encode())) + value.encode()


def fields(pairs: Fields) -> bytes:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    lengths = b"".join(struct.pack("<HH", len(name), len(value)) for name, value in encoded)
    return struct.pack("<H", len(encoded)) + lengths + b"".join(name + value for name, value in encoded)


def read_fields(block: bytes) -> list[tuple[str, str]]:
    (count,) = struct.unpack_from("<H", block)
    lengths = struct.unpack_from(f"<{count * 2}H", block, 2)
    position = 2 + count * 4
    parts = []
    for length in lengths:
        parts.append(block[position : position + length].decode("latin-1"))
        position += length
    assert position == len(block), "bytes behind a field block"
    return list(zip(parts[::2], parts[1::2]))


def hello(
    *,
    lowest: int = 1,
    highest: int = 1,
    traits: int = 0,
    process: int = 0,
    link_window: int = 0,
    session_window: int = 262_144,
    largest: int = 0,
) -> Record:
    """The proxy's, as it stands."""
    head = struct.pack("<8sHHIQ", b"SHEAFMUX", lowest, highest, traits, process)
    return Record("HELLO", 0, head + struct.pack("<III", link_window, session_window, largest))


@dataclass(frozen=True)
class Hello:
    """The app's HELLO."""

    lowest: int
    highest: int
    traits: int
    process: int
    link_window: int
    session_window: int
    largest: int


def read_hello(record: Record) -> Hello:
    assert record.kind == "HELLO" and record.stream == 0 and record.flags == 0
    magic, *numbers = struct.unpack("<8sHHIQIII", record.payload)
    assert magic == b"SHEAFMUX"
    return Hello(*numbers)


def open_payload(
    target: str = "/ws", headers: Fields = (), *, scheme: int = 0, minor: int = 1, address: str = "192.0.2.7", port: int = 4321
) -> bytes:
    return struct.pack("<BBH", scheme, minor, port) + text(address) + text(target) + fields(headers)


def pieces(kind: str, stream: int, payload: bytes, most: int = UP) -> list[Record]:
    """One payload as records of at most `most` bytes."""
    starts = range(0, max(len(payload), 1), most)
    return [Record(kind, stream, payload[at : at + most], 0 if at + most >= len(payload) else MORE) for at in starts]


def opening(stream: int, target: str = "/ws", headers: Fields = (), **more: object) -> list[Record]:
    return pieces("OPEN", stream, open_payload(target, headers, **more))  # type: ignore[arg-type]


def charge(payload: bytes) -> int:
    """What a record of data with this payload costs of a window."""
    return max(8, len(payload))


def credit(stream: int, size: int) -> Record:
    return Record("CREDIT", stream, struct.pack("<I", size))


def close(stream: int, code: int = 1000, reason: str = "") -> Record:
    return Record("CLOSE", stream, struct.pack("<H", code) + reason.encode())


def read_close(record: Record) -> tuple[int, str]:
    (code,) = struct.unpack_from("<H", record.payload)
    return code, record.payload[2:].decode()


def read_streams(payload: bytes) -> tuple[list[int], bytes]:
    """The list at the beginning of a GROUP or MULTICAST, and what is behind."""
    (count,) = struct.unpack_from("<I", payload)
    return list(struct.unpack_from(f"<{count}I", payload, 4)), payload[4 + 4 * count :]
