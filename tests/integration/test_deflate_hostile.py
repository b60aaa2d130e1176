"""permessage-deflate and clients that mean ill, or are broken: hardening.md, rows 54 and 55."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from harness.backend import Backend
from harness.compression import OFFER, RSV1, content, deflated, whole
from harness.frames import BINARY, CONTINUATION, PING, PONG, TEXT, RawWebSocket, close_frame, frame
from harness.recorder import Recorder, upgrade_answer
from harness.sheaf import Sheaf, is_sanitized

MAX_MESSAGE = 1 << 20


@pytest.fixture(scope="module")
def proxy(folder: Path, backend: Backend) -> Iterator[Sheaf]:
    """Limits that are cheap to exceed."""
    running = Sheaf(folder, backend.url, {"limits": {"max_message": MAX_MESSAGE, "max_fragments": 64}})
    yield running
    running.stop()


def bomb(size: int) -> bytes:
    """`size` zero bytes, a thousandth of that on the wire."""
    return deflated(bytes(size), 9)


def closed_with(socket: RawWebSocket) -> int:
    code = socket.read_close().code
    socket.send_quietly(close_frame(code))
    return code


def test_bomb_is_closed_at_the_inflated_limit(sheaf: Sheaf) -> None:
    """Hardening row 55. Two hundred megabytes in two hundred kilobytes, several times, as shipped."""
    payload = bomb(200 << 20)
    RawWebSocket(sheaf.port, "/ws/echo", OFFER).close()
    before = sheaf.memory_kib()
    sheaf.reset_peak()
    for _ in range(5):
        with RawWebSocket(sheaf.port, "/ws/echo", OFFER) as socket:
            socket.send_quietly(frame(BINARY, payload, rsv=RSV1))
            assert closed_with(socket) == 1009
    if not is_sanitized():
        assert sheaf.memory_kib("VmHWM") - before < (16 << 10) + 64


def test_bomb_in_fragments_is_closed_at_the_inflated_limit(proxy: Sheaf) -> None:
    payload = bomb(50 << 20)
    step = len(payload) // 20
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        socket.send_quietly(frame(BINARY, payload[:step], fin=False, rsv=RSV1))
        for at in range(step, len(payload), step):
            socket.send_quietly(frame(CONTINUATION, payload[at : at + step], fin=False))
        assert closed_with(socket) == 1009


@pytest.mark.parametrize("size,passes", [(MAX_MESSAGE, True), (MAX_MESSAGE + 1, False)])
def test_inflated_limit_is_exact(proxy: Sheaf, size: int, passes: bool) -> None:
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        socket.send_frame(BINARY, bomb(size), rsv=RSV1)
        if passes:
            assert content(whole(socket)) == bytes(size)
        else:
            assert closed_with(socket) == 1009


CORRUPT = {
    "a reserved block type": b"\x06\x00",
    "a stored block with a wrong complement": b"\x00\x05\x00\x00\x00hello",
    "a distance before the beginning": bytes.fromhex("4a041200"),
    "bytes at random": bytes(range(200, 256)) * 3,
    "a context of a message before": None,
}


@pytest.mark.parametrize("name", CORRUPT)
def test_corrupt_stream_is_closed(proxy: Sheaf, name: str) -> None:
    """RFC 7692 7.2.2 leaves the code open: 1002 and 1007 are both said for it."""
    payload = CORRUPT[name]
    if payload is None:
        compressor = zlib.compressobj(wbits=-15)
        compressor.compress(b"hello hello hello" * 10)
        compressor.flush(zlib.Z_SYNC_FLUSH)
        payload = (compressor.compress(b"hello hello hello" * 10) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        socket.send_quietly(frame(BINARY, payload, rsv=RSV1))
        assert closed_with(socket) in (1002, 1007)


def test_stream_that_is_cut_off_is_closed(proxy: Sheaf) -> None:
    """The message ends in the middle of a block."""
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        socket.send_quietly(frame(BINARY, deflated(random.Random(1).randbytes(1000))[:500], rsv=RSV1))
        assert closed_with(socket) in (1002, 1007)


@pytest.mark.parametrize("bad", [b"\xff", b"ok \xc3", b"\xed\xa0\x80", b"x" * 100_000 + b"\xf4\x90\x80\x80"])
def test_text_that_is_not_utf8_when_inflated_is_1007(proxy: Sheaf, bad: bytes) -> None:
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        socket.send_quietly(frame(TEXT, deflated(bad), rsv=RSV1))
        assert closed_with(socket) == 1007


def test_compressed_bytes_of_a_text_need_not_be_utf8(proxy: Sheaf) -> None:
    text = "".join(chr(0x4E00 + n * 7 % 5000) for n in range(3000)).encode()
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        packed = deflated(text)
        with pytest.raises(UnicodeDecodeError):
            packed.decode()
        socket.send_frame(TEXT, packed, rsv=RSV1)
        assert content(whole(socket)) == text


@pytest.mark.parametrize(
    "wire",
    [
        frame(TEXT, deflated(b"a"), fin=False, rsv=RSV1) + frame(CONTINUATION, b"x", rsv=RSV1),
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"x", rsv=RSV1),
        frame(PING, b"x", rsv=RSV1),
        frame(PONG, b"x", rsv=RSV1),
        frame(8, b"\x03\xe8", rsv=RSV1),
        frame(TEXT, deflated(b"a"), rsv=2),
        frame(TEXT, deflated(b"a"), rsv=1),
        frame(TEXT, deflated(b"a"), rsv=7),
    ],
    ids=["continuation", "continuation of a plain one", "ping", "pong", "close", "RSV2", "RSV3", "all"],
)
def test_rsv_bits_where_they_may_not_be_are_1002(proxy: Sheaf, wire: bytes) -> None:
    """Hardening row 54, on a session that has agreed on compression."""
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        socket.send_quietly(wire)
        assert closed_with(socket) == 1002


def test_too_many_empty_fragments_of_a_compressed_message_are_1008(proxy: Sheaf) -> None:
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        socket.send_quietly(frame(TEXT, b"", fin=False, rsv=RSV1) + frame(CONTINUATION, b"", fin=False) * 70)
        assert closed_with(socket) == 1008


def test_backend_that_compresses_unasked_breaks_the_protocol(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawWebSocket(proxy.port, "/ws", OFFER) as socket:
        recorder.latest.connection.send(frame(TEXT, deflated(b"hello"), rsv=RSV1, masked=False))
        assert closed_with(socket) == 1011


def test_bad_client_leaves_the_others_in_peace(proxy: Sheaf) -> None:
    with connect(f"{proxy.ws_url}/ws/echo") as good:
        for _ in range(20):
            with RawWebSocket(proxy.port, "/ws/echo", OFFER) as bad:
                bad.send_quietly(frame(BINARY, b"\x06" + bytes(1000), rsv=RSV1))
                good.send("still here" * 100)
                assert good.recv() == "still here" * 100
                assert closed_with(bad) in (1002, 1007)


def test_stock_client_is_closed_politely_after_a_message_over_the_limit(proxy: Sheaf) -> None:
    with connect(f"{proxy.ws_url}/ws/echo", max_size=None) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.send(bytes(MAX_MESSAGE + 1))
            socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
