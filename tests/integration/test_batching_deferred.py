"""Reading from the backend waits while a batch does (SO_RCVLOWAT): nothing is stuck, lost or out of order for that.

What is stuck would never come: each test sends no more until all that it has sent is there, and fails when that takes
longer than any window could.
"""

from __future__ import annotations

import os
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.certificates import Pair
from harness.compression import OFFER, content, whole
from harness.decoding import DECODERS, Message
from harness.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawWebSocket, close_frame, frame
from harness.ports import wait_until
from harness.recorder import Connection, Recorder, upgrade_answer
from harness.sheaf import Sheaf, scaled

# The longest with which reading is deferred.
BATCHING = {"timeout": "100ms"}
WAYS = {"cork": ("/ws", ""), "json": ("/ws?sheaf=json", ""), "binary": ("/ws?sheaf=binary", ""),
        "compressed": ("/ws?sheaf=json", OFFER)}


@pytest.fixture(scope="module", params=["tcp", "unix", "tls"])
def recorder(request: pytest.FixtureRequest, folder: Path, certificate: Pair) -> Iterator[Recorder]:
    path = folder / f"deferred-{os.getpid()}.sock" if request.param == "unix" else None
    context = None
    if request.param == "tls":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.certificate, certificate.key)
    running = Recorder(upgrade_answer, at_head=True, path=path, context=context)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def proxy(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    marks = {"buffer_high": 64 * 1024, "buffer_low": 16 * 1024}
    # On a busy machine a client may be silent for long enough to be pinged amid the messages.
    silent = {"ping_interval": "0s"}
    conf = {"workers": 1, "upstream": {"tls_verify": False}, "batching": BATCHING, "deflate": {"threshold": 0}, "limits": marks,
            "websocket": silent}
    running = Sheaf(folder, recorder.url, conf)
    yield running
    running.stop()


class Session:
    """A client and its backend's end, whose messages are numbered."""

    def __init__(self, proxy: Sheaf, recorder: Recorder, way: str, receive_buffer: int = 0) -> None:
        path, fields = WAYS[way]
        self.client = RawWebSocket(proxy.port, path, fields, timeout=10, receive_buffer=receive_buffer)
        self.backend: Connection = recorder.latest.connection
        self._decode = DECODERS.get(path.partition("sheaf=")[2], lambda kind, data: [(kind, data)])
        self.sent: list[Message] = []
        self.received: list[Message] = []
        self.frames = 0

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def message(self, size: int = 0) -> bytes:
        """The next message's frame."""
        text = (b'{"n":%d,"x":"' % len(self.sent)).ljust(size, b"x") + b'"}'
        self.sent.append((TEXT, text))
        return frame(TEXT, text, masked=False)

    def messages(self, size: int, count: int) -> bytes:
        return b"".join(self.message(size) for _ in range(count))

    def stream(self, count: int, size: int = 0) -> None:
        """At a rate at which messages are gathered."""
        for _ in range(count):
            self.backend.send(self.message(size))
            time.sleep(0.001)

    def read_all(self) -> None:
        while len(self.received) < len(self.sent):
            one = whole(self.client)
            assert one.opcode != CLOSE, f"closed with {one.code}"
            self.frames += 1
            self.received += self._decode(one.opcode, content(one))
        assert self.received == self.sent

    def has_sent(self, opcode: int) -> Callable[[], bool]:
        """Whether the proxy has sent such a frame upstream."""
        return lambda: bytes([0x80 | opcode]) in self.backend.received[len(self.backend.requests[-1].head) :]


@pytest.mark.parametrize("way", WAYS)
def test_whatever_comes_last_is_not_stuck(proxy: Sheaf, recorder: Recorder, way: str) -> None:
    """Streams of every length that end at every moment of a window, in whole frames and in halves."""
    source = random.Random(1)
    with Session(proxy, recorder, way) as session:
        for _ in range(scaled(25, 8)):
            session.stream(source.randrange(5, 60), source.choice((0, 0, 300)))
            if source.random() < 0.5:
                data = session.message(source.choice((10, 5000, 100_000)))
                cut = source.randrange(len(data))
                session.backend.send(data[:cut])
                time.sleep(source.choice((0, 0.005, 0.15)))
                session.backend.send(data[cut:])
            session.read_all()
        assert way == "cork" or session.frames < len(session.sent) / 3, "hardly anything was gathered"


@pytest.mark.parametrize("way", WAYS)
def test_more_than_one_read_takes_in_is_not_stuck(proxy: Sheaf, recorder: Recorder, way: str) -> None:
    source = random.Random(2)
    with Session(proxy, recorder, way) as session:
        for _ in range(scaled(10, 4)):
            session.stream(20)
            session.backend.send(b"".join(session.message(source.randrange(10, 3000)) for _ in range(200)))
            session.read_all()


@pytest.mark.parametrize("way", WAYS)
def test_ping_that_waits_with_the_messages_is_answered(proxy: Sheaf, recorder: Recorder, way: str) -> None:
    with Session(proxy, recorder, way) as session:
        session.stream(50)
        session.backend.send(frame(PING, b"there?", masked=False))
        wait_until(session.has_sent(PONG), 10, "the proxy answers")
        session.read_all()
        session.stream(10)
        session.read_all()


@pytest.mark.parametrize("way", WAYS)
def test_close_that_waits_with_the_messages_comes_after_them(proxy: Sheaf, recorder: Recorder, way: str) -> None:
    with Session(proxy, recorder, way) as session:
        session.stream(50)
        session.backend.send(session.message() + close_frame(4321, b"bye", masked=False))
        session.read_all()
        assert session.client.read_close().code == 4321


@pytest.mark.parametrize("way", WAYS)
def test_backend_that_ends_is_heard_at_once(proxy: Sheaf, recorder: Recorder, way: str) -> None:
    with Session(proxy, recorder, way) as session:
        session.stream(50)
        session.backend.send(session.message())
        session.backend.close()
        session.read_all()
        assert session.client.read_close().code == 1012


@pytest.mark.parametrize("way", WAYS)
def test_what_cannot_be_carried_keeps_its_place(proxy: Sheaf, recorder: Recorder, way: str) -> None:
    odd: list[Message] = [(BINARY, b"\x00"), (TEXT, b"not json"), (TEXT, b""), (TEXT, b"a" * 70_000)]
    with Session(proxy, recorder, way) as session:
        for kind, data in odd * 3:
            session.stream(30)
            session.sent.append((kind, data))
            half = len(data) // 2
            parts = frame(kind, data[:half], fin=False, masked=False) + frame(CONTINUATION, data[half:], masked=False)
            session.backend.send(parts if len(session.sent) % 2 else frame(kind, data, masked=False))
            session.stream(5)
            session.read_all()


@pytest.mark.parametrize("way", ["cork", "json", "binary"])
def test_client_that_stops_and_goes_on_loses_nothing(proxy: Sheaf, recorder: Recorder, way: str) -> None:
    """Reading is paused, for a client that is full, while it is deferred as well, and goes on."""
    def pauses() -> float:
        return proxy.metric("sheaf_backpressure_pauses_total", side="upstream")

    with Session(proxy, recorder, way, receive_buffer=4096) as session:
        for _ in range(3):
            before = pauses()
            session.stream(20)
            # More than the kernel holds, so that the proxy must wait.
            writer = threading.Thread(target=session.backend.send, args=(session.messages(3000, 2500),))
            writer.start()
            wait_until(lambda: pauses() > before, 10, "the session pauses")  # noqa: B023
            session.read_all()
            writer.join()
            session.stream(20)
            session.read_all()
