"""Clients that must never notice anything, in a process of their own: `python -m harness.steady --port PORT`.

--clients N    WebSockets that stay open and echo a numbered message each --period seconds, all along
--arrivals R   new connections a second: one half shakes hands, echoes a message and closes; the other asks by GET
--paths A,B    of the WebSockets, turn and turn about

Commands on standard input, a line each, all answered by one line of JSON, a Ledger:

    report    the figures so far
    settle    stops sending and arriving, waits up to 20 s until every echo is back, then the same
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from .frames import CLOSE, PING, PONG, TEXT, close_frame, frame, upgrade

TICK = 0.02  # seconds between the turns in which some clients send, and some arrive
OPENING_AT_ONCE = 100
ARRIVAL_SECONDS = 20.0  # that a connection may take from its start to its end
GET = b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@dataclass
class Ledger:
    """`open`: steady clients now. `failed`: what went wrong, by kind, of steady clients and of arrivals."""

    open: int = 0
    sent: int = 0
    echoed: int = 0
    slowest_ms: float = 0.0
    arrived: int = 0
    failed: dict[str, int] = field(default_factory=Counter)


class WebSocketClient(asyncio.Protocol):
    """Shakes hands; calls on_open once, and on_text with each message. `closing`: its own Close has been sent."""

    def __init__(self, path: str) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.closing = False
        self._request = upgrade(path).replace("\n", "\r\n").encode()
        self._buffer = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded and not self._read_head():
            return
        while len(self._buffer) >= 2:
            size, begin = self._buffer[1] & 0x7F, 2
            if size == 126:
                size, begin = int.from_bytes(self._buffer[2:4], "big"), 4
            if len(self._buffer) < begin + size:
                return
            opcode, payload = self._buffer[0] & 0xF, self._buffer[begin : begin + size]
            self._buffer = self._buffer[begin + size :]
            self._on_frame(opcode, payload)

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = self._buffer[9:12]
        self._buffer = self._buffer[end + 4 :]
        if status != b"101":
            self._end(f"handshake answered with {status.decode('latin-1')}")
            self.transport.close()
            return False
        self._upgraded = True
        self.opened.set_result(None)
        return True

    def _on_frame(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self.on_text(payload)
        elif opcode == PING:
            self.transport.write(frame(PONG, payload))
        elif opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big")
            self._end("" if self.closing else f"closed with {code} {payload[2:].decode()}")
            if not self.closing:
                self.transport.write(close_frame(1000))
            self.transport.close()

    def on_text(self, payload: bytes) -> None:
        """A message came."""

    def close(self) -> None:
        self.closing = True
        self.transport.write(close_frame(1000))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("connection reset" if exc else "connection ended")

    def _end(self, why: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(why))
            self.opened.exception()  # is looked at by whoever waits for the end
        if not self.ended.done():
            self.ended.set_result(why)


class Steady(WebSocketClient):
    """One of those that stay."""

    def __init__(self, path: str, number: int, ledger: Ledger) -> None:
        super().__init__(path)
        self._ledger, self._number = ledger, number
        self._sent = self._echoed = 0
        self._sent_at = 0.0
        self.ended.add_done_callback(self._count_end)

    @property
    def waits(self) -> bool:
        return self._sent > self._echoed and not self.ended.done()

    def send(self) -> None:
        """The next message, unless the one before is still on its way."""
        if self.waits or self.ended.done():
            return
        self._sent += 1
        self._ledger.sent += 1
        self._sent_at = time.monotonic()
        self.transport.write(frame(TEXT, self._message()))

    def _message(self) -> bytes:
        return b'{"client":%d,"n":%d}' % (self._number, self._sent)

    def on_text(self, payload: bytes) -> None:
        if not self.waits or payload != self._message():
            self._ledger.failed["steady: message altered, repeated or out of order"] += 1
            return
        self._echoed += 1
        self._ledger.echoed += 1
        self._ledger.slowest_ms = max(self._ledger.slowest_ms, (time.monotonic() - self._sent_at) * 1000)

    def _count_end(self, ended: asyncio.Future[str]) -> None:
        self._ledger.open -= 1
        self._ledger.failed[f"steady: {ended.result()}"] += 1


class Visitor(WebSocketClient):
    """Echoes one message and closes."""

    def on_text(self, payload: bytes) -> None:
        self.close() if payload == b"visit" else self._end("message altered")


class Load:
    """All clients of this process."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.ledger = Ledger()
        self._arguments = arguments
        self._paths: list[str] = arguments.paths.split(",")
        self._clients: list[Steady] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(OPENING_AT_ONCE)

    async def open(self) -> None:
        """Opens the steady clients."""
        await asyncio.gather(*(self._open_one(number) for number in range(self._arguments.clients)))

    async def _open_one(self, number: int) -> None:
        client = Steady(self._paths[number % len(self._paths)], number, self.ledger)
        async with self._gate:
            await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", self._arguments.port)
            await client.opened
        self.ledger.open += 1
        self._clients.append(client)

    async def turn(self) -> None:
        """Has clients send and arrive, until it is cancelled."""
        began, sent, arrived = time.monotonic(), 0, 0
        while True:
            await asyncio.sleep(TICK)
            seconds = time.monotonic() - began
            while sent < seconds * len(self._clients) / self._arguments.period:
                self._clients[sent % len(self._clients)].send()
                sent += 1
            while arrived < seconds * self._arguments.arrivals:
                self._start(self._visit(arrived) if arrived % 2 else self._get())
                arrived += 1

    def _start(self, work: object) -> None:
        task = asyncio.ensure_future(asyncio.wait_for(work, ARRIVAL_SECONDS))  # type: ignore[arg-type]
        self._under_way.add(task)
        task.add_done_callback(self._count_arrival)

    def _count_arrival(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self.ledger.arrived += 1
        if not task.cancelled() and (error := task.exception()):
            self.ledger.failed[f"arrival: {type(error).__name__}: {error}"] += 1

    async def _visit(self, number: int) -> None:
        visitor = Visitor(self._paths[number // 2 % len(self._paths)])
        await asyncio.get_running_loop().create_connection(lambda: visitor, "127.0.0.1", self._arguments.port)
        await visitor.opened
        visitor.transport.write(frame(TEXT, b"visit"))
        if why := await visitor.ended:
            raise ConnectionError(why)

    async def _get(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._arguments.port)
        writer.write(GET)
        answer = await reader.read()
        writer.close()
        if not answer.startswith(b"HTTP/1.1 200 ") or b"\r\n\r\n" not in answer:
            raise ConnectionError(f"GET answered with {answer[:12]!r}")

    async def settle(self) -> None:
        """Waits for all that is on its way."""
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while (self._under_way or any(client.waits for client in self._clients)) and time.monotonic() < deadline:
            await asyncio.sleep(TICK)
        if late := sum(client.waits for client in self._clients):
            self.ledger.failed["steady: no echo"] += late


async def run(arguments: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    load = Load(arguments)
    await load.open()
    turning = asyncio.create_task(load.turn())
    print(json.dumps(vars(load.ledger)), flush=True)
    while line := await commands.readline():
        if line.strip() == b"settle":
            turning.cancel()
            await load.settle()
        print(json.dumps(vars(load.ledger)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, default=0)
    parser.add_argument("--period", type=float, default=3.0)
    parser.add_argument("--arrivals", type=float, default=0.0)
    parser.add_argument("--paths", default="/echo")
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(run(parser.parse_args()))
