"""Messages too large to be held: sent from a pattern, and looked at while they are read."""

from __future__ import annotations

import hashlib
import random
import struct
import threading
import zlib
from dataclasses import dataclass, field

from .frames import BINARY, CLOSE, CONTINUATION, PING, PONG, RawWebSocket, frame
from .recorder import Connection

READ = 1 << 18
MIB = 1 << 20
# What cannot be compressed, again and again, out of step with any size that means something.
PERIOD = 999_983
PATTERN = random.Random(11).randbytes(PERIOD)
LAID_OUT = PATTERN * 3


def pattern(begin: int, size: int) -> bytes:
    """Up to a mebibyte of the endless pattern."""
    start = begin % PERIOD
    return LAID_OUT[start : start + size]


def header(opcode: int, size: int, *, fin: bool = True) -> bytes:
    """Of a server's frame."""
    return frame(opcode, declared=size, fin=fin, masked=False)


class Sending:
    """Sends one message of the pattern in its own thread, in frames of `piece` bytes; `sent` grows."""

    def __init__(self, connection: Connection, size: int, piece: int = 0, opcode: int = BINARY, beginning: bytes = b""):
        self._connection, self._size, self._piece, self._opcode = connection, size, piece or size, opcode
        self._beginning = beginning
        self.sent = 0
        self.broken = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def _frames(self) -> list[tuple[bytes, int, int]]:
        starts = range(0, self._size, self._piece)
        sizes = [min(self._piece, self._size - start) for start in starts]
        return [
            (header(CONTINUATION if start else self._opcode, size, fin=start + size == self._size), start, size)
            for start, size in zip(starts, sizes, strict=True)
        ]

    def _run(self) -> None:
        waiting = bytearray()
        for head, start, size in self._frames():
            waiting += head
            for part in range(start, start + size, MIB):
                data = pattern(part, min(MIB, start + size - part))
                waiting += self._beginning + data[len(self._beginning) :] if part == 0 else data
                if len(waiting) >= MIB and not self._flush(waiting):
                    return
        self._flush(waiting)

    def _flush(self, waiting: bytearray) -> bool:
        try:
            self._connection.socket.sendall(waiting)
        except OSError:
            self.broken = True
            return False
        self.sent += len(waiting)
        waiting.clear()
        return True


@dataclass
class Seen:
    """What was read of one message: nothing of it is kept but its digest and its first bytes."""

    frames: int = 0
    size: int = 0
    opcode: int = 0
    beginning: bytes = b""
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    close: int = 0  # the code of a Close that came amid it, or in its place

    @property
    def summary(self) -> str:
        """As fragmenting.digest has it."""
        return f"{self.size} {self.digest.hexdigest()}"

    def add(self, data: bytes) -> None:
        self.beginning = (self.beginning + data)[:64] if len(self.beginning) < 64 else self.beginning
        self.size += len(data)
        self.digest.update(data)


class Reader:
    """Reads one message off a RawWebSocket, which has nothing buffered afterwards; compressed ones are inflated.

    `context`: of the connection, kept by the caller, where the server may keep its own between messages."""

    def __init__(self, socket: RawWebSocket, context: zlib._Decompress | None = None) -> None:
        self._socket = socket
        self._context = context
        self._buffer, socket.buffer = bytearray(socket.buffer), b""
        self._inflate = None
        self.seen = Seen()

    def read(self, most: int = 1 << 62) -> Seen:
        """Goes on until the message has ended, or `most` bytes of it, about, were seen."""
        while self.seen.size < most:
            fin, rsv, opcode, size = self._header()
            if opcode in (PING, PONG):
                self._take(size)
                continue
            if opcode == CLOSE:
                self.seen.close = struct.unpack(">H", bytes(self._take(size)[:2]))[0] if size else 1005
                return self.seen
            self.seen.frames += 1
            self.seen.opcode = self.seen.opcode or opcode
            if rsv == 4:
                self._inflate = self._context or zlib.decompressobj(-15)
            self._payload(size)
            if fin:
                if self._inflate:
                    self.seen.add(self._inflate.decompress(b"\0\0\xff\xff"))
                return self.seen
        return self.seen

    def _payload(self, size: int) -> None:
        while size > 0:
            part = self._take(min(size, READ))
            size -= len(part)
            self.seen.add(self._inflate.decompress(part) if self._inflate else bytes(part))

    def _header(self) -> tuple[bool, int, int, int]:
        head = self._take(2)
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
        return bool(head[0] & 0x80), head[0] >> 4 & 7, head[0] & 0xF, size

    def _take(self, size: int) -> bytearray:
        while len(self._buffer) < size:
            data = self._socket.socket.recv(READ)
            assert data, f"the connection ended amid a message, after {self.seen.size} bytes"
            self._buffer += data
        taken = self._buffer[:size]
        del self._buffer[:size]
        return taken


def digest_of_pattern(size: int) -> str:
    whole = hashlib.sha256()
    for begin in range(0, size, MIB):
        whole.update(pattern(begin, min(MIB, size - begin)))
    return whole.hexdigest()
