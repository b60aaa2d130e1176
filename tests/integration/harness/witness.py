"""Relays the connections of clients to a proxy and looks at all that comes back: `python -m harness.witness --target
PORT --kinds a,b`.

Its first line of output is {"ports": {kind: port}}; a line on standard input is answered with {kind: Ledger}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from functools import partial

from .inspecting import Inspector, Ledger

CHUNK = 1 << 16


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inspector: Inspector | None) -> None:
    """Everything from here to there, then the end."""
    try:
        while data := await reader.read(CHUNK):
            if inspector:
                inspector.feed(data)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def relay(target: int, ledger: Ledger, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client's connection."""
    back, out = await asyncio.open_connection("127.0.0.1", target)
    await asyncio.gather(forward(reader, out, None), forward(back, writer, Inspector(ledger)))


async def run(target: int, kinds: list[str]) -> None:
    """Relays until standard input ends."""
    ledgers = {kind: Ledger() for kind in kinds}
    ports = {}
    for kind, ledger in ledgers.items():
        server = await asyncio.start_server(partial(relay, target, ledger), "127.0.0.1", 0, backlog=1000)
        ports[kind] = server.sockets[0].getsockname()[1]
    print(json.dumps({"ports": ports}), flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while await commands.readline():
        print(json.dumps({kind: asdict(ledger) for kind, ledger in ledgers.items()}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", type=int, required=True)
    parser.add_argument("--kinds", required=True)
    arguments = parser.parse_args()
    asyncio.run(run(arguments.target, arguments.kinds.split(",")))
