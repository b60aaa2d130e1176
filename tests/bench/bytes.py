#!/usr/bin/env python3
"""Counts the bytes a message that a stock client gets: directly from uvicorn, and through Sheaf in front of it.

Rows are loads of messages to all clients, to rooms, to one user each (bytes_plan.py). The clients are `websockets` with
the offer that it makes by default; each compares every message with what it has to get, and a wrong, missing or surplus
one ends the run with status 1. Columns are uvicorn with its own defaults (a window of 12 bits, context kept), Sheaf as
shipped, and Sheaf with deflate.context = own, and = none without a threshold: each message compressed once, by itself.
Bytes are TCP payload a message as the client's kernel counts it, without the handshakes. Beside them stands the CPU time
a message of backend and Sheaf; it is compared, not asserted.

Sheaf has one worker here, so that so few clients share as many of a busy worker would. Run it with the tests' Python
(build/venv/bin/python).
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import pathlib
import re
import sys
import tempfile

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

import bytes_plan  # noqa: E402
import bytes_run  # noqa: E402
import bytes_table  # noqa: E402
import peers  # noqa: E402
import websockets  # noqa: E402
from harness.backend import Backend  # noqa: E402
from harness.certificates import Pair  # noqa: E402
from harness.sheaf import AS_SHIPPED, Sheaf, merged  # noqa: E402

CONF = merged(AS_SHIPPED, {"workers": 1, "log": {"access": False}, "drain": {"delay": "0s"}})
DEFLATE = {"shipped": {}, "own": {"context": "own"}, "once": {"context": "none", "threshold": 0}}


def read_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    parser.add_argument("--clients", type=int, default=40, help="at a time")
    parser.add_argument("--messages", type=int, default=240, help="that each client gets, or about as many")
    parser.add_argument("--tls", action="store_true", help="uvicorn and Sheaf each with a certificate")
    parser.add_argument("--rounds", type=int, default=1, help="the least CPU of so many is told")
    parser.add_argument("--only", default="", metavar="REGEX", help="rows whose title it is found in")
    parser.add_argument("--way", choices=("direct", *DEFLATE), help="with --json: the column")
    parser.add_argument("--json", action="store_true", help="prints the figures of one row and column, and no table")
    parser.add_argument("--quick", action="store_true", help="tries every row; its figures mean nothing")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.clients, arguments.messages = 20, 40
    return arguments


class Control:
    """The backend's socket for commands."""

    def __init__(self, socket):
        self._socket = socket

    async def send_json(self, command):
        """Gives a command."""
        await self._socket.send(json.dumps(command))

    async def receive_json(self):
        """Its answer."""
        return json.loads(await self._socket.recv())


class Bench:
    """The backend, with a certificate or without, and a Sheaf of its own for each measurement."""

    def __init__(self, arguments, folder):
        self._arguments, self._folder = arguments, folder
        self._kept = {}  # Sheafs, by column
        tls = None
        self._conf = CONF
        if arguments.tls:
            peers.make_certificate(folder)
            tls = Pair(folder / "cert.pem", folder / "key.pem")
            listen = {"tls_certificate": str(tls.certificate), "tls_key": str(tls.key)}
            self._conf = merged(CONF, {"listen": listen})
        self._direct = Backend(folder, app="bytes_app:app", app_folder=SOURCE / "tests/bench", tls=tls)
        # Sheaf's own backend is on the same machine, without TLS, as it is in a pod.
        self._plain = Backend(folder, app="bytes_app:app", app_folder=SOURCE / "tests/bench") if tls else self._direct

    def stop(self):
        """Ends the backends, and the Sheafs that are kept."""
        for proxy in self._kept.values():
            proxy.stop()
        self._direct.stop()
        self._plain.stop()

    def measure(self, row):
        """A row's figures, by column."""
        figures = self._round(row)
        for _ in range(1, self._arguments.rounds):
            figures = {column: one.with_least_cpu(figures[column]) for column, one in self._round(row).items()}
        return figures

    def _round(self, row):
        return {column: self.column(row, column) for column in ("direct", *DEFLATE)}

    def column(self, row, column):
        """A row's figures by one way. SystemExit when a message is wrong."""
        if column == "direct":
            scheme = "wss" if self._arguments.tls else "ws"
            return self._play(row, f"{scheme}://127.0.0.1:{self._direct.port}", self._direct, [])
        proxy = self._kept.get(column) or self._sheaf(column)
        try:
            return self._play(row, proxy.ws_url, self._plain, [proxy.process.pid])
        finally:
            if self._arguments.quick:  # one for all rows
                self._kept[column] = proxy
            else:
                proxy.stop()

    def _sheaf(self, column):
        conf = merged(self._conf, {"deflate": DEFLATE[column]})
        return Sheaf(self._folder, self._plain.url, conf, binary=self._arguments.sheaf.resolve())

    def _play(self, row, base, backend, pids):
        async def play():
            url = f"{'wss' if backend.tls else 'ws'}://127.0.0.1:{backend.port}/control"
            tls = {"ssl": bytes_run.INSECURE} if backend.tls else {}
            async with websockets.connect(url, compression=None, **tls) as socket:
                run = bytes_run.Run(row, self._arguments.clients, self._arguments.messages, base, Control(socket))
                return await run.play([backend.process.pid, *pids])

        try:
            return asyncio.run(play())
        except RuntimeError as problem:
            sys.exit(f"FAILED: {row.title}, {base}: {problem}")


def main():
    """Measures all rows, the ways in turn."""
    arguments = read_arguments()
    rows = [row for row in bytes_plan.ROWS if re.search(arguments.only, row.title)]
    results = []
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench = Bench(arguments, folder)
        stack.callback(bench.stop)
        if arguments.json:
            print(json.dumps(dataclasses.asdict(bench.column(rows[0], arguments.way))))
            return 0
        for row in rows:
            results.append((row, bench.measure(row)))
            print(f"{len(results)} of {len(rows)}: {row.title}", file=sys.stderr, flush=True)
    print(f"{bytes_table.sizes(results)}\n\n{bytes_table.cpu(results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
