"""Pushing over the admin listener, and clients that count what they get. Standard library only: backends use it, too."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

Message = dict[str, Any]


def post(
    admin_port: int, token: str, body: Message | bytes, path: str = "/api/messages", timeout: float = 20
) -> tuple[int, Message]:
    """Status and answer of a POST; `body`: an object that is written as JSON, or bytes. `timeout` in seconds.

    Raises OSError or http.client.HTTPException when no answer comes.
    """
    connection = http.client.HTTPConnection("127.0.0.1", admin_port, timeout=timeout)
    try:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, content, {"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


class CountingClient(asyncio.Protocol):
    """A WebSocket that keeps all that comes as bytes, which is cheap; texts() reads them when all is over."""

    def __init__(self, path: str) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False
        self.received = bytearray()
        self._path = path

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.received += data
        if not self.opened.done() and b"\r\n\r\n" in self.received:
            self.opened.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def send(self, text: str) -> None:
        """A masked text frame of at most 125 bytes; the key is zero."""
        payload = text.encode()
        self.transport.write(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def texts(self) -> list[str]:
        """The texts that came, in order; pings are left out. Every frame is short and whole."""
        head, _, rest = bytes(self.received).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        texts, at = [], 0
        while at < len(rest):
            size = rest[at + 1]
            assert size <= 125 and rest[at] in (0x81, 0x89), rest[at : at + 10]
            if rest[at] == 0x81:
                texts.append(rest[at + 2 : at + 2 + size].decode())
            at += 2 + size
        return texts


class LeavingClient(CountingClient):
    """Notes the code of its Close and when (time.monotonic()) it came, and answers it. Pings are for others to answer."""

    code = 0
    closed_at = 0.0

    def data_received(self, data: bytes) -> None:
        opened = self.opened.done()
        super().data_received(data)
        if opened and data[0] == 0x88 and not self.code:
            self.code, self.closed_at = int.from_bytes(data[2:4], "big"), time.monotonic()
            self.transport.write(b"\x88\x82\0\0\0\0" + data[2:4])


Client = TypeVar("Client", bound=CountingClient)


async def open_clients(
    port: int, path: str, count: int, kind: Callable[[str], Client] = CountingClient
) -> list[Client]:
    """So many of them, all past their handshakes."""
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    for begin in range(0, count, 100):
        several = [
            loop.create_connection(lambda: kind(path), "127.0.0.1", port)
            for _ in range(min(100, count - begin))
        ]
        made = [protocol for _, protocol in await asyncio.gather(*several)]
        await asyncio.wait_for(asyncio.gather(*(client.opened for client in made)), 30)
        clients += made
    return clients
