"""A client that asks does not wait for the batching of what is pushed to it, with the shipped options.

Which message waits how long is proven with a fake clock (tests/unit/batching/window_test.cc). Here a stream of 250 a
second earns its windows, reading from the backend is deferred, and the median of many answers is far from a window.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.decoding import DECODERS
from harness.frames import BINARY, TEXT, RawWebSocket, frame
from harness.recorder import Recorder, upgrade_answer
from harness.sheaf import AS_SHIPPED, Sheaf, is_sanitized, merged

# The shortest window is that of batching.cork_timeout: 10 ms, of which a message waits half on average.
FAR_FROM_A_WINDOW = 0.012 if is_sanitized() else 0.003
PATHS = {"cork": "/ws", "json": "/ws?sheaf=json", "binary": "/ws?sheaf=binary", "engineio": "/ws?EIO=4&sheaf=engineio"}


@pytest.fixture(scope="module", params=["tcp", "unix"])
def recorder(request: pytest.FixtureRequest, folder: Path) -> Iterator[Recorder]:
    path = folder / "answers.sock" if request.param == "unix" else None
    running = Recorder(upgrade_answer, at_head=True, path=path)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def proxy(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    running = Sheaf(folder, recorder.url, merged(AS_SHIPPED, {"drain": {"delay": "0s"}}))
    yield running
    running.stop()


class Stream:
    """Pushes 250 messages a second to the recorder's latest client, and what send() is given between them.

    Held up by the machine, the stream makes up for it: a slower one would not be gathered.
    """

    def __init__(self, recorder: Recorder, message: bytes = b'42["tick",1]') -> None:
        self._message = message
        self._backend = recorder.latest.connection
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        began, sent = time.monotonic(), 0
        while not self._over.wait(0.004):
            while sent < (time.monotonic() - began) / 0.004:
                self.send(self._message)
                sent += 1

    def send(self, *messages: bytes, kind: int = TEXT) -> None:
        """Sends the messages, the first of `kind`, the others binary."""
        kinds = [kind] + [BINARY] * (len(messages) - 1)
        with self._lock:
            self._backend.send(b"".join(frame(one, data, masked=False) for one, data in zip(kinds, messages)))

    @contextmanager
    def running(self) -> Iterator[Stream]:
        """Until the end of the block."""
        self._thread.start()
        yield self
        self._over.set()
        self._thread.join()


def wait_for(socket: RawWebSocket, way: str, data: bytes) -> float:
    """Reads until the message `data` has come; how many seconds that took."""
    decode = DECODERS.get(way, lambda kind, payload: [(kind, payload)])
    begun = time.monotonic()
    while data not in [one for _, one in decode(*socket.read_message())]:
        pass
    return time.monotonic() - begun


@pytest.mark.parametrize("way", PATHS)
def test_answer_that_takes_the_backend_a_while_does_not_wait(proxy: Sheaf, recorder: Recorder, way: str) -> None:
    prefix = b"42" if way == "engineio" else b""
    with RawWebSocket(proxy.port, PATHS[way], timeout=5) as socket, Stream(recorder, prefix + b"[1]").running() as stream:
        waits = []
        for n in range(15):
            time.sleep(0.15)
            socket.send_frame(TEXT, b"question")
            time.sleep(0.02)  # in which older messages in the kernel must not use up the question
            answer = prefix + b'["answer",%d]' % n
            stream.send(answer)
            waits.append(wait_for(socket, way, answer))
    assert statistics.median(waits) < FAR_FROM_A_WINDOW, waits


def test_pong_of_engineio_is_no_question(proxy: Sheaf, recorder: Recorder) -> None:
    """A thousand of them change nothing about the windows of a stream: it still comes many messages at a time."""
    before = batches(proxy)
    with RawWebSocket(proxy.port, PATHS["engineio"], timeout=5) as socket, Stream(recorder).running():
        for _ in range(100):
            socket.send_frame(TEXT, b"3")
            time.sleep(0.01)
            socket.read_message()
    sizes = [after - earlier for earlier, after in zip(before, batches(proxy))]
    assert sizes[1] > 3 * sizes[0], sizes


def batches(proxy: Sheaf) -> list[float]:
    """How many batches of Engine.IO packets there were, and messages in them."""
    return [proxy.metric(name, form="engineio") for name in ("sheaf_batches_total", "sheaf_batched_messages_total")]


@pytest.mark.parametrize("ack", [(b"430[1]",), (b'462-0[{"_placeholder":true,"num":0}]', b"\x01", b"\x02")])
def test_acknowledgement_leaves_in_its_turn_with_what_belongs_to_it(
    proxy: Sheaf, recorder: Recorder, ack: tuple[bytes, ...]
) -> None:
    """However long after the question: at most it waits for the end of a window in which reading is deferred."""
    with RawWebSocket(proxy.port, "/ws?EIO=4", timeout=5) as socket, Stream(recorder).running() as stream:
        waits = []
        for _ in range(15):
            time.sleep(0.1)
            stream.send(*ack)
            waits.append(wait_for(socket, "", ack[-1]))
    assert statistics.median(waits) < 2 * 0.01, waits
