#!/usr/bin/env python3
"""Counts the instructions that Sheaf takes for a message, by callgrind: a figure that moves by less than a percent from
run to run, where CPU time moves by a tenth. (Needs valgrind.)

A row is a way of delivery and a load. The script is the backend and all clients, and goes in lock-step: it sends one
burst to each client, waits until every message of it has come and is right, and sends the next. In rows of echoes the
client sends the burst first, and the backend sends it back when it has come as it was sent. A row is run twice, with
many bursts and with few; what the first takes more, by the messages it has more, is the figure, so starting, handshakes
and the end do not count. The second run then idles for as long as the first took, so that what Sheaf does by the clock
does not count either, however busy the machine is. Batches leave because they are full (the clients' own messages) or because their time is over
(broadcasts, for which Sheaf stands still until all clients' bursts are there). With `--vs` a second binary is counted
beside, and the growth of the first over it is told. Kernel and TLS are not in the figures.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

import peers  # noqa: E402
import report  # noqa: E402
from harness.compression import STOCK_OFFER, Context, whole  # noqa: E402
from harness.decoding import DECODERS  # noqa: E402
from harness.frames import TEXT, RawWebSocket, frame  # noqa: E402
from harness.recorder import OK, Recorder, upgrade_answer  # noqa: E402

STARTUP_SECONDS = 60  # under valgrind
TIMEOUT_SECONDS = 60  # for one message
MESSAGE_BYTES = 128
SEED = 1  # the same messages for every binary
WARM_UP_BURSTS = 10
# Nothing happens by the clock but what a row asks for.
QUIET = {
    "workers": "1",
    "admin.address": "",
    "log.level": "error",
    "drain.delay": "0s",
    "pool.min_size": "0",
    "pool.health_check_interval": "0s",
    "memory.check_interval": "1m",
    "websocket.ping_interval": "0s",
    "deflate.enabled": "false",
}
FULL = {"batching.adaptive": "false", "batching.timeout": "10s", "batching.cork_timeout": "10s"}
TIMED = {"batching.adaptive": "false", "batching.timeout": "50ms", "batching.cork_timeout": "50ms"}
DEFLATE = {"deflate.enabled": "true"}


@dataclasses.dataclass(frozen=True)
class Row:
    title: str
    delivery: str
    envelope: str = ""
    burst: int = 50  # messages at once to each client
    clients: int = 1  # all get the same
    echo: bool = False  # each message has come from the client before
    settings: dict = dataclasses.field(default_factory=dict)

    @property
    def deflate(self):
        return self.settings.get("deflate.enabled") == "true"

    def words(self):
        """Sheaf's options but for the addresses, as words of its command line."""
        settings = QUIET | (FULL if self.clients == 1 else TIMED) | {"batching.delivery": self.delivery} | self.settings
        if self.clients == 1:
            settings["batching.size"] = str(self.burst)
        if self.delivery == "always":
            settings["batching.envelope"] = self.envelope
        return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]

    def path(self):
        return f"/ws?sheaf={self.envelope}" if self.envelope and self.delivery == "offer" else "/ws"


ENVELOPES = ("json", "binary", "engineio", "socketio-event")
ROWS = [
    Row("off, one at a time", "off", burst=1),
    Row("off, bursts of 50", "off"),
    Row("off, echoes of 16", "off", burst=16, echo=True),
    Row("cork", "cork"),
    Row("cork, echoes of 16", "cork", burst=16, echo=True),
    *(Row(f"offer, {envelope}", "offer", envelope) for envelope in ENVELOPES),
    *(Row(f"always, {envelope}", "always", envelope) for envelope in ENVELOPES),
    Row("offer, json, deflate, own context", "offer", "json", settings=DEFLATE),
    Row("offer, json, deflate, no context", "offer", "json", settings=DEFLATE | {"deflate.context": "none"}),
    Row("broadcast to 8, off", "off", burst=20, clients=8),
    Row("broadcast to 8, cork", "cork", burst=20, clients=8),
    *(Row(f"broadcast to 8, {envelope}", "offer", envelope, burst=20, clients=8) for envelope in ENVELOPES),
    Row("broadcast to 8, json, deflate", "offer", "json", burst=20, clients=8, settings=DEFLATE),
]


# ---- the clients


class Client:
    """One WebSocket through Sheaf, and the backend's end of it."""

    def __init__(self, port, row, backend):
        self._socket = RawWebSocket(port, row.path(), STOCK_OFFER if row.deflate else "", timeout=TIMEOUT_SECONDS)
        if row.deflate != ("permessage-deflate" in (self._socket.handshake.get("sec-websocket-extensions") or "")):
            raise RuntimeError(f"{row.title}: deflate is not as asked for")
        if (self._socket.handshake.get("sheaf-batch") or "") != row.envelope:
            raise RuntimeError(f"{row.title}: the envelope is not as asked for")
        self._decode = DECODERS.get(row.envelope, lambda opcode, payload: [(opcode, payload)])
        self._context = Context()
        self._backend = backend.latest.connection

    def ask(self, messages):
        """Sends messages to the backend, and returns when they are there as they were sent.

        RuntimeError when something else comes, or nothing.
        """
        data, deadline = b"".join(frame(TEXT, message) for message in messages), time.monotonic() + TIMEOUT_SECONDS
        end = len(self._backend.received) + len(data)
        self._socket.send(data)
        while len(self._backend.received) < end and time.monotonic() < deadline:
            time.sleep(0.0005)
        if self._backend.received[end - len(data):] != data:
            raise RuntimeError("what came to the backend is not what was sent")

    def push(self, data):
        """Sends frames as the backend."""
        self._backend.send(data)

    def expect(self, messages):
        """Reads until so many have come; RuntimeError when they are not these."""
        expected, received = [(TEXT, message) for message in messages], []
        while len(received) < len(expected):
            one = whole(self._socket)
            received += self._decode(one.opcode, self._context.content(one))
        if received != expected:
            raise RuntimeError("what came is not what was sent")

    def close(self):
        self._socket.close()


def make_message(source, row, number):
    """MESSAGE_BYTES of JSON, or of a Socket.IO event with such data; `source`: of chance."""
    head = f'{{"number":{number},"price":{source.randrange(10**6)},"symbol":"{source.choice("ABCDEFGH")}","text":"'
    wrap = '42["tick",%s]' if row.envelope in ("engineio", "socketio-event") else "%s"
    room = MESSAGE_BYTES - len(head) - len(wrap) + len("%s") - len('"}')
    return (wrap % (head + "".join(source.choices("abcdefghijklmnop ", k=room)) + '"}')).encode()


def play(port, row, backend, bursts, pid):
    """So many bursts, in lock-step, through the Sheaf `pid`; RuntimeError when something else comes than was sent."""
    source = random.Random(SEED)
    clients = [Client(port, row, backend) for _ in range(row.clients)]
    for burst in range(bursts):
        messages = [make_message(source, row, burst * row.burst + number) for number in range(row.burst)]
        data = b"".join(frame(TEXT, message, masked=False) for message in messages)
        with stopped(pid) if row.clients > 1 else contextlib.nullcontext():
            for client in clients:
                if row.echo:
                    client.ask(messages)
                client.push(data)
        for client in clients:
            client.expect(messages)
    for client in clients:
        client.close()


@contextlib.contextmanager
def stopped(pid):
    """Meanwhile the process stands still, so that all that is sent to it comes at once."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# ---- counting


def answer(request):
    """What the backend answers: 101, or to a look whether it is there 200."""
    return upgrade_answer(request) if request.get("upgrade") else OK


def wait_for_port(process, port):
    """Returns when the process listens; RuntimeError when it ends before, or takes too long."""
    deadline = time.monotonic() + STARTUP_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("Sheaf does not start under valgrind; see what it said above")
        time.sleep(0.05)


def instructions(binary, row, bursts, output, least=0.0):
    """All that Sheaf executes for so many bursts, from start to end, and the seconds that the bursts took.

    `output`: where callgrind's profile stays. `least`: with fewer seconds Sheaf idles for the rest.
    """
    backend, port = Recorder(answer), peers.free_port()
    command = ["valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={output}", binary, "--set",
               f"listen.address=127.0.0.1:{port}", "--set", f"upstream.url={backend.url}", *row.words()]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(process, port)
        began = time.monotonic()
        play(port, row, backend, bursts, process.pid)
        took = time.monotonic() - began
        time.sleep(max(0.0, least - took))
        process.terminate()
        process.wait(STARTUP_SECONDS)
    finally:
        process.kill()
        process.wait()
        backend.stop()
    return int(re.search(r"^(?:totals|summary): (\d+)", output.read_text(), re.MULTILINE)[1]), took


def measure(binary, label, row, arguments):
    """Instructions a message."""
    bursts = max(1, arguments.messages // (row.burst * row.clients))
    name = re.sub(r"\W+", "-", row.title)
    many, took = instructions(binary, row, WARM_UP_BURSTS + bursts, arguments.output / f"{label}-{name}.callgrind")
    few, _ = instructions(binary, row, WARM_UP_BURSTS, arguments.output / f"{label}-{name}.few.callgrind", took)
    return (many - few) / (bursts * row.burst * row.clients)


def read_arguments(folder):
    """`folder`: where profiles go that nobody asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    parser.add_argument("--vs", type=pathlib.Path, help="a second Sheaf to compare the first with")
    parser.add_argument("--messages", type=int, default=6000, help="counted, of each row")
    parser.add_argument("--only", default="", help="the rows whose title matches this regular expression")
    parser.add_argument("--output", type=pathlib.Path, default=folder,
                        help="an existing folder for the profiles, for callgrind_annotate; they are not kept without it")
    return parser.parse_args()


def main():
    if not shutil.which("valgrind"):
        sys.exit("instructions: valgrind is not installed")
    with tempfile.TemporaryDirectory() as folder:
        arguments = read_arguments(pathlib.Path(folder))
        binaries = {"sheaf": arguments.sheaf} | ({"vs": arguments.vs} if arguments.vs else {})
        lines = [["instructions a message", *binaries, *(["growth"] if arguments.vs else [])]]
        for row in (row for row in ROWS if re.search(arguments.only, row.title)):
            figures = [measure(binary.resolve(), label, row, arguments) for label, binary in binaries.items()]
            growth = [f"{100 * (figures[0] / figures[1] - 1):+.1f} %"] if arguments.vs else []
            lines.append([row.title, *(f"{figure:,.0f}" for figure in figures), *growth])
            print(" ".join(lines[-1]), file=sys.stderr, flush=True)
        print(report.markdown(lines))


if __name__ == "__main__":
    main()
