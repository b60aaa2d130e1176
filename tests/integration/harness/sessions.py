"""Stock python-socketio clients that must never notice anything, in a process of their own: `python -m harness.sessions`.

--polling N, --upgrade N, --websocket N: clients that stay on polling, that begin there and upgrade, that begin with a
WebSocket; --gate N connect at a time, --reconnect as stock clients do by themselves. The backend is harness.process_app.
A command on standard input, answered by one line of JSON, a Ledger:

    ask [N]   every client asks N times (1) which process it is in
    open      clients that are closed connect again, without --reconnect
    report    the figures as they are
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import resource
import sys
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
import socketio

TRANSPORTS = {"polling": ["polling"], "upgrade": ["polling", "websocket"], "websocket": ["websocket"]}
PATIENCE = 60.0  # seconds that an answer, or a connection, may take


@dataclass
class Ledger:
    """`by_pid`: open sessions by the process that answered last. `moved`: a session got answers of two processes.
    `ended`: how often a session ended that its client had not ended. `refused`: why connections failed, how often."""

    open: int = 0
    answered: int = 0
    unanswered: int = 0
    moved: int = 0
    ended: int = 0
    by_pid: dict[int, int] = field(default_factory=Counter)
    refused: dict[str, int] = field(default_factory=Counter)
    transports: dict[str, int] = field(default_factory=Counter)


class Client:
    """One stock client. `pid`: of the process that its session lives in, once it has asked."""

    def __init__(self, ledger: Ledger, http: aiohttp.ClientSession, port: int, kind: str, reconnect: bool) -> None:
        self._ledger, self._url, self.kind, self.pid = ledger, f"http://127.0.0.1:{port}", kind, 0
        self.io = socketio.AsyncClient(http_session=http, reconnection=reconnect, request_timeout=PATIENCE)
        self.io.on("disconnect", self._on_disconnect)
        self.io.on("connect_error", self._on_connect_error)

    def _on_disconnect(self, *_: object) -> None:
        self._ledger.ended += 1
        self.pid = 0

    def _on_connect_error(self, data: object) -> None:
        self._ledger.refused[str(data)[:200]] += 1

    async def connect(self) -> None:
        try:
            await self.io.connect(self._url, transports=TRANSPORTS[self.kind], wait_timeout=PATIENCE)
        except socketio.exceptions.ConnectionError as error:
            self._ledger.refused[str(error)[:200]] += 1

    async def ask(self) -> None:
        """Nothing, where it is not open."""
        if not self.io.connected:
            return
        try:
            pid = await self.io.call("who", 0, timeout=PATIENCE)
        except (socketio.exceptions.TimeoutError, socketio.exceptions.SocketIOError):
            self._ledger.unanswered += 1
            return
        self._ledger.answered += 1
        self._ledger.moved += self.pid not in (0, pid)
        self.pid = pid


class Crowd:
    """All clients of one process. They share their HTTP connections, as many as they need."""

    def __init__(self, http: aiohttp.ClientSession, arguments: argparse.Namespace) -> None:
        self.ledger = Ledger()
        self._gate = asyncio.Semaphore(arguments.gate)
        self.clients = [
            Client(self.ledger, http, arguments.port, kind, arguments.reconnect)
            for kind in TRANSPORTS
            for _ in range(getattr(arguments, kind))
        ]

    async def open(self) -> None:
        await asyncio.gather(*(self._through_gate(one.connect()) for one in self.clients if not one.io.connected))

    async def ask(self, times: int) -> None:
        for _ in range(times):
            await asyncio.gather(*(self._through_gate(one.ask()) for one in self.clients))

    async def _through_gate(self, action) -> None:  # noqa: ANN001  (a coroutine)
        async with self._gate:
            await action

    def report(self) -> Ledger:
        open_now = [one for one in self.clients if one.io.connected]
        self.ledger.open = len(open_now)
        self.ledger.by_pid = Counter(one.pid for one in open_now if one.pid)
        self.ledger.transports = Counter(str(one.io.transport()) for one in open_now)
        return self.ledger


async def run(arguments: argparse.Namespace) -> None:
    """Opens all clients, then obeys."""
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        crowd = Crowd(http, arguments)
        await crowd.open()
        print(json.dumps(vars(crowd.report())), flush=True)
        while line := (await commands.readline()).decode().split():
            if line[0] == "ask":
                await crowd.ask(int(line[1]) if len(line) > 1 else 1)
            elif line[0] == "open":
                await crowd.open()
            print(json.dumps(vars(crowd.report())), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    for name in TRANSPORTS:
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--gate", type=int, default=50, help="how many connect, or ask, at a time")
    parser.add_argument("--reconnect", action="store_true")
    logging.getLogger("engineio.client").setLevel(logging.CRITICAL)  # the Ledger has it
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(run(parser.parse_args()))
