"""A scripted upstream: records every byte that reaches it and answers exactly what the test says."""

from __future__ import annotations

import io
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .frames import Frame, accept_for, parse_frame
from .ports import free_port

READ_SIZE = 1 << 16
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Request:
    """One request as it came: its bytes, and what it says. `number` counts the requests of its connection from 1."""

    connection: "Connection"
    number: int
    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]

    def all(self, name: str) -> list[str]:
        """Values of every line of that name, in order."""
        pairs = [line.partition(b":") for line in self.head.split(b"\r\n")[1:-2]]
        return [value.strip().decode("latin-1") for key, _, value in pairs if key.lower() == name.lower().encode()]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None


@dataclass
class Connection:
    """One connection from the proxy."""

    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    ended: bool = False
    only_recorded: bool = False
    requests: list[Request] = field(default_factory=list)
    # Of a TLS connection: OpenSSL does not let one thread read while another writes.
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, data: bytes) -> None:
        try:
            if isinstance(self.socket, ssl.SSLSocket):
                with self.lock:
                    self.socket.sendall(data)
            else:
                self.socket.sendall(data)
        except OSError:
            pass  # the proxy may have gone; the test looks at what it recorded

    def read(self) -> bytes:
        """Waits for some bytes; empty at the end."""
        if not isinstance(self.socket, ssl.SSLSocket):
            return self.socket.recv(READ_SIZE)
        while True:
            if not self.socket.pending():
                select.select([self.socket], [], [])
            with self.lock:
                self.socket.settimeout(0)
                try:
                    return self.socket.recv(READ_SIZE)
                except ssl.SSLWantReadError:
                    pass  # a part of a record, or one without data
                finally:
                    self.socket.settimeout(None)

    def close(self) -> None:
        """Ends the connection from this side at once."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def reset(self) -> None:
        """Ends the connection with RST. The serving thread, which this wakes, does the close that sends it."""
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.socket.shutdown(socket.SHUT_RD)
        except OSError:
            pass  # ended already


# What the script returns: bytes to send; None to send nothing (the script has seen to it itself, or never answers).
Script = Callable[[Request], bytes | None]


def upgrade_answer(request: Request, fields: bytes = b"") -> bytes:
    """The valid 101 for an upgrade request."""
    accept = accept_for(request.get("sec-websocket-key") or "").encode()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n" + fields + b"\r\n"
    )


class Recorder:
    """Listens on a port of its own, or on a Unix socket at `path`; one thread a connection. `script` may be replaced
    between requests.

    With `at_head` the script is asked as soon as a head is there, before the body. What comes after a 101, or after the
    script kept silent, is only recorded.
    """

    def __init__(
        self,
        script: Script = lambda _: OK,
        *,
        at_head: bool = False,
        context: ssl.SSLContext | None = None,
        port: int = 0,
        path: Path | None = None,
    ) -> None:
        self.script = script
        self._at_head = at_head
        self.connections: list[Connection] = []
        self._latest: Request | None = None
        self._context = context
        self.path = path
        self.port = 0 if path else port or free_port()
        self._listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(str(path) if path else ("127.0.0.1", self.port))
        self._listener.listen(512)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    @property
    def received(self) -> bytes:
        """Everything that has come, over all connections."""
        return b"".join(connection.received for connection in self.connections)

    @property
    def requests(self) -> list[Request]:
        return [request for connection in self.connections for request in connection.requests]

    @property
    def latest(self) -> Request:
        """The request that came last, on whichever connection."""
        assert self._latest is not None, "no request has come"
        return self._latest

    @property
    def open_connections(self) -> list[Connection]:
        return [connection for connection in self.connections if not connection.ended]

    def settle(self, seconds: float = 0.15) -> None:
        """Gives bytes that should not come the time to come."""
        time.sleep(seconds)

    def stop(self) -> None:
        self._listener.close()
        for connection in self.connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            if not self.path:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        connection = Connection(accepted)
        try:
            if self._context:
                accepted = connection.socket = self._context.wrap_socket(accepted, server_side=True)
            self.connections.append(connection)
            rest = b""
            while data := connection.read():
                connection.received += data
                rest = self._serve_requests(connection, rest + data)
        except OSError:
            pass
        connection.ended = True
        accepted.close()

    def _serve_requests(self, connection: Connection, data: bytes) -> bytes:
        if connection.only_recorded:
            return b""
        while (request_end := self._end(data)) is not None:
            head_end = data.index(b"\r\n\r\n") + 4
            request = Request(connection, len(connection.requests) + 1, data[:head_end], data[head_end:request_end])
            connection.requests.append(request)
            self._latest = request
            data = data[request_end:]
            answer = self.script(request)
            if answer is not None:
                connection.send(answer)
            if answer is None or answer.startswith(b"HTTP/1.1 101"):
                connection.only_recorded = True
                return b""
        return data

    def _end(self, data: bytes) -> int | None:
        if self._at_head:
            return data.index(b"\r\n\r\n") + 4 if b"\r\n\r\n" in data else None
        return end_of_request(data)


def end_of_request(data: bytes) -> int | None:
    """Where the first request of `data` ends, or None while it is not complete."""
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    head, head_end = data[:head_end].lower(), head_end + 4
    if re.search(rb"\r\ntransfer-encoding:\s*chunked", head):
        last = re.compile(rb"(?:^|\r\n)0\r\n(?:[^\r]+\r\n)*\r\n").search(data, head_end)
        return last.end() if last else None
    length = re.search(rb"\r\ncontent-length:\s*(\d+)", head)
    end = head_end + (int(length[1]) if length else 0)
    return end if len(data) >= end else None


def frames_at(connection: Connection) -> list[Frame]:
    """What a scripted backend has got behind the request's head, as far as it is whole."""
    rest = io.BytesIO(bytes(connection.received).partition(b"\r\n\r\n")[2])
    return list(iter(lambda: parse_frame(rest.read), None))
