"""Many WebSocket clients at once, in a process of their own: `python -m harness.crowd` with the arguments below.

Each client sends numbered messages, keeps a few on their way, and checks that every echo comes back once and in order.
The last line printed is a JSON ledger of the whole crowd. Frames are made by hand: a thousand stock clients would keep
the machine busy with themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
import time
from dataclasses import asdict, dataclass, field

from .frames import BINARY, CLOSE, PING, PONG, TEXT, Frame, close_frame, frame, upgrade


@dataclass
class Ledger:
    """What became of everything that was sent."""

    clients: int = 0
    sent: int = 0
    received: int = 0
    lost: int = 0
    repeated: int = 0
    out_of_order: int = 0
    altered: int = 0
    closes: dict[str, int] = field(default_factory=dict)
    without_close: int = 0
    refused: int = 0
    seconds: float = 0.0


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    head = await reader.readexactly(2)
    length = head[1] & 0x7F
    if length >= 126:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
    payload = await reader.readexactly(length)
    return Frame(bool(head[0] & 0x80), head[0] >> 4 & 7, head[0] & 0xF, False, payload)


class Client:
    """One client: connect(), then run() until all echoes are back or the connection is over."""

    def __init__(
        self, arguments: argparse.Namespace, number: int, ledger: Ledger, context: ssl.SSLContext | None
    ) -> None:
        self._arguments, self._number, self._ledger, self._context = arguments, number, ledger, context
        self._writer: asyncio.StreamWriter

    async def connect(self) -> bool:
        reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._arguments.port, ssl=self._context, server_hostname="localhost" if self._context else None
        )
        self._reader = reader
        self._writer.write(upgrade(self._arguments.path).replace("\n", "\r\n").encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            self._ledger.refused += 1
            self._writer.close()
            return False
        self._ledger.clients += 1
        return True

    def _message(self, number: int) -> bytes:
        return f"{self._number}:{number}:".encode().ljust(self._arguments.size, b".")

    async def run(self) -> None:
        total, window = self._arguments.messages, self._arguments.window
        sent = expected = 0
        opcode = TEXT if self._number % 2 else BINARY
        try:
            while expected < total:
                while sent < min(total, expected + window):
                    self._writer.write(frame(opcode, self._message(sent)))
                    sent += 1
                    self._ledger.sent += 1
                    if self._arguments.pause:
                        await asyncio.sleep(self._arguments.pause)
                received = await read_frame(self._reader)
                if received.opcode == PING:
                    self._writer.write(frame(PONG, received.payload))
                elif received.opcode == CLOSE:
                    self._note_close(received)
                    self._writer.write(close_frame(received.code if received.payload else 1000))
                    return
                elif received.opcode in (TEXT, BINARY):
                    self._check(received, opcode, expected)
                    expected += 1
                await self._writer.drain()
            self._writer.write(close_frame(1000))
            while (received := await read_frame(self._reader)).opcode != CLOSE:
                if received.opcode in (TEXT, BINARY):
                    self._ledger.repeated += 1
            self._note_close(received)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            self._ledger.without_close += 1
        finally:
            self._ledger.lost += total - expected
            self._writer.close()

    def _note_close(self, received: Frame) -> None:
        code = str(received.code)
        self._ledger.closes[code] = self._ledger.closes.get(code, 0) + 1

    def _check(self, received: Frame, opcode: int, expected: int) -> None:
        self._ledger.received += 1
        if received.payload == self._message(expected) and received.opcode == opcode:
            return
        parts = received.payload.split(b":")
        if parts[0] != str(self._number).encode() or len(parts) != 3:
            self._ledger.altered += 1
        elif int(parts[1]) < expected:
            self._ledger.repeated += 1
        else:
            self._ledger.out_of_order += 1


async def run(arguments: argparse.Namespace) -> Ledger:
    context = ssl.create_default_context(cafile=arguments.authority) if arguments.authority else None
    ledger, began = Ledger(), time.monotonic()
    clients = [
        Client(arguments, number, ledger, context)
        for number in range(arguments.first, arguments.first + arguments.clients)
    ]
    gate = asyncio.Semaphore(50)

    async def connect(client: Client) -> Client | None:
        async with gate:
            try:
                return client if await client.connect() else None
            except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                ledger.refused += 1
                return None

    connected = [client for client in await asyncio.gather(*map(connect, clients)) if client]
    print(f"connected {len(connected)}", flush=True)
    # All are connected before the first message goes out: they are concurrent for as long as the echoes take.
    if arguments.wait_for_go:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await asyncio.gather(*(client.run() for client in connected))
    ledger.seconds = time.monotonic() - began
    return ledger


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/ws/echo")
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--first", type=int, default=0, help="number of the first client")
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--window", type=int, default=4, help="messages of a client on their way at once")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two messages of a client")
    parser.add_argument("--authority", help="speak TLS and trust this certificate authority")
    parser.add_argument("--wait-for-go", action="store_true", help="send nothing until a line comes on standard input")
    print(json.dumps(asdict(asyncio.run(run(parser.parse_args())))))


if __name__ == "__main__":
    main()
