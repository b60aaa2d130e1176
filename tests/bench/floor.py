#!/usr/bin/env python3
"""What an application of the benchmark costs by itself: its endpoint for each client, under a server that does nothing.

The clients are in this process: `receive` says what a client of bench_generator says, `send` counts and drops. The pace
is the application's own, so that caches are as cold as behind a real server. Prints a run's figures as bench_generator
does, as far as there are any: nobody waits for these messages, and none is in a frame.
"""

import argparse
import asyncio
import gc
import importlib
import json
import pathlib
import sys
import time

import uvloop

# A request of Chromium's as Sheaf passes it on, for a client of this number.
HEAD = (
    b"host: localhost\npragma: no-cache\ncache-control: no-cache\naccept-encoding: gzip, deflate, br, zstd\n"
    b"user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\n"
    b"accept-language: en-US,en;q=0.9\norigin: http://localhost\nx-forwarded-for: 127.0.0.2\nx-forwarded-proto: http\n"
    b"x-request-id: %032x\nconnection: Upgrade\nupgrade: websocket\nsec-websocket-version: 13\n"
    b"sec-websocket-key: %022d=="
)


class Client:
    """One session: `receive` and `send` of its scope. `delivered`: messages that it was sent."""

    __slots__ = ("_events", "_wake", "delivered")

    def __init__(self, socketio):
        self._events = [{"type": "websocket.connect"}]
        if not socketio:
            self._events.append({"type": "websocket.receive", "text": "start"})
        self._wake = None
        self.delivered = 0

    async def receive(self):
        """The next event; once there is none, it waits for one."""
        while not self._events:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        return self._events.pop(0)

    async def send(self, message):
        """Counts what is a message, and answers the first packets of Engine.IO and Socket.IO."""
        text = message.get("text")
        if text is None:
            return
        if text.startswith("0{"):
            self._say("40")
        elif text.startswith("40"):
            self._say('42["start"]')
        else:
            self.delivered += 1

    def _say(self, text):
        self._events.append({"type": "websocket.receive", "text": text})
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class Floor:
    """An application and its clients. `path`: with the query, where they connect."""

    def __init__(self, app, path):
        self.clients = []
        self._app, self._path, self._state, self._tasks = app, path, {}, []

    async def start(self):
        """Has the application get ready, as servers do."""
        events, ready = asyncio.Queue(), asyncio.Event()
        events.put_nowait({"type": "lifespan.startup"})

        async def send(message):
            ready.set()

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
        self._tasks.append(asyncio.create_task(self._app(scope, events.get, send)))
        await ready.wait()

    async def open(self, to):
        """Opens clients until there are so many; some at a time, as bench_generator does."""
        while len(self.clients) < to:
            client = Client("/socket.io/" in self._path)
            scope = self._scope(len(self.clients))
            self.clients.append(client)
            self._tasks.append(asyncio.create_task(self._app(scope, client.receive, client.send)))
            if len(self.clients) % 64 == 0:
                await asyncio.sleep(0.01)

    def _scope(self, number):
        path, _, query = self._path.partition("?")
        head = HEAD % (number, number)
        return {
            "type": "websocket", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "scheme": "ws",
            "server": ("127.0.0.1", 8000), "client": ("127.0.0.2", number), "root_path": "", "path": path,
            "raw_path": path.encode(), "query_string": query.encode(), "subprotocols": [], "state": self._state.copy(),
            "headers": [tuple(line.split(b": ", 1)) for line in head.split(b"\n")],
            "extensions": {"websocket.http.response": {}},
        }  # fmt: skip

    def delivered(self):
        """Messages so far."""
        return sum(client.delivered for client in self.clients)


def pss_bytes():
    """The proportional set size of this process, without what only waits to be collected."""
    gc.collect()
    rollup = pathlib.Path("/proc/self/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


async def measure(arguments):
    """One run; its figures."""
    module, _, name = arguments.app.partition(":")
    floor = Floor(getattr(importlib.import_module(module), name), arguments.path)
    await floor.start()
    first = max(1, arguments.connections // 10)
    await floor.open(first)
    await asyncio.sleep(arguments.settle)
    pss_before = pss_bytes()
    await floor.open(arguments.connections)
    await asyncio.sleep(arguments.settle)
    delivered, cpu, began = floor.delivered(), time.process_time(), time.monotonic()
    await asyncio.sleep(arguments.seconds)
    cpu_us = (time.process_time() - cpu) * 1e6
    messages = floor.delivered() - delivered
    return {
        "connections": len(floor.clients), "messages": messages, "seconds": time.monotonic() - began, "cpu_us": cpu_us,
        "pss_growth": max(0, pss_bytes() - pss_before), "grown_by": len(floor.clients) - first, "problems": 0, "lost": 0, "first_problem": "",
    }  # fmt: skip


def main():
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("app", help="MODULE:NAME, beside this file")
    parser.add_argument("--path", required=True, help="where clients connect, with the query")
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--settle", type=float, default=1)
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(measure(arguments))
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
