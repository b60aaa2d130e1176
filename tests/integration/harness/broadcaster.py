"""A backend that broadcasts, in a process of its own: `python -m harness.broadcaster --port PORT`.

It takes every WebSocket that comes, and one command a line on standard input, each answered by one line of JSON:

    {"messages": 100, "size": 200, "pause": 0.01, "first": 0}   the same numbered messages to every socket; with
                                                                "distinct": true each socket gets its own
    {}                                                          only the answer

The answer has `sockets` (open now), `buffered` and `buffered_most` (bytes that wait in this process, of all sockets and
of the one with most), and `seconds`. Frames are made once and by hand, so that the backend is never what is slow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

from .frames import TEXT, accept_for, frame


class Broadcaster:
    """All sockets, in the order in which they came."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

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
            self.writers.append(writer)
            while await reader.read(1 << 16):
                pass
        except (OSError, asyncio.IncompleteReadError, StopIteration):
            pass  # a warm connection that is not used, or one that breaks
        if writer in self.writers:
            self.writers.remove(writer)
        writer.close()

    async def broadcast(self, command: dict[str, float]) -> None:
        """Numbered messages with the time they were sent at."""
        first, size, pause = int(command.get("first", 0)), int(command.get("size", 0)), command.get("pause", 0.0)
        for number in range(first, first + int(command["messages"])):
            begin = b'{"n":%d,"t":%.6f,' % (number, time.monotonic())
            data = message(begin, 0, size)
            for place, writer in enumerate(self.writers):
                writer.write(message(begin, place, size) if command.get("distinct") else data)
            await asyncio.sleep(pause)

    def answer(self, seconds: float) -> dict[str, object]:
        waiting = [writer.transport.get_write_buffer_size() for writer in self.writers] or [0]
        return {
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
        print(json.dumps(broadcaster.answer(time.monotonic() - started)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(run(parser.parse_args().port))
