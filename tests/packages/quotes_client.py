"""A session of the installed sheaf-batch with /quotes?count=N: prints {"frames": N, "messages": N}.

Usage: quotes_client.py URL COUNT. What comes back wrong ends it with an AssertionError.
"""

import asyncio
import json
import sys

from sheaf_batch import decode_frame, with_envelope
from sheaf_batch.websockets import batch_connect
from websockets.asyncio.client import connect


async def frames_of(url: str, count: int) -> int:
    """How many frames the quotes come in, as a plain client that takes them apart by hand sees it."""
    frames, messages = 0, 0
    async with connect(with_envelope(url, "json")) as socket:
        while messages < count:
            messages += len(decode_frame("json", await socket.recv()))
            frames += 1
    return frames


async def session(url: str, count: int) -> int:
    """How many messages came in order; the last one is an echo of its own."""
    async with batch_connect(url) as socket:
        for number in range(count):
            assert json.loads(await socket.recv()) == {"symbol": "SHF", "number": number}
        await socket.send("to be sent back")
        assert await socket.recv() == "to be sent back"
    return count


async def main(url: str, count: int) -> None:
    """Both, one after the other."""
    print(json.dumps({"frames": await frames_of(url, count), "messages": await session(url, count)}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
