"""The clients of Python's websockets in the soak of deflate: `soak_websockets.py URL COUNT` prints their ledger when it is
over. See tests/integration/harness/deflate_app.py.
"""

from __future__ import annotations

import asyncio
import json
import sys
import zlib
from collections import Counter

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

MOST_FAILURES = 100


class Members:
    """All clients of this process, which share a ledger."""

    def __init__(self, url: str) -> None:
        self.ledger = Counter(connections=0, messages=0, wrong=0, missing=0, out_of_order=0, failed=0)
        self.first_problem = ""
        self._url = url

    def _complain(self, kind: str, what: str) -> None:
        self.ledger[kind] += 1
        self.first_problem = self.first_problem or what

    async def live(self) -> None:
        """One client, with all its connections."""
        over = False
        while not over and self.ledger["failed"] < MOST_FAILURES:
            try:
                async with connect(self._url, max_size=None) as socket:
                    self.ledger["connections"] += 1
                    over = await self._stay(socket)
            except (OSError, ValueError, KeyError, WebSocketException) as error:
                self._complain("failed", f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.1)

    async def _stay(self, socket: ClientConnection) -> bool:
        """One connection; whether it was the last one."""
        count = latest = 0
        while True:
            message = json.loads(await socket.recv() or "{}")
            if "bye" in message:
                self.ledger["missing"] += message["bye"] - count
                return bool(message["over"])
            count += 1
            self.ledger["messages"] += 1
            if not message:
                continue  # one of the empty messages
            checked = f"{message['s']} {message['g']} {message['b']}"
            if f"{zlib.crc32(checked.encode()):08x}" != message["c"]:
                self._complain("wrong", f"message {count}: {message['b'][:80]}")
            if message["g"] and message["g"] <= latest:
                self._complain("out_of_order", f"{message['g']} came after {latest}")
            latest = message["g"] or latest


async def main() -> None:
    """So many of them, until it is over."""
    members = Members(sys.argv[1])
    await asyncio.gather(*(members.live() for _ in range(int(sys.argv[2]))))
    print(json.dumps({**members.ledger, "first_problem": members.first_problem}))


if __name__ == "__main__":
    asyncio.run(main())
