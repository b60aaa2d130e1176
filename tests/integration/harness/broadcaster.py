"""A backend that broadcasts, in a process of its own: `python -m harness.broadcaster --port PORT`.

It takes every WebSocket that comes, and one command a line on standard input, each answered by one line of JSON:

    {"messages": 100, "size": 200, "pause": 0.01, "first": 0}   the same numbered messages to every socket; with
                                                                "distinct": true each socket gets its own
                                                                and "path": "/a" those alone whose path begins so
    {"tick": 0.05, "size": 200, "path": "/a"}                   from now on one each 0.05 s, until "tick" is 0
    {}                                                          only the answer

The answer has `ticks` (sent so far), `sockets` (open now), `buffered` and `buffered_most` (bytes that wait in this
process, of all sockets and of the one with most), and `seconds`. Frames are made once and by hand, so that the backend
is never what is slow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import Any

from .frames import TEXT, accept_for, frame


class Broadcaster:
    """All sockets, in the order in which they came."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []
        self._paths: dict[asyncio.StreamWriter, str] = {}
        self.ticks = 0
        self._ticking: asyncio.Task[None] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Shakes hands, then reads and forgets."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            fields = [line.partition(": ") for line in head.split("\r\n")]
            key = next(value for name, _, value in fields if name.lower() == "sec-websocket-key")
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept_for(key).encode() + b"\r\n\r\n"
            )
            self._paths[writer] = head.split(" ", 2)[1]
            self.writers.append(writer)
            while await reader.read(1 << 16):
                pass
        except (OSError, asyncio.IncompleteReadError, StopIteration):
            pass  # a warm connection that is not used, or one that breaks
        if writer in self.writers:
            self.writers.remove(writer)
        self._paths.pop(writer, None)
        writer.close()

    async def broadcast(self, command: dict[str, Any]) -> None:
        """Numbered messages with the time they were sent at."""
        first, pause = int(command.get("first", 0)), command.get("pause", 0.0)
        for number in range(first, first + int(command["messages"])):
            self._send(number, command)
            await asyncio.sleep(pause)

    def _send(self, number: int, command: dict[str, Any]) -> None:
        size, path = int(command.get("size", 0)), command.get("path", "")
        begin = b'{"n":%d,"t":%.6f,' % (number, time.monotonic())
        data = message(begin, 0, size)
        for place, writer in enumerate(self.writers):
            if self._paths[writer].startswith(path):
                writer.write(message(begin, place, size) if command.get("distinct") else data)

    def tick(self, command: dict[str, Any]) -> None:
        """Takes the place of the ticking that there is."""
        if self._ticking:
            self._ticking.cancel()
        self._ticking = asyncio.create_task(self._tick(command)) if command["tick"] else None

    async def _tick(self, command: dict[str, Any]) -> None:
        while True:
            self._send(self.ticks, command)
            self.ticks += 1
            await asyncio.sleep(command["tick"])

    def answer(self, seconds: float) -> dict[str, object]:
        waiting = [writer.transport.get_write_buffer_size() for writer in self.writers] or [0]
        return {
            "ticks": self.ticks,
            "sockets": len(self.writers),
            "buffered": sum(waiting),
            "buffered_most": max(waiting),
            "seconds": seconds,
        }


def message(begin: bytes, socket: int, size: int) -> bytes:
    """The frame of a message that says which socket it is for."""
    return frame(TEXT, (begin + b'"c":%d,"x":"' % socket).ljust(size - 2, b"x") + b'"}', masked=False)


async def run(port: int) -> None:
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    broadcaster = Broadcaster()
    await asyncio.start_server(broadcaster.serve, "127.0.0.1", port, backlog=4096)
    print(json.dumps(broadcaster.answer(0)), flush=True)
    while line := await commands.readline():
        command, started = json.loads(line), time.monotonic()
        if "messages" in command:
            await broadcaster.broadcast(command)
        if "tick" in command:
            broadcaster.tick(command)
        print(json.dumps(broadcaster.answer(time.monotonic() - started)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(run(parser.parse_args().port))
