"""A crowd that reads one feed, first directly and then through Sheaf, and what each message of theirs costs.

A process of its own, started by the backend for a page that asks: python -m demo.crowd DIRECT THROUGH PROCESS METRICS, the
two WebSocket addresses, the id of the backend's process, and the URL of Sheaf's metrics or "". It prints a line of JSON for
each step: {"step": "rest" | "direct" | "sheaf"} when it begins, and with "cost" when it is over. What backend and Sheaf use
while the crowd is away is measured first, and taken off. The readers are stock clients that offer permessage-deflate.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

READERS = 250
OPENED_AT_ONCE = 25
REST_SECONDS = 3.0
SECONDS = 5.0
SETTLING_SECONDS = 1.0
CPU_METRIC = "process_cpu_seconds_total "


@dataclass
class Counted:
    """What all readers have got, and the CPU time of both processes; None where Sheaf's is not known."""

    at: float
    messages: int
    bytes: int
    backend: float
    sheaf: float | None


class Crowd:
    """The readers of one address; `messages` and `bytes` (of TCP, compressed) count what they got."""

    def __init__(self, address: str) -> None:
        self.messages = 0
        self.bytes = 0
        self._address = address

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """All of them read, from the start of the with statement to its end. Raises OSError when one cannot connect."""
        reading: list[asyncio.Task[None]] = []
        async with contextlib.AsyncExitStack() as stack:
            for first in range(0, READERS, OPENED_AT_ONCE):
                group = range(first, min(first + OPENED_AT_ONCE, READERS))
                connections = await asyncio.gather(*(stack.enter_async_context(self._connect()) for _ in group))
                reading += [asyncio.create_task(self._read(connection)) for connection in connections]
            yield
        await asyncio.gather(*reading)

    def _connect(self) -> connect:
        crowd = self

        class Reader(ClientConnection):
            """A stock client whose bytes are counted before it takes them apart."""

            def data_received(self, data: bytes) -> None:
                crowd.bytes += len(data)
                super().data_received(data)

        return connect(self._address, create_connection=Reader, proxy=None)

    async def _read(self, connection: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for _ in connection:
                self.messages += 1


class Costs:
    """Counts CPU time of the backend's process and of Sheaf."""

    def __init__(self, process: int, metrics: str) -> None:
        # The clock of another process's CPU time, in nanoseconds, as clock_getcpuclockid(3) makes it.
        self._clock = (~process << 3) | 2
        self._metrics = metrics

    async def count(self, crowd: Crowd) -> Counted:
        """As it stands now."""
        sheaf = await asyncio.to_thread(self._sheaf_seconds)
        return Counted(time.monotonic(), crowd.messages, crowd.bytes, time.clock_gettime(self._clock), sheaf)

    def _sheaf_seconds(self) -> float | None:
        if not self._metrics:
            return None
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with contextlib.suppress(OSError), direct.open(self._metrics, timeout=2) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(CPU_METRIC):
                    return float(line.removeprefix(CPU_METRIC))
        return None


async def measured(costs: Costs, crowd: Crowd, seconds: float) -> tuple[Counted, Counted]:
    """The counts before and after so many seconds."""
    before = await costs.count(crowd)
    await asyncio.sleep(seconds)
    return before, await costs.count(crowd)


def cost_of(run: tuple[Counted, Counted], rest: tuple[Counted, Counted]) -> dict[str, float | None]:
    """Of each message: microseconds of CPU of `backend` and `sheaf`, beyond what they use at rest, and `bytes`."""
    before, after = run
    messages = after.messages - before.messages
    share = (after.at - before.at) / (rest[1].at - rest[0].at)

    def microseconds(first: float | None, last: float | None, first_rest: float | None, last_rest: float | None) -> float | None:
        if first is None or last is None or first_rest is None or last_rest is None:
            return None
        return round(max(0.0, last - first - share * (last_rest - first_rest)) / messages * 1e6, 1)

    return {
        "readers": READERS,
        "messages": round(messages / (after.at - before.at)),
        "bytes": round((after.bytes - before.bytes) / messages, 1),
        "backend": microseconds(before.backend, after.backend, rest[0].backend, rest[1].backend),
        "sheaf": microseconds(before.sheaf, after.sheaf, rest[0].sheaf, rest[1].sheaf),
    }


def say(step: str, **more: object) -> None:
    """Prints a line for the page."""
    print(json.dumps({"step": step, **more}), flush=True)


async def main() -> None:
    """Measures once: at rest, directly, through Sheaf."""
    direct, through, process, metrics = sys.argv[1:5]
    costs = Costs(int(process), metrics)
    say("rest")
    rest = await measured(costs, Crowd(""), REST_SECONDS)
    for step, address in (("direct", direct), ("sheaf", through)):
        say(step)
        crowd = Crowd(address)
        async with crowd.reading():
            await asyncio.sleep(SETTLING_SECONDS)
            run = await measured(costs, crowd, SECONDS)
        if run[0].messages == run[1].messages:
            sys.exit(f"the crowd got nothing from {address}")
        say(step, cost=cost_of(run, rest))


if __name__ == "__main__":
    asyncio.run(main())
