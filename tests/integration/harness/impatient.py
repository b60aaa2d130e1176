"""A backend that closes a connection soon after its last response: `python -m harness.impatient`.

Answers each request with the X-Number it carries, and counts how often each number came. Any line on standard input
is answered with a line of JSON, the figures so far; one such line comes at the start, too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from .recorder import end_of_request

answered: dict[str, int] = {}
connections = 0


class Connection(asyncio.Protocol):
    """One connection; ends itself `idle` seconds after a response, unless another request has begun."""

    def __init__(self, idle: float) -> None:
        self._idle = idle
        self._buffer = b""
        self._ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        global connections
        connections += 1
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._ending:
            self._ending.cancel()
        self._buffer += data
        while (end := end_of_request(self._buffer)) is not None:
            self._answer(self._buffer[:end])
            self._buffer = self._buffer[end:]

    def _answer(self, request: bytes) -> None:
        number = request.lower().partition(b"\r\nx-number: ")[2].partition(b"\r\n")[0].decode()
        answered[number] = answered.get(number, 0) + 1
        body = number.encode()
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        self._ending = asyncio.get_running_loop().call_later(self._idle, self._transport.close)


async def run(arguments: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    await loop.create_server(lambda: Connection(arguments.idle), "127.0.0.1", arguments.port, backlog=512)
    while True:
        again = sum(count > 1 for number, count in answered.items() if number)
        figures = {"answered": len(answered), "posts_again": again, "connections": connections}
        print(json.dumps(figures), flush=True)
        if not await commands.readline():
            return


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--idle", type=float, required=True, help="seconds")
    asyncio.run(run(parser.parse_args()))
