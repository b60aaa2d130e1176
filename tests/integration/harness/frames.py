"""WebSocket frames by hand (RFC 6455 5.2): the right ones, and the wrong ones a test asks for."""

from __future__ import annotations

import base64
import hashlib
import os
import ssl
import struct
from dataclasses import dataclass
from pathlib import Path

from .raw import RawClient, Response

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def accept_for(key: str) -> str:
    """Sec-WebSocket-Accept for a key."""
    return base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()


def upgrade(path: str, fields: str = "", *, key: str = KEY, version: str = "13", host: str = "test.example") -> str:
    """An upgrade request with LF line ends, as RawClient.request takes it."""
    return (
        f"GET {path} HTTP/1.1\nHost: {host}\nConnection: Upgrade\nUpgrade: websocket\n"
        f"Sec-WebSocket-Version: {version}\nSec-WebSocket-Key: {key}\n{fields}\n"
    )


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length_bytes: int | None = None,
    declared: int | None = None,
) -> bytes:
    """One frame. `length_bytes` (0, 2 or 8) forces a form of the length, `declared` another length."""
    length = len(payload) if declared is None else declared
    form = length_bytes if length_bytes is not None else 0 if length < 126 else 2 if length < 1 << 16 else 8
    second = length if form == 0 else 126 if form == 2 else 127
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode, (0x80 if masked else 0) | second])
    head += b"" if form == 0 else struct.pack(">H", length) if form == 2 else struct.pack(">Q", length)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + apply_mask(payload, mask)


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


def close_frame(code: int, reason: bytes = b"", **options: bool) -> bytes:
    return frame(CLOSE, struct.pack(">H", code) + reason, **options)


@dataclass
class Frame:
    """A frame as it came."""

    fin: bool
    rsv: int
    opcode: int
    masked: bool
    payload: bytes

    @property
    def code(self) -> int:
        """The code of a Close frame; 1005 where it has none."""
        return int.from_bytes(self.payload[:2], "big") if self.payload else 1005

    @property
    def reason(self) -> str:
        return self.payload[2:].decode()


def parse_frame(read) -> Frame | None:  # noqa: ANN001  (a callable: count -> bytes)
    """Reads one frame; None at the end of the connection. Fails on a length not in its shortest form."""
    head = read(2)
    if len(head) < 2:
        return None
    length = head[1] & 0x7F
    if length == 126:
        length = int.from_bytes(read(2), "big")
        assert length > 125, "a length is not in its shortest form"
    elif length == 127:
        length = int.from_bytes(read(8), "big")
        assert length > 0xFFFF, "a length is not in its shortest form"
    masked = bool(head[1] & 0x80)
    mask = read(4) if masked else b""
    payload = read(length)
    return Frame(
        bool(head[0] & 0x80), head[0] >> 4 & 7, head[0] & 0xF, masked, apply_mask(payload, mask) if masked else payload
    )


class RawWebSocket(RawClient):
    """A client that shakes hands properly and then sends whatever frames the test wants."""

    def __init__(
        self,
        port: int | Path,
        path: str = "/ws/echo",
        fields: str = "",
        *,
        context: ssl.SSLContext | None = None,
        timeout: float = 10,
        receive_buffer: int = 0,
        first: bytes = b"",
    ) -> None:
        super().__init__(port, context=context, timeout=timeout, receive_buffer=receive_buffer, first=first)
        self.handshake: Response = self.request(upgrade(path, fields))
        assert self.handshake.status == 101, self.handshake
        assert self.handshake.get("sec-websocket-accept") == accept_for(KEY)

    @classmethod
    def over(cls, client: RawClient) -> "RawWebSocket":
        """The same connection, after a handshake that the test has made by hand; `client` is used up by this."""
        adopted = cls.__new__(cls)
        adopted.__dict__ = client.__dict__
        return adopted

    def send_frame(self, opcode: int, payload: bytes = b"", **options: object) -> None:
        self.send(frame(opcode, payload, **options))  # type: ignore[arg-type]

    def read_frame(self) -> Frame | None:
        """The next frame, control frames too; None at the end."""
        received = parse_frame(self.read)
        assert received is None or not received.masked, "a server's frame is masked (RFC 6455 5.1)"
        return received

    def read_message(self) -> tuple[int, bytes]:
        """The next whole message (opcode, payload), pings passed over; (CLOSE, payload) for a Close."""
        opcode, payload = 0, b""
        while True:
            received = self.read_frame()
            assert received is not None, "the connection ended without a Close"
            if received.opcode in (PING, PONG):
                continue
            if received.opcode == CLOSE:
                return CLOSE, received.payload
            opcode = received.opcode or opcode
            payload += received.payload
            if received.fin:
                return opcode, payload

    def check_echo(self, text: bytes) -> None:
        """Sends it to a backend that echoes, and waits for it to come back."""
        self.send_frame(TEXT, text)
        assert self.read_message() == (TEXT, text)

    def read_close(self) -> Frame:
        """The Close frame, whatever comes before it."""
        while True:
            received = self.read_frame()
            assert received is not None, "the connection ended without a Close"
            if received.opcode == CLOSE:
                return received
