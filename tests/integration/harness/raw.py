"""An HTTP client that sends exactly the bytes it is given and shows exactly the bytes it gets."""

from __future__ import annotations

import select
import socket
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Response:
    """One response, taken apart; `raw` is everything from the status line to the end of the body's framing."""

    version: str
    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    raw: bytes = b""
    complete: bool = True  # False: the connection ended before the body did
    trailers: list[bytes] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None


class RawClient:
    """One client connection, to a port of `host` or to the Unix socket at a path. Everything that waits has a deadline
    and then fails with TimeoutError. `first` is sent ahead of all, in front of the TLS handshake too."""

    def __init__(
        self,
        port: int | Path,
        *,
        host: str = "127.0.0.1",
        first: bytes = b"",
        context: ssl.SSLContext | None = None,
        timeout: float = 10,
        session: ssl.SSLSession | None = None,
        receive_buffer: int = 0,
        source: str = "",
    ) -> None:
        unix = isinstance(port, Path)
        plain = socket.socket(socket.AF_UNIX if unix else socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            plain.bind((source, 0))
        plain.settimeout(timeout)
        plain.connect(str(port) if unix else (host, port))
        if not unix:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if first:
            plain.sendall(first)
        self.socket = context.wrap_socket(plain, server_hostname="localhost", session=session) if context else plain
        self.timeout = timeout
        self.buffer = b""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Ends the connection with RST, as a crashed client does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_quietly(self, data: bytes) -> None:
        """Sends to a peer that may close meanwhile."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, ssl.SSLError):
            pass

    def fill(self) -> bool:
        """Reads once into the buffer; False at the end of the connection (a reset counts as an end)."""
        try:
            data = self.socket.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            return False
        self.buffer += data
        return bool(data)

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes, or what there was before the end."""
        while len(self.buffer) < count and self.fill():
            pass
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_until(self, mark: bytes) -> bytes:
        """Up to and with `mark`, or what there was before the end."""
        while mark not in self.buffer and self.fill():
            pass
        index = self.buffer.find(mark)
        return self.read(index + len(mark) if index >= 0 else len(self.buffer))

    def read_all(self) -> bytes:
        """Everything up to the end of the connection."""
        while self.fill():
            pass
        return self.read(len(self.buffer))

    def ended(self, seconds: float) -> bool:
        """Whether the peer ends the connection within `seconds`, sending nothing more."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self.buffer:
                return False
            if select.select([self.socket], [], [], left)[0] and not self.fill():
                return True
        return False

    def request(self, text: str | bytes, method: str = "") -> Response:
        """Sends a request and reads its response. Lines of a `str` may end in LF: they are sent with CRLF."""
        data = text if isinstance(text, bytes) else text.replace("\r\n", "\n").replace("\n", "\r\n").encode("latin-1")
        self.send(data)
        return self.response(method or data.split(b" ", 1)[0].decode("latin-1"))

    def response(self, method: str = "GET", skip_interim: bool = True) -> Response:
        """Reads one response to a request of `method`; interim ones (1xx but 101) are skipped unless asked for."""
        while True:
            head = self.read_until(b"\r\n\r\n")
            assert head.endswith(b"\r\n\r\n"), f"the connection ended within a head: {head[:200]!r}"
            response = parse_head(head)
            if not (skip_interim and 100 <= response.status < 200 and response.status != 101):
                break
        if method == "HEAD" or response.status in (204, 304) or 100 <= response.status < 200:
            return response
        if (response.get("transfer-encoding") or "").lower() == "chunked":
            self._read_chunks(response)
        elif (length := response.get("content-length")) is not None:
            response.body = self.read(int(length))
            response.complete = len(response.body) == int(length)
            response.raw += response.body
        else:
            response.body = self.read_all()
            response.raw += response.body
        return response

    def _read_chunks(self, response: Response) -> None:
        while True:
            line = self.read_until(b"\r\n")
            response.raw += line
            if not line.endswith(b"\r\n"):
                response.complete = False
                return
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            data = self.read(size + 2)
            response.raw += data
            response.body += data[:size]
            if len(data) != size + 2:
                response.complete = False
                return
        while (line := self.read_until(b"\r\n")) != b"\r\n":
            response.raw += line
            if not line:
                response.complete = False
                return
            response.trailers.append(line)
        response.raw += b"\r\n"


def parse_head(head: bytes) -> Response:
    """A response head; fails on anything but CRLF lines of `name: value`."""
    lines = head[:-4].decode("latin-1").split("\r\n")
    version, status, *reason = lines[0].split(" ", 2)
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        assert colon and name and name == name.strip(), f"not a field line: {line!r}"
        fields.append((name, value.strip()))
    return Response(version, int(status), reason[0] if reason else "", fields, raw=head)


def get(
    port: int | Path,
    path: str = "/",
    fields: str = "",
    context: ssl.SSLContext | None = None,
    timeout: float = 10,
    **options: object,
) -> Response:
    """One GET on a connection of its own; `fields` are more lines, each with its line end; `options`: RawClient's."""
    with RawClient(port, context=context, timeout=timeout, **options) as client:  # type: ignore[arg-type]
        return client.request(f"GET {path} HTTP/1.1\nHost: test.example\n{fields}Connection: close\n\n")
