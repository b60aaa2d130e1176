"""A stock python-socketio client that stays: python -m harness.staying URL. Says and does what socketio_stays.cjs does."""

from __future__ import annotations

import asyncio
import json
import sys

import socketio


async def main() -> None:
    """Runs until standard input ends."""
    seen: dict[str, object] = {}
    connects, errors = 0, []
    client = socketio.AsyncClient(reconnection_delay=0.1, reconnection_delay_max=0.5)

    @client.event
    async def connect() -> None:
        nonlocal connects
        connects += 1

    @client.event
    async def connect_error(error: object) -> None:
        errors.append(str(error))

    await client.connect(sys.argv[1])
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    async with asyncio.timeout(10):
        while not client.connected:
            await asyncio.sleep(0.05)
        seen["answer"] = await client.call("who", 0, timeout=5)
    print(json.dumps({**seen, "connects": connects, "errors": errors}), flush=True)
    await client.disconnect()


asyncio.run(main())
