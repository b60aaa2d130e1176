"""Many WebSocket clients that only listen to a broadcaster, in a process of their own: `python -m harness.listeners`.

Each checks that every numbered message comes once and in order, through an envelope and permessage-deflate where it
asks for them. Commands on standard input, a line each, all answered by one line of JSON, a Ledger:

    stall     the last --stalling clients stop reading       resume    ... read again
    report    the figures since the last report
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import time
import zlib
from dataclasses import asdict, dataclass, field

from .decoding import DECODERS
from .frames import CLOSE, PING, PONG, TEXT, frame, upgrade

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\n"
# So small that the kernel holds next to nothing for a client that does not read: what waits, waits in the proxy.
SMALL_BUFFER, SMALL_SEGMENT = 4096, 1000


@dataclass
class Ledger:
    """Figures of the clients that never stall; `stalling_` ones of the others."""

    clients: int = 0
    received: int = 0
    wrong: int = 0
    frames: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    most_ms: float = 0.0
    stalling_received: int = 0
    stalling_wrong: int = 0
    closes: dict[str, int] = field(default_factory=dict)


class Listener(asyncio.Protocol):
    """One client. `next_number`: of the message that must come next; -1: whatever comes first."""

    def __init__(self, path: str, fields: str, envelope: str, stalling: bool) -> None:
        self.stalling = stalling
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = upgrade(path, fields).replace("\n", "\r\n").encode()
        self._decode = DECODERS.get(envelope, lambda kind, data: [(kind, data)])
        self._buffer = b""
        self._inflater = zlib.decompressobj(-15)
        self._keeps_context = False
        self.next_number = -1
        self.received = self.wrong = self.frames = 0
        self.delays: list[float] = []
        self.close_code = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        self.close_code = self.close_code or "none"
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the handshake failed"))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        if not self.opened.done():
            head, end, buffer = buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if b" 101 " not in head:
                self.transport.close()
                return
            self._keeps_context = b"server_no_context_takeover" not in head
            self.opened.set_result(None)
        at, now = 0, time.monotonic()
        while (end := _frame_end(buffer, at)) is not None:
            self._on_frame(buffer[at], buffer[end[0] : end[1]], now)
            at = end[1]
        self._buffer = buffer[at:]

    def _on_frame(self, first: int, payload: bytes, now: float) -> None:
        opcode = first & 0xF
        if opcode == CLOSE:
            self.close_code = str(int.from_bytes(payload[:2], "big"))
        elif opcode == PING:
            self.transport.write(frame(PONG, payload))
        if opcode != TEXT and opcode != 2:
            return
        self.frames += 1
        if first & 0x40:
            if not self._keeps_context:
                self._inflater = zlib.decompressobj(-15)
            payload = self._inflater.decompress(payload + b"\x00\x00\xff\xff")
        for _, message in self._decode(opcode, payload):
            self._on_message(message, now)

    def _on_message(self, message: bytes, now: float) -> None:
        number, sent = message[5:].split(b',"t":', 1)
        self.received += 1
        if self.next_number not in (-1, int(number)):
            self.wrong += 1
        self.next_number = int(number) + 1
        self.delays.append(now - float(sent.split(b",", 1)[0]))


def _frame_end(buffer: bytes, at: int) -> tuple[int, int] | None:
    """Where the payload of the unmasked frame at `at` begins and ends; None while it is not there."""
    if len(buffer) < at + 2:
        return None
    length, begin = buffer[at + 1], at + 2
    if length >= 126:
        begin += 2 if length == 126 else 8
        if len(buffer) < begin:
            return None
        length = int.from_bytes(buffer[at + 2 : begin], "big")
    return (begin, begin + length) if len(buffer) >= begin + length else None


def percentiles(delays: list[float]) -> tuple[float, float, float]:
    """The median, the 99th percentile and the longest of `delays` (s), in milliseconds; zeros where there are none."""
    ordered = sorted(delays) or [0.0]
    p50, p99, most = (round(ordered[int(share * (len(ordered) - 1))] * 1000, 2) for share in (0.5, 0.99, 1))
    return p50, p99, most


def report(listeners: list[Listener]) -> Ledger:
    """The figures since the last report, which this forgets."""
    ledger = Ledger(clients=len(listeners))
    delays: list[float] = []
    for one in listeners:
        if one.stalling:
            ledger.stalling_received += one.received
            ledger.stalling_wrong += one.wrong
        else:
            ledger.received += one.received
            ledger.wrong += one.wrong
            ledger.frames += one.frames
            delays += one.delays
        if one.close_code:
            ledger.closes[one.close_code] = ledger.closes.get(one.close_code, 0) + 1
        one.received = one.wrong = one.frames = 0
        one.delays = []
    ledger.p50_ms, ledger.p99_ms, ledger.most_ms = percentiles(delays)
    return ledger


async def open_socket(port: int, stalling: bool) -> socket.socket:
    """Connected to 127.0.0.1; with small buffers for a client that is to stall."""
    plain = socket.socket()
    if stalling:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
    return plain


async def connect(arguments: argparse.Namespace, stalling: bool) -> Listener:
    plain = await open_socket(arguments.port, stalling)
    path = f"{arguments.path}?sheaf={arguments.envelope}" if arguments.envelope else arguments.path
    _, listener = await asyncio.get_running_loop().create_connection(
        lambda: Listener(path, DEFLATE if arguments.deflate else "", arguments.envelope, stalling), sock=plain
    )
    await listener.opened
    return listener


async def run(arguments: argparse.Namespace) -> None:
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    steady = arguments.clients - arguments.stalling
    listeners = [await connect(arguments, number >= steady) for number in range(arguments.clients)]
    print(json.dumps(asdict(report(listeners))), flush=True)
    while line := await commands.readline():
        for one in listeners if line.strip() in (b"stall", b"resume") else []:
            if one.stalling and not one.transport.is_closing():
                (one.transport.pause_reading if line.strip() == b"stall" else one.transport.resume_reading)()
        print(json.dumps(asdict(report(listeners))), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/ws")
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--stalling", type=int, default=0)
    parser.add_argument("--envelope", default="")
    parser.add_argument("--deflate", action="store_true")
    asyncio.run(run(parser.parse_args()))
