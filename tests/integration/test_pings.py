"""Issue 10, item 7: when a client is pinged, when it counts as dead, and what must not count against it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.fixtures import recorder_fixture
from harness.frames import BINARY, CLOSE, PING, PONG, TEXT, RawWebSocket, frame
from harness.ports import wait_until
from harness.recorder import Recorder, Request, upgrade_answer
from harness.sheaf import Sheaf, is_sanitized

MIB = 1 << 20


recorder = recorder_fixture(upgrade_answer, at_head=True)


@pytest.fixture(scope="module")
def proxy(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    """Long patience beside a short interval: who mixes them up is seen."""
    websocket = {"ping_interval": "400ms", "ping_timeout": "20s"}
    running = Sheaf(folder, recorder.url, {"websocket": websocket})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def impatient(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    websocket = {"ping_interval": "200ms", "ping_timeout": "300ms"}
    running = Sheaf(folder, recorder.url, {"websocket": websocket}, [{"path": f"/{way}", "delivery": way} for way in WAYS])
    yield running
    running.stop()


WAYS = ["off", "cork"]


def answer_pings(socket: RawWebSocket, seconds: float) -> int:
    """Reads for so long and answers each ping; the number of pings. Nothing else may come."""
    deadline, pings = time.monotonic() + seconds, 0
    while (left := deadline - time.monotonic()) > 0:
        socket.socket.settimeout(left)
        try:
            received = socket.read_frame()
        except TimeoutError:
            break
        assert received is not None and received.opcode == PING, received
        socket.send_frame(PONG, received.payload)
        pings += 1
    socket.socket.settimeout(socket.timeout)
    return pings


def test_idle_client_is_pinged_every_interval(proxy: Sheaf) -> None:
    with RawWebSocket(proxy.port, "/ws", timeout=5) as socket:
        for _ in range(5):
            received = socket.read_frame()
            assert received is not None and received.opcode == PING
            socket.send_frame(PONG, received.payload)


def test_interval_and_timeout_count_from_the_last_byte_heard(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url, {"websocket": {"ping_interval": "2s", "ping_timeout": "1s"}})
    with RawWebSocket(proxy.port, "/ws") as socket:
        time.sleep(0.3)
        socket.send_frame(TEXT, b"last words")
        said = time.monotonic()
        received = socket.read_frame()
        assert received is not None and received.opcode == PING
        pinged = time.monotonic()
        closed = socket.read_close()
        found = time.monotonic()
    assert closed.code == 1011
    assert 1.95 < pinged - said < 3  # by looks a whole interval apart: 3.7
    assert 0.95 < found - pinged < 2
    assert proxy.metric("sheaf_websocket_closes_total", reason="client_ping_timeout") == 1


def test_bytes_of_the_client_put_the_ping_off(proxy: Sheaf) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            time.sleep(0.1)
            socket.send_frame(PONG)
        assert not socket.ended(0.1) and not socket.buffer


@pytest.mark.parametrize("way", WAYS)
def test_backend_that_pauses_amid_a_frame_costs_no_client(impatient: Sheaf, recorder: Recorder, way: str) -> None:
    """There is no place for a ping within a frame, and so no Pong to wait for."""
    whole = frame(TEXT, b"x" * 1000, masked=False)
    with RawWebSocket(impatient.port, f"/{way}") as socket:
        recorder.latest.connection.send(whole[:500])
        assert socket.read(500) == whole[:500]
        assert not socket.ended(2) and not socket.buffer
        recorder.latest.connection.send(whole[500:])
        assert socket.read(len(whole) - 500) == whole[500:]
        assert answer_pings(socket, 1) > 1
    assert impatient.metric("sheaf_websocket_closes_total", reason="client_ping_timeout") == 0


@pytest.mark.parametrize("way", WAYS)
def test_ping_that_waited_for_the_end_of_a_frame_finds_a_dead_client(
    make_sheaf, recorder: Recorder, way: str
) -> None:
    websocket = {"ping_interval": "200ms", "ping_timeout": "500ms"}
    proxy = make_sheaf(recorder.url, {"websocket": websocket, "batching": {"delivery": way}})
    whole = frame(TEXT, b"x" * 1000, masked=False)
    with RawWebSocket(proxy.port, "/ws") as socket:
        recorder.latest.connection.send(whole[:500])
        time.sleep(1.5)
        recorder.latest.connection.send(whole[500:])
        ended = time.monotonic()
        assert socket.read_message() == (TEXT, b"x" * 1000)
        assert socket.read_close().code == 1011
        assert time.monotonic() - ended > 0.45, "the clock ran before the ping had left"


def test_pings_of_a_client_amid_a_frame_are_answered_once_by_the_latest(proxy: Sheaf, recorder: Recorder) -> None:
    whole = frame(TEXT, b"x" * 1000, masked=False)
    with RawWebSocket(proxy.port, "/ws") as socket:
        recorder.latest.connection.send(whole[:500])
        assert socket.read(500) == whole[:500]
        for number in range(20):
            socket.send_frame(PING, b"%d" % number)
            time.sleep(0.01)
        recorder.latest.connection.send(whole[500:])
        assert socket.read(len(whole) - 500) == whole[500:]
        received = socket.read_frame()
        assert received is not None and (received.opcode, received.payload) == (PONG, b"19")
        assert (following := socket.read_frame()) is not None and following.opcode == PING


def fill(socket: RawWebSocket, recorder: Recorder, proxy: Sheaf, size: int) -> bytes:
    """The backend sends `size` bytes that the client does not read, until some wait in Sheaf."""
    wire = frame(BINARY, bytes(size), masked=False)
    threading.Thread(target=recorder.latest.connection.send, args=(wire,), daemon=True).start()
    wait_until(lambda: proxy.metric("sheaf_queued_bytes") > 100_000, 5, "it waits for the client")
    return wire


def test_client_that_reads_late_is_not_taken_for_dead(make_sheaf, recorder: Recorder) -> None:
    """Its ping waits as long as the queue does; the watch for stalling is for such clients."""
    proxy = make_sheaf(recorder.url, {"websocket": {"ping_interval": "200ms", "ping_timeout": "1s"}})
    with RawWebSocket(proxy.port, "/ws", receive_buffer=65536) as socket:
        wire = fill(socket, recorder, proxy, 16 * MIB - 1)
        time.sleep(2.5)
        assert socket.read(len(wire)) == wire
        assert answer_pings(socket, 2) > 4


def test_client_that_was_full_is_pinged_as_ever(proxy: Sheaf, recorder: Recorder) -> None:
    """Looking whether it stalls, which has a long time of its own, puts no ping off."""
    with RawWebSocket(proxy.port, "/ws", receive_buffer=4096, timeout=5) as socket:
        wire = fill(socket, recorder, proxy, 16 * MIB - 1)
        assert socket.read(len(wire)) == wire
        received = socket.read_frame()
        assert received is not None and received.opcode == PING


def test_pings_of_a_client_that_does_not_read_are_answered_once_by_the_latest(
    proxy: Sheaf, recorder: Recorder
) -> None:
    with RawWebSocket(proxy.port, "/ws", receive_buffer=4096) as socket:
        wire = fill(socket, recorder, proxy, 16 * MIB - 1)
        for number in range(20):
            socket.send_frame(PING, b"%d" % number)
            time.sleep(0.01)
        assert socket.read(len(wire)) == wire
        received = socket.read_frame()
        assert received is not None and (received.opcode, received.payload) == (PONG, b"19")


def test_backend_that_does_not_read_costs_no_client_its_pong(make_recorder, make_sheaf) -> None:
    """What the client sends is not read meanwhile, and its Pongs lie behind it."""
    go_on = threading.Event()

    def script(request: Request) -> None:
        request.connection.send(upgrade_answer(request))
        go_on.wait(20)

    recorder: Recorder = make_recorder(script, at_head=True)
    proxy = make_sheaf(recorder.url, {"websocket": {"ping_interval": "200ms", "ping_timeout": "300ms"}})
    flood = frame(BINARY, bytes(MIB)) * 15
    with RawWebSocket(proxy.port, "/ws", timeout=20) as socket:
        sender = threading.Thread(target=socket.send_quietly, args=(flood + frame(PONG) + frame(TEXT, b"all"),))
        sender.start()
        wait_until(lambda: proxy.metric("sheaf_backpressure_pauses_total", side="client") >= 1, 5, "it is not read")
        time.sleep(1.5)
        assert proxy.metric("sheaf_websocket_sessions") == 1
        go_on.set()
        sender.join()
        received = recorder.latest.connection.received
        wait_until(lambda: len(received) > len(flood), 10, "all of it arrives")
        assert proxy.metric("sheaf_websocket_sessions") == 1
        assert proxy.metric("sheaf_websocket_closes_total", reason="client_ping_timeout") == 0


def test_pings_of_a_backend_that_does_not_read_do_not_pile_up(make_recorder, make_sheaf) -> None:
    go_on = threading.Event()

    def script(request: Request) -> None:
        request.connection.send(upgrade_answer(request))
        go_on.wait(30)

    recorder: Recorder = make_recorder(script, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawWebSocket(proxy.port, "/ws", timeout=20) as socket:
        connection = recorder.latest.connection
        pings = frame(PING, bytes(125), masked=False) * 500
        before, sent = proxy.memory_kib(), 0
        while sent < 32 * MIB:
            connection.send(pings)
            sent += len(pings)
        connection.send(frame(TEXT, b"all of them", masked=False))
        assert socket.read_message() == (TEXT, b"all of them")
        assert proxy.metric("sheaf_queued_bytes") < 1 * MIB
        # AddressSanitizer keeps what is freed.
        assert is_sanitized() or proxy.memory_kib() - before < 8 * 1024
        go_on.set()
        socket.send_frame(CLOSE)
