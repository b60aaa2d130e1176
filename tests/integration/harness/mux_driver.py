"""A link driven by hand: the proxy's side of mux, over the `websockets` client."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from . import mux_records as records
from .backend import Backend
from .mux_checking import Checker, Message
from .mux_records import Fields, Record
from .sheaf import ROOT

TOKEN = "a secret"
PATH = "/.sheaf/mux"
PYTHON_PATH = os.pathsep.join(str(ROOT / folder) for folder in ("pool/asgi", "tests/integration"))
ENVIRONMENT = {"PYTHONPATH": PYTHON_PATH, "SHEAF_TOKEN": TOKEN}


@contextmanager
def mux_backend(folder: Path, *options: str, **more: str) -> Iterator[Backend]:
    """uvicorn with harness.mux_app; `options` are more words for it, `more` more variables."""
    environment = {**ENVIRONMENT, **more}
    running = Backend(folder, app="harness.mux_app:app", app_folder=ROOT / "tests/integration", environment=environment,
                      options=options, loud=True)  # fmt: skip
    try:
        yield running
    finally:
        running.stop()


def connect_link(
    port: int, token: str | None = TOKEN, subprotocol: str | None = "sheaf-mux", path: str = PATH
) -> ClientConnection:
    """The WebSocket of a link, before HELLO, to be used in `with`. Raises InvalidStatus where it is refused."""
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
    """One link. `app`: the application's HELLO. Every record that comes is checked against the contract.

    next() and its like take records in the order of their coming. Credit is given for nothing unless it is said.
    """

    def __init__(self, port: int, hello: Record | None = None, window: int = 262_144) -> None:
        self.socket = connect_link(port).__enter__()
        self.checker = Checker(window)
        self.frames: list[list[Record]] = []
        """All frames that have come, in order, HELLO's included."""
        self._waiting: deque[Record] = deque()
        self._streams = 0
        self.app = records.read_hello(self.next())
        assert len(self.frames) == len(self.frames[0]) == 1, "HELLO is not alone"
        self.send(hello or records.hello(session_window=window))

    def __enter__(self) -> MuxDriver:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.__exit__(kind, error, at)

    def send(self, *some: Record) -> None:
        """One frame."""
        self.socket.send(b"".join(record.encode() for record in some))

    def open(self, target: str = "/echo", headers: Fields = (), **more: object) -> int:
        """Opens a session, and returns its stream; the answer is yet to come."""
        self._streams += 1
        self.checker.opened(self._streams)
        for record in records.opening(self._streams, target, headers, **more):
            self.send(record)
        return self._streams

    def accepted(self, target: str = "/echo", headers: Fields = (), **more: object) -> int:
        """Opens a session that the application accepts."""
        stream = self.open(target, headers, **more)
        self.next("ACCEPT", stream)
        return stream

    def text(self, stream: int, value: str) -> None:
        self.send(Record("TEXT", stream, value.encode()))

    def credit(self, stream: int, size: int) -> None:
        self.checker.streams[stream].credit += size
        self.send(records.credit(stream, size))

    def close(self, stream: int, code: int = 1000, reason: str = "") -> None:
        self.checker.closed(stream)
        self.send(records.close(stream, code, reason))

    def next(self, kind: str = "", stream: int | None = None, seconds: float = 10) -> Record:
        """The next record; with `kind` or `stream` the next such, and those before it stay for later."""
        return self.take(lambda one: kind in ("", one.kind) and stream in (None, one.stream), seconds)

    def take(self, wanted: Callable[[Record], bool], seconds: float = 10) -> Record:
        passed: list[Record] = []
        try:
            while True:
                while not self._waiting:
                    self._take_frame(seconds)
                record = self._waiting.popleft()
                if wanted(record):
                    return record
                passed.append(record)
        finally:
            self._waiting.extendleft(reversed(passed))

    def _take_frame(self, seconds: float) -> None:
        frame = self.socket.recv(timeout=seconds)
        assert isinstance(frame, bytes) and 8 <= len(frame) <= 131_072
        some = records.decode(frame)
        for record in some:
            self.checker.take(record)
        self.frames.append(some)
        self._waiting.extend(some)

    def messages(self, stream: int, count: int, seconds: float = 10) -> list[Message]:
        """The first `count` messages of a session, once they have come."""
        got = self.checker.streams[stream].messages
        while len(got) < count:
            self._take_frame(seconds)
        return got[:count]

    def read_until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Takes frames until `condition` is true."""
        deadline = time.monotonic() + seconds
        while not condition():
            self._take_frame(deadline - time.monotonic())

    def quiet(self) -> None:
        """Returns when the link has read all that was sent before this call."""
        self.send(Record("PING", 0, b"are you?"))
        self.next("PONG")

    def close_code(self, seconds: float = 10) -> int:
        """The code that the link is closed with, all records before it being taken."""
        try:
            while True:
                self._take_frame(seconds)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None, "the link is lost without a Close"
            return closed.rcvd.code
