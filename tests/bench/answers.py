#!/usr/bin/env python3
"""Measures what a client has of its own through Sheaf as shipped, through other proxies, and directly at uvicorn.

How long answers wait amid a stream: a client gets --rate messages a second and asks a question now and then, which the
backend answers after a pause of its own (--pauses). For each kind of client and each pause one line: from the question
to the answer, less the pause, median and 99th percentile in ms. A client that asks for an envelope asks everybody; the
others just do not know it.

How many bytes its messages take: TCP payload a message of three loads that no other client gets, for a stock client
that offers permessage-deflate.

All ends are Python processes, so the times are theirs as much as the proxies', and compare only within one run. Run it
with the tests' Python (build/venv/bin/python).
"""

import argparse
import asyncio
import contextlib
import json
import pathlib
import random
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "tests/integration"), str(SOURCE / "batching/clients/python")]

import peer_configs  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
import socketio  # noqa: E402
import websockets  # noqa: E402
from harness.backend import Backend  # noqa: E402
from harness.loads import LOADS, bytes_a_message  # noqa: E402
from harness.sheaf import AS_SHIPPED, Sheaf, merged  # noqa: E402
from sheaf_batch.query import with_envelope  # noqa: E402
from sheaf_batch.socketio import unbatch  # noqa: E402
from sheaf_batch.websockets import batch_connect  # noqa: E402

CONF = merged(AS_SHIPPED, {"log": {"access": False}, "drain": {"delay": "0s"}})


class Plain:
    """A client of `websockets`; `connect` makes its connection."""

    def __init__(self, connect):
        self._connect = connect
        self._answers = {}

    async def open(self, port, rate):
        """Connects and begins to read."""
        self._socket = await self._connect(f"ws://127.0.0.1:{port}/ws?rate={rate}")
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for text in self._socket:
            message = json.loads(text)
            if "answer" in message:
                self._answers.pop(message["answer"]).set_result(None)

    async def ask(self, number, pause):
        """Returns when the answer has come."""
        self._answers[number] = asyncio.get_running_loop().create_future()
        answer = self._answers[number]
        await self._socket.send(json.dumps({"ask": number, "pause": pause}))
        await asyncio.wait_for(answer, 10)

    async def close(self):
        """Ends the connection."""
        self._reading.cancel()
        await self._socket.close()


class SocketIo:
    """A stock client of `python-socketio`, or one that takes `envelope`."""

    def __init__(self, envelope=None):
        self._client = socketio.AsyncClient(reconnection=False)
        self._envelope = envelope
        if envelope:
            unbatch(self._client, envelope)

    async def open(self, port, rate):
        """Connects, by WebSocket alone."""
        url = f"http://127.0.0.1:{port}?rate={rate}"
        self._client.on("tick", lambda data: None)
        await self._client.connect(with_envelope(url, self._envelope) if self._envelope else url, transports=["websocket"])

    async def ask(self, number, pause):
        """Returns when the event is acknowledged."""
        await self._client.call("ask", (number, pause), timeout=10)

    async def close(self):
        """Ends the connection."""
        await self._client.disconnect()


KINDS = {
    "cork": lambda: Plain(lambda url: websockets.connect(url, compression=None)),
    "cork, deflate": lambda: Plain(websockets.connect),
    "json": lambda: Plain(lambda url: batch_connect(url, "json", compression=None)),
    "binary": lambda: Plain(lambda url: batch_connect(url, "binary", compression=None)),
    "Socket.IO, stock": SocketIo,
    "Socket.IO, engineio": lambda: SocketIo("engineio"),
}


async def measure(kind, port, pause, arguments):
    """The waits of one client for its answers, in ms, less the pause."""
    client = KINDS[kind]()
    await client.open(port, arguments.rate)
    await asyncio.sleep(0.5)  # the stream has earned its window
    source = random.Random(1)
    waits = []
    for number in range(arguments.questions):
        begun = time.monotonic()
        await client.ask(number, pause)
        waits.append((time.monotonic() - begun) * 1000 - pause)
        await asyncio.sleep(source.uniform(0.03, 0.09))
    await client.close()
    return waits


def percentiles(waits):
    """Median and 99th percentile."""
    return statistics.median(waits), sorted(waits)[min(len(waits) - 1, int(len(waits) * 0.99))]


def answers(arguments, ports):
    """One line for each kind of client and pause: what it waits each way, and what Sheaf adds."""
    for kind in arguments.kind.split(";"):
        for pause in map(int, arguments.pauses.split(",")):
            waits = {way: percentiles(asyncio.run(measure(kind, port, pause, arguments))) for way, port in ports.items()}
            added = [through - direct for direct, through in zip(waits["direct"], waits["Sheaf"])]
            yield [f"{kind}: answer after {pause} ms, p50 / p99 ms", *map(pair, waits.values()), pair(added)]


def pair(two):
    """Both of them, as text."""
    return " / ".join(f"{one:.2f}" for one in two)


def sizes(ports):
    """One line for each load: bytes a message each way, and what Sheaf adds."""
    for load in LOADS:
        taken = {way: bytes_a_message(port, load, tls=False) for way, port in ports.items()}
        yield [f"deflate, {load}: bytes a message", *(f"{size:.1f}" for size in taken.values()),
               f"{taken['Sheaf'] - taken['direct']:.1f}"]


def read_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    parser.add_argument("--rate", type=float, default=250, help="messages a second that are pushed")
    parser.add_argument("--pauses", default="0,5,40,200", help="of the backend before it answers, in ms")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--kind", default=";".join(KINDS), help="only these, separated by semicolons")
    parser.add_argument("--way", default="direct,nginx,Sheaf", help="ways to the backend: these, or another proxy")
    parser.add_argument("--json", action="store_true", help="prints the figures of one way, kind and pause, and no table")
    return parser.parse_args()


def port_of(way, arguments, backend, folder, stack):
    """Starts what is in front of the backend; its port."""
    if way == "direct":
        return backend.port
    if way == "Sheaf":
        proxy = Sheaf(folder, backend.url, CONF, binary=arguments.sheaf.resolve())
        stack.callback(proxy.stop)
        return proxy.port
    binary = peers.find(way)
    if binary is None:
        sys.exit(f"answers: there is no {way}; tests/bench.sh peers installs it")
    site = peer_configs.Site(folder, backend.port)
    return stack.enter_context(peers.start_proxy(way, peer_configs.SETUPS[way], binary, site)).port


def main():
    """Measures all of it, the ways in turn."""
    arguments = read_arguments()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "tmp").mkdir()
        backend = Backend(folder, app="answering_app:app", app_folder=SOURCE / "tests/bench")
        stack.callback(backend.stop)
        ports = {way: port_of(way, arguments, backend, folder, stack) for way in arguments.way.split(",")}
        if arguments.json:
            waits = asyncio.run(measure(arguments.kind, ports[arguments.way], int(arguments.pauses), arguments))
            print(json.dumps(dict(zip(("p50_ms", "p99_ms"), percentiles(waits)))))
            return 0
        lines = [["", *ports, "Sheaf adds"], *answers(arguments, ports), *sizes(ports)]
    print(report.markdown(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
