"""Clients of deflate_app.py by raw frames: `python -m harness.raw_members --port PORT`, until the backend says that the
soak is over. Prints {kind: Ledger} then.

Each kind makes another offer (OFFERS), and each of its clients comes again when it is let go. `abrupt` goes away amid
the stream, without a Close, and comes again; `slow` reads a little at a time, at /conflated, until a line comes on
standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import sys
from dataclasses import asdict

from .frames import PONG, close_frame, frame, upgrade
from .inspecting import Inspector, Ledger

STOCK = "permessage-deflate; client_max_window_bits"
OFFERS = {
    "no offer": "",
    **{f"{bits} bits": f"{STOCK}; server_max_window_bits={bits}" for bits in range(9, 16)},
    "no takeover": f"{STOCK}; server_no_context_takeover",
    "no takeover, 10 bits": f"{STOCK}; server_no_context_takeover; server_max_window_bits=10",
    "abrupt": STOCK,
    "slow": STOCK,
}
SLOW_BYTES, SLOW_PAUSE = 8192, 0.15  # what a slow client reads at a time, and how long it waits then, in s
PATIENCE = 120.0  # seconds without a byte


async def connect(port: int, kind: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects and asks for the upgrade."""
    plain = socket.socket()
    if kind == "slow":
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=1 << 13 if kind == "slow" else 1 << 16)
    offer = f"Sec-WebSocket-Extensions: {OFFERS[kind]}\n" if OFFERS[kind] else ""
    writer.write(upgrade("/conflated" if kind == "slow" else "/soak", offer).replace("\n", "\r\n").encode())
    return reader, writer


async def read_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hurry: asyncio.Event) -> bytes:
    """A little, after a while. Says that it lives, since a ping would have to wait its turn behind megabytes."""
    if not hurry.is_set():
        await asyncio.sleep(SLOW_PAUSE)
        writer.write(frame(PONG))
    return await reader.read(SLOW_BYTES)


async def stay(port: int, kind: str, ledger: Ledger, chunks: int, hurry: asyncio.Event) -> bool:
    """One connection, for so many reads at most. Whether it was the last one."""
    reader, writer = await connect(port, kind)
    inspector = Inspector(ledger, by_stream=kind == "slow")
    try:
        while inspector.over is None:
            reading = read_slowly(reader, writer, hurry) if kind == "slow" else reader.read(1 << 16)
            data = await asyncio.wait_for(reading, PATIENCE)
            if not data:
                raise ConnectionError("the connection ended")
            inspector.feed(data)
            while inspector.pings:
                writer.write(frame(PONG, inspector.pings.pop(0)))
            chunks -= 1
            if not chunks:
                writer.transport.abort()
                return False
        writer.write(close_frame(1000))
        while await asyncio.wait_for(reader.read(1 << 16), PATIENCE):
            pass
    finally:
        writer.close()
    return inspector.over


async def live(port: int, kind: str, ledger: Ledger, source: random.Random, hurry: asyncio.Event) -> None:
    """One client, with all its connections."""
    over = False
    while not over:
        try:
            over = await stay(port, kind, ledger, source.randrange(50, 500) if kind == "abrupt" else 0, hurry)
        except (OSError, TimeoutError) as error:
            ledger.failed += 1
            ledger.complain(f"{type(error).__name__}: {error}")
            if ledger.failed > 100:
                return
            await asyncio.sleep(0.1)


async def run(port: int, each: int) -> None:
    """All of them, `each` of each kind."""
    ledgers = {kind: Ledger() for kind in OFFERS}
    source, hurry = random.Random(1), asyncio.Event()
    loop = asyncio.get_running_loop()

    def begin_to_hurry() -> None:
        loop.remove_reader(sys.stdin)
        hurry.set()

    loop.add_reader(sys.stdin, begin_to_hurry)
    await asyncio.gather(
        *(live(port, kind, ledger, source, hurry) for kind, ledger in ledgers.items() for _ in range(each)))
    print(json.dumps({kind: asdict(ledger) for kind, ledger in ledgers.items()}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--each", type=int, default=2)
    arguments = parser.parse_args()
    asyncio.run(run(arguments.port, arguments.each))
