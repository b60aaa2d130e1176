"""A link driven by hand: the proxy's side of mux, over the `websockets` client."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from . import mux_records as records
from .mux_records import Fields, Record

TOKEN = "a secret"
PATH = "/.sheaf/mux"


def connect_link(port: int, token: str | None = TOKEN, subprotocol: str | None = "sheaf-mux", path: str = PATH) -> ClientConnection:
    """The WebSocket of a link, before HELLO. Raises InvalidStatus where it is refused."""
    return connect(
        f"ws://127.0.0.1:{port}{path}",
        additional_headers={"Authorization": f"Bearer {token}"} if token is not None else None,
        subprotocols=[subprotocol] if subprotocol else None,  # type: ignore[list-item]
        compression=None,
        max_size=None,
        max_queue=None,
        ping_interval=None,
        open_timeout=20,
        close_timeout=5,
    )


class MuxDriver:
    """One link. `app`: the application's HELLO. next() and its like take records in the order of their coming."""

    def __init__(self, port: int, hello: Record | None = None, **connecting: str) -> None:
        self.socket = connect_link(port, **connecting)
        self._waiting: deque[Record] = deque()
        self._streams = 0
        self.frames: list[list[Record]] = []
        """All frames that have come, in order, HELLO's included."""
        self.app = records.read_hello(self.next())
        self.send(hello or records.hello())

    def __enter__(self) -> MuxDriver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def send(self, *some: Record) -> None:
        """One frame."""
        self.socket.send(b"".join(record.encode() for record in some))

    def send_bytes(self, frame: bytes | str) -> None:
        self.socket.send(frame)

    def open(self, target: str = "/ws", headers: Fields = (), **more: object) -> int:
        """Opens a session, and returns its stream; the answer is yet to come."""
        self._streams += 1
        for record in records.opening(self._streams, target, headers, **more):
            self.send(record)
        return self._streams

    def accepted(self, target: str = "/ws", headers: Fields = (), **more: object) -> int:
        """Opens a session that the application accepts."""
        stream = self.open(target, headers, **more)
        self.next("ACCEPT", stream)
        return stream

    def text(self, stream: int, value: str) -> None:
        self.send(Record("TEXT", stream, value.encode()))

    def next(self, kind: str = "", stream: int | None = None, seconds: float = 10) -> Record:
        """The next record; with `kind` or `stream` the next such, those before it stay for later."""
        return self.take(lambda one: kind in ("", one.kind) and stream in (None, one.stream), seconds)

    def take(self, wanted: Callable[[Record], bool], seconds: float = 10) -> Record:
        passed: list[Record] = []
        try:
            while True:
                while not self._waiting:
                    frame = self.socket.recv(timeout=seconds)
                    assert isinstance(frame, bytes) and len(frame) <= 131_072
                    self.frames.append(records.decode(frame))
                    assert self.frames[-1], "an empty frame"
                    self._waiting.extend(self.frames[-1])
                record = self._waiting.popleft()
                if wanted(record):
                    return record
                passed.append(record)
        finally:
            self._waiting.extendleft(reversed(passed))


    def close_code(self, seconds: float = 10) -> int:
        """The code that the link is closed with, all records before it being dropped."""
        try:
            while True:
                self.socket.recv(timeout=seconds)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None, "the link is lost without a Close"
            return closed.rcvd.code
