"""Three kinds of WebSocket clients in a process of their own: `python -m harness.patrons`.

Active ones get numbered messages and check each; deaf ones read nothing after the handshake; idle ones get nothing,
answer a Close, and come back some seconds later, as browsers' pages do. The backend tells them apart by their paths,
/active, /deaf and /idle. With --direct-port some more active ones are connected to the backend itself: what they
notice, the machine causes, and not the proxy. A command on standard input, answered by one line of JSON, a Ledger:

    report       the figures; received, wrong and the closings since the last report, delays since the last phase began
    phase        the same, and a new phase begins
    hang up      the same, and the deaf ones end their connections
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import time
from dataclasses import asdict, dataclass, field

from .frames import CLOSE, close_frame
from .listeners import Listener, open_socket, percentiles

OPENING_AT_ONCE = 20
DIRECT = 50  # clients of the backend itself


@dataclass
class Ledger:
    """Times in seconds of the monotonic clock. A closing: when that client was opened, when it was closed, its code."""

    active_open: int = 0
    deaf_open: int = 0
    idle_open: int = 0
    received: int = 0
    wrong: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    most_ms: float = 0.0
    direct_p50_ms: float = 0.0
    direct_p99_ms: float = 0.0
    closings: list[tuple[float, float, int]] = field(default_factory=list)
    refused: int = 0  # so far: attempts that were answered with anything but a 101
    come_back: int = 0  # so far: idle clients that were closed, and are open again


class Patron(Listener):
    """One client. `opened_at`: when its 101 came."""

    def __init__(self, path: str, stalling: bool) -> None:
        super().__init__(path, "", "", stalling)
        self.opened_at = 0.0
        self.closed: asyncio.Future[tuple[float, float, int]] = asyncio.get_running_loop().create_future()
        self.opened.add_done_callback(self._on_opened)

    def _on_opened(self, opened: asyncio.Future[None]) -> None:
        if not opened.cancelled() and opened.exception() is None:
            self.opened_at = time.monotonic()

    def _on_frame(self, first: int, payload: bytes, now: float) -> None:
        super()._on_frame(first, payload, now)
        if first & 0xF == CLOSE and not self.transport.is_closing():
            code = int.from_bytes(payload[:2], "big")
            self.transport.write(close_frame(code))
            self._note(code)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._note(0)

    def _note(self, code: int) -> None:
        if not self.closed.done():
            self.closed.set_result((self.opened_at, time.monotonic(), code))

    @property
    def open(self) -> bool:
        return self.opened_at > 0 and not self.closed.done()


class Crowd:
    """All clients of one process."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._gate = asyncio.Semaphore(OPENING_AT_ONCE)
        self.active: list[Patron] = []
        self.direct: list[Patron] = []
        self.deaf: list[Patron] = []
        self.idle: dict[int, Patron] = {}
        self.closings: list[tuple[float, float, int]] = []
        self.refused = self.come_back = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """The idle ones one after another: their order is that of their idleness."""
        self.active = [await self._connect("/active") for _ in range(self._arguments.active)]
        if port := self._arguments.direct_port:
            self.direct = [await self._connect("/active", port=port) for _ in range(DIRECT)]
        self.deaf = [await self._connect("/deaf", stalling=True) for _ in range(self._arguments.deaf)]
        for one in self.deaf:
            one.transport.pause_reading()
        ready = [asyncio.get_running_loop().create_future() for _ in range(self._arguments.idle)]
        for number, opened in enumerate(ready):
            self._tasks.append(asyncio.create_task(self._be_idle(number, opened)))
            if number % OPENING_AT_ONCE == OPENING_AT_ONCE - 1:
                await asyncio.gather(*ready[: number + 1])
        await asyncio.gather(*ready)

    async def _connect(self, path: str, stalling: bool = False, port: int = 0) -> Patron:
        """Fails with ConnectionError when it is refused."""
        async with self._gate:
            plain = await open_socket(port or self._arguments.port, stalling)
            _, patron = await asyncio.get_running_loop().create_connection(lambda: Patron(path, stalling), sock=plain)
            try:
                await patron.opened
            finally:
                if not patron.opened_at:
                    patron.transport.close()
        return patron

    async def _be_idle(self, number: int, first_opened: asyncio.Future[None]) -> None:
        """Opens, and opens again some seconds after each end."""
        while True:
            try:
                self.idle[number] = await self._connect("/idle")
            except OSError:
                self.refused += 1
            else:
                if first_opened.done():
                    self.come_back += 1
                else:
                    first_opened.set_result(None)
                end = await self.idle[number].closed
                self.closings.append(end)
            await asyncio.sleep(random.uniform(1, self._arguments.away))

    def report(self) -> Ledger:
        ledger = Ledger(
            active_open=sum(one.open for one in self.active),
            deaf_open=sum(one.open for one in self.deaf),
            idle_open=sum(one.open for one in self.idle.values()),
            received=sum(one.received for one in self.active),
            wrong=sum(one.wrong for one in self.active),
            closings=self.closings,
            refused=self.refused,
            come_back=self.come_back,
        )
        ledger.p50_ms, ledger.p99_ms, ledger.most_ms = percentiles([d for one in self.active for d in one.delays])
        ledger.direct_p50_ms, ledger.direct_p99_ms, _ = percentiles([d for one in self.direct for d in one.delays])
        for one in self.active:
            one.received = one.wrong = one.frames = 0
        self.closings = []
        return ledger

    def begin_phase(self) -> None:
        for one in self.active + self.direct:
            one.delays = []


async def run(arguments: argparse.Namespace) -> None:
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    crowd = Crowd(arguments)
    await crowd.open()
    print(json.dumps(asdict(crowd.report())), flush=True)
    while line := await commands.readline():
        for one in crowd.deaf if line.strip() == b"hang up" else []:
            one.transport.abort()
        print(json.dumps(asdict(crowd.report())), flush=True)
        if line.strip() == b"phase":
            crowd.begin_phase()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--active", type=int, default=0)
    parser.add_argument("--deaf", type=int, default=0)
    parser.add_argument("--idle", type=int, default=0)
    parser.add_argument("--direct-port", type=int, default=0, help="the backend's")
    parser.add_argument("--away", type=float, default=4.0, help="the longest that a closed client stays away (s)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(run(parser.parse_args()))
