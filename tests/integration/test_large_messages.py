"""Issue 11, item 2: messages of the backend of any size are streamed; limits.max_upstream_message bounds them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.decoding import MAGIC
from harness.fixtures import recorder_fixture
from harness.frames import BINARY, CLOSE, CONTINUATION, TEXT, RawWebSocket, close_frame, frame
from harness.ports import wait_until
from harness.recorder import Recorder, frames_at, upgrade_answer
from harness.sheaf import AS_SHIPPED, Sheaf, is_sanitized, scaled
from harness.streaming import MIB, Reader, Sending, digest_of_pattern, header, pattern

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\n"
# Path, extension fields: every way that a message can take to a client.
WAYS = {
    "off": ("/off", ""),
    "cork": ("/ws", ""),
    "json": ("/ws?sheaf=json", ""),
    "binary": ("/ws?sheaf=binary", ""),
    "always": ("/always", ""),
    "drop_oldest": ("/drops", ""),
    "off, compressed": ("/off", DEFLATE),
    "cork, compressed": ("/ws", DEFLATE),
    "binary, compressed": ("/ws?sheaf=binary", DEFLATE),
}
ROUTES = [
    {"path": "/off", "delivery": "off"},
    {"path": "/always", "delivery": "always"},
    {"path": "/drops", "slow_client": "drop_oldest"},
]
SIZE = scaled(64, 20) * MIB


recorder = recorder_fixture(upgrade_answer, at_head=True)


@pytest.fixture(scope="module")
def proxy(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    running = Sheaf(folder, recorder.url, AS_SHIPPED, routes=ROUTES)
    yield running
    running.stop()


def check_memory(proxy: Sheaf, before: int, most_mib: float, what: str) -> None:
    grown = (proxy.memory_kib("VmHWM") - before) / 1024
    print(f"{what}: memory grew by {grown:.1f} MiB at most")
    assert is_sanitized() or grown < most_mib


@pytest.mark.parametrize("way", WAYS)
def test_large_message_of_the_backend_is_streamed(proxy: Sheaf, recorder: Recorder, way: str) -> None:
    path, fields = WAYS[way]
    with RawWebSocket(proxy.port, path, fields, timeout=20) as socket:
        before = proxy.memory_kib()
        proxy.reset_peak()
        Sending(recorder.latest.connection, SIZE)
        seen = Reader(socket).read()
    assert (seen.close, seen.opcode, seen.size) == (0, BINARY, SIZE)
    assert seen.digest.hexdigest() == digest_of_pattern(SIZE)
    check_memory(proxy, before, 8, f"{way}, {SIZE // MIB} MiB")


def test_message_of_200_mib_is_streamed(proxy: Sheaf, recorder: Recorder) -> None:
    size = scaled(200, 40) * MIB
    with RawWebSocket(proxy.port, "/ws", DEFLATE, timeout=20) as socket:
        before = proxy.memory_kib()
        proxy.reset_peak()
        Sending(recorder.latest.connection, size)
        seen = Reader(socket).read()
    assert (seen.close, seen.size) == (0, size)
    check_memory(proxy, before, 8, f"{size // MIB} MiB")


@pytest.mark.parametrize("way", WAYS)
def test_backpressure_works_amid_a_message(proxy: Sheaf, recorder: Recorder, way: str) -> None:
    """A client that stops in the middle stops the backend, and costs a bounded amount; a neighbour feels nothing."""
    path, fields = WAYS[way]
    with ExitStack() as stack:
        neighbour = stack.enter_context(RawWebSocket(proxy.port, path))
        beside = recorder.latest.connection
        socket = stack.enter_context(RawWebSocket(proxy.port, path, fields, receive_buffer=65536, timeout=20))
        before = proxy.memory_kib()
        proxy.reset_peak()
        sending = Sending(recorder.latest.connection, SIZE)
        reader = Reader(socket)
        reader.read(most=MIB) if fields else None
        sent = -1
        while sent != sending.sent:
            sent = sending.sent
            time.sleep(0.3)
        assert not sending.done, "the whole message left the backend"
        beside.send(frame(TEXT, b"hello", masked=False))
        assert neighbour.read_message() == (TEXT, b"hello")
        check_memory(proxy, before, 4, f"{way}, unread")
        seen = reader.read()
        assert (seen.close, seen.size) == (0, SIZE)
        assert seen.digest.hexdigest() == digest_of_pattern(SIZE)
        check_memory(proxy, before, 8, f"{way}, read late")


@pytest.mark.parametrize("way", WAYS)
def test_large_message_in_small_fragments_arrives_in_few_where_it_is_made_anew(
    proxy: Sheaf, recorder: Recorder, way: str
) -> None:
    """Receivers count fragments: Python's websockets takes 4,096 a message. With off and cork the frames are the
    backend's own."""
    size, piece = 8 * MIB, 1024
    path, fields = WAYS[way]
    with RawWebSocket(proxy.port, path, fields, timeout=20) as socket:
        Sending(recorder.latest.connection, size, piece)
        seen = Reader(socket).read()
    assert (seen.close, seen.size) == (0, size)
    assert seen.digest.hexdigest() == digest_of_pattern(size)
    if way in ("off", "cork"):
        assert seen.frames == size // piece
    else:
        assert seen.frames <= size // 65536 + 1


@pytest.mark.parametrize("way", ["binary", "binary, compressed"])
def test_large_look_alike_is_streamed(proxy: Sheaf, recorder: Recorder, way: str) -> None:
    """In its envelope's form for what is written while it comes: a record that is the rest of the frame."""
    path, fields = WAYS[way]
    with RawWebSocket(proxy.port, path, fields, timeout=20) as socket:
        before = proxy.memory_kib()
        proxy.reset_peak()
        Sending(recorder.latest.connection, SIZE, beginning=MAGIC)
        seen = Reader(socket).read()
    expected = hashlib.sha256(MAGIC + b"\xff" * 4 + MAGIC)
    for at in range(0, SIZE, MIB):
        expected.update(pattern(at, MIB)[len(MAGIC) if at == 0 else 0 :])
    assert (seen.close, seen.opcode, seen.size) == (0, BINARY, SIZE + 8)
    assert seen.digest.hexdigest() == expected.hexdigest()
    check_memory(proxy, before, 8, f"{way}, {SIZE // MIB} MiB")


LIMIT = 64 * 1024


@pytest.fixture(scope="module")
def limited(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    conf = {"limits": {"max_upstream_message": LIMIT, "max_message": 1000}}
    running = Sheaf(folder, recorder.url, conf, [*ROUTES, {"path": "/more", "max_upstream_message": 2 * LIMIT}])
    yield running
    running.stop()


OVER = {
    "declared": header(BINARY, LIMIT + 1),
    "in fragments": frame(BINARY, bytes(LIMIT), fin=False, masked=False) + header(CONTINUATION, 1),
}


@pytest.mark.parametrize("how", OVER)
@pytest.mark.parametrize("path", ["/off", "/ws", "/ws?sheaf=binary", "/always"])
def test_message_over_max_upstream_message_becomes_1009_on_both_sides(
    limited: Sheaf, recorder: Recorder, path: str, how: str
) -> None:
    lines = limited.count_log_lines("end=upstream_message_too_big")
    closes = limited.metric("sheaf_websocket_closes_total", reason="upstream_message_too_big")
    with RawWebSocket(limited.port, path) as socket:
        upstream = recorder.latest.connection
        upstream.send(OVER[how])
        received = socket.read_close()
        assert received.code == 1009
        assert received.reason == "the backend's message is over limits.max_upstream_message"
        socket.send_quietly(close_frame(1009))
    wait_until(lambda: upstream.ended, 6, "the upstream connection ends")
    assert [(one.opcode, one.code) for one in frames_at(upstream)] == [(CLOSE, 1009)]
    wait_until(lambda: limited.count_log_lines("end=upstream_message_too_big") == lines + 1, 3, "a line in the log")
    assert limited.log_lines("warning", "the backend's message is over limits.max_upstream_message")
    assert limited.metric("sheaf_websocket_closes_total", reason="upstream_message_too_big") == closes + 1


@pytest.mark.parametrize("path", ["/off", "/ws", "/ws?sheaf=binary"])
def test_message_of_exactly_max_upstream_message_passes(limited: Sheaf, recorder: Recorder, path: str) -> None:
    """Also over what clients may send, which is another limit."""
    with RawWebSocket(limited.port, path) as socket:
        recorder.latest.connection.send(frame(BINARY, bytes(LIMIT), masked=False))
        assert socket.read_message() == (BINARY, bytes(LIMIT))


def test_max_upstream_message_of_a_route_beats_the_global_one(limited: Sheaf, recorder: Recorder) -> None:
    with RawWebSocket(limited.port, "/more") as socket:
        upstream = recorder.latest.connection
        upstream.send(frame(BINARY, bytes(2 * LIMIT), masked=False))
        assert socket.read_message() == (BINARY, bytes(2 * LIMIT))
        upstream.send(header(BINARY, 2 * LIMIT + 1))
        assert socket.read_close().code == 1009
