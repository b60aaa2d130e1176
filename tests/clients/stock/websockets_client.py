"""The stock WebSocket client of Python, websockets: `websockets_client.py BASE CASE` runs one case and prints what it
saw.
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

BASE, CASE = sys.argv[1:3]


def letters(size: int) -> str:
    return ("abcdefghijklmnop" * (size // 16 + 1))[:size]


def dial(path: str, **options: object) -> connect:
    # With its defaults but for the size of what it takes: permessage-deflate is offered.
    return connect(BASE + path, max_size=None, **options)


def came_back(sent: str | bytes, received: str | bytes) -> str:
    if type(sent) is not type(received):
        return "WRONG: of another kind"
    if sent != received:
        return "WRONG: others came back"
    return f"{len(received.encode() if isinstance(received, str) else received)} bytes came back"


async def echo(sent: str | bytes, pieces: list[str] | None = None, **options: object) -> str:
    async with dial("/echo", **options) as socket:
        await socket.send(pieces or sent)
        return came_back(sent, await socket.recv())


async def receive() -> str:
    async with dial("/big?size=20971520") as socket:
        return f"{len(await socket.recv())} bytes"


async def ping() -> str:
    async with dial("/echo") as socket:
        answer = await socket.ping("are you there")
        await asyncio.wait_for(answer, 5)
        return "pong"


async def protocol() -> str:
    async with dial("/protocol", subprotocols=["v1", "v2"]) as socket:
        return str(socket.subprotocol)


def end_of(socket: ClientConnection) -> str:
    return f'close {socket.close_code} "{socket.close_reason}"'


async def close() -> str:
    async with dial("/closing?id=websockets") as socket:
        await socket.close(4001, "bye")
        return end_of(socket)


async def wait_for_close(path: str, first: str | None) -> str:
    async with dial(path) as socket:
        if first is None:
            print("open", flush=True)
        else:
            await socket.send(first)
        try:
            await socket.recv()
        except ConnectionClosed:
            pass
        return end_of(socket)


async def abort() -> str:
    socket = await dial("/closing?id=websockets")
    await socket.send("x")
    await socket.recv()
    socket.transport.abort()
    return "gone"


async def half() -> str:
    async with dial("/echo") as socket:
        await socket.send("x")
        socket.transport.write_eof()
        seen = None
        try:
            seen = await asyncio.wait_for(socket.recv(), 5)
            await asyncio.wait_for(socket.recv(), 5)
        except ConnectionClosed:
            return end_of(socket) if seen is None else f'"{seen}", then {end_of(socket)}'
        except TimeoutError:
            return "no answer"
        return "WRONG: two messages"


CASES = {
    "text": lambda: echo("héllo"),
    "binary": lambda: echo(b"\x00\xff\n\r"),
    "5 MB": lambda: echo(letters(5_000_000)),
    "16 MB": lambda: echo(letters(16_000_000).encode(), compression=None),
    "deflate": lambda: echo(letters(100_000)),
    "receive": receive,
    "fragments": lambda: echo(letters(200_000), [letters(200_000)[at : at + 10] for at in range(0, 200_000, 10)]),
    "ping": ping,
    "protocol": protocol,
    "close": close,
    "closed": lambda: wait_for_close("/close?code=4002&reason=enough", "go"),
    "stopped": lambda: wait_for_close("/hold", None),
    "killed": lambda: wait_for_close("/hold", None),
    "abort": abort,
    "half": half,
}


async def main() -> None:
    try:
        print(await CASES[CASE]() if CASE in CASES else "-", flush=True)
    except ConnectionClosed as end:
        seen = end.rcvd
        print(f'close {seen.code} "{seen.reason}"' if seen else 'close 1006 ""', flush=True)


asyncio.run(main())
