"""Three clients on a slow link, which read one feed: directly, through Sheaf, and through Sheaf with conflation.

A process of its own, started by the backend for a page that asks: python -m demo.slow_client DIRECT PLAIN CONFLATED
BYTES_PER_SECOND, the first three WebSocket addresses. Every half second it prints one line of JSON: of each client the age
of the newest quote that it has read (seconds, or null before the first), and how many times its connection was cut.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

NAMES = ("direct", "plain", "conflated")
READS_A_SECOND = 20
# The smallest that Linux grants: a large one would hide that the reader is slow.
RECEIVE_BUFFER_BYTES = 4096
# As on Ethernet: loopback would have 64 KiB, and the sender a buffer of megabytes to go with them.
MOST_SEGMENT_BYTES = 1400
RETRY_SECONDS = 1.0


class SlowClient:
    """One WebSocket client that reads so many bytes a second; it connects again when it is cut off."""

    def __init__(self, address: str, bytes_per_second: int) -> None:
        self._address = address
        self._read_bytes = max(1, bytes_per_second // READS_A_SECOND)
        self._newest_at: float | None = None
        self._cuts = 0

    def report(self) -> dict[str, float | int | None]:
        """`age` in seconds, None before the first quote; `cuts`: how many connections have ended."""
        age = None if self._newest_at is None else round(max(0.0, time.time() - self._newest_at), 3)
        return {"age": age, "cuts": self._cuts}

    async def run(self) -> None:
        """Connects and reads, until cancelled."""
        while True:
            try:
                await self._read_one_connection()
            except OSError:
                pass
            self._cuts += 1
            await asyncio.sleep(RETRY_SECONDS)

    async def _read_one_connection(self) -> None:
        uri = parse_uri(self._address)
        protocol = ClientProtocol(uri)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MOST_SEGMENT_BYTES)
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, (uri.host, uri.port))
            protocol.send_request(protocol.connect())
            while True:
                for data in protocol.data_to_send():
                    await loop.sock_sendall(connection, data)
                data = await loop.sock_recv(connection, self._read_bytes)
                if not data:
                    return
                protocol.receive_data(data)
                self._take(protocol)
                if protocol.state > State.OPEN:
                    return
                await asyncio.sleep(len(data) / self._read_bytes / READS_A_SECOND)

    def _take(self, protocol: ClientProtocol) -> None:
        for event in protocol.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._newest_at = float(json.loads(bytes(event.data))["at"])


async def main() -> None:
    """Runs the three until the process is ended."""
    bytes_per_second = int(sys.argv[4])
    clients = {name: SlowClient(address, bytes_per_second) for name, address in zip(NAMES, sys.argv[1:4], strict=True)}
    async with asyncio.TaskGroup() as group:
        for client in clients.values():
            group.create_task(client.run())
        while True:
            await asyncio.sleep(0.5)
            print(json.dumps({name: client.report() for name, client in clients.items()}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
