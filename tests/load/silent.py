"""Clients that open a WebSocket and then never answer anything: what a phone that has lost its network looks like."""

from __future__ import annotations

import socket
from types import TracebackType

REQUEST = (b"GET /ws?kind=silent HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")


class SilentClients:
    """`count` of them, while the context lasts. `opened`: those that were let in."""

    def __init__(self, port: int, count: int) -> None:
        self._sockets = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(count)]
        self.opened = 0
        for one in self._sockets:
            one.sendall(REQUEST)
            self.opened += one.recv(4096).startswith(b"HTTP/1.1 101 ")

    def __enter__(self) -> SilentClients:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for one in self._sockets:
            one.close()
