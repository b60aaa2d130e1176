"""hardening.md, row 58: frames from the backend that break the protocol, a backend that is lost, and frames to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from harness.fixtures import recorder_fixture
from harness.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, RawWebSocket, apply_mask, close_frame, frame
from harness.ports import wait_until
from harness.recorder import Recorder, Request, frames_at, upgrade_answer
from harness.sheaf import Sheaf

MAX_MESSAGE = 64 * 1024


recorder = recorder_fixture(upgrade_answer, at_head=True)


BAD_UPSTREAM_FRAMES = {
    "a masked frame": frame(TEXT, b"hello"),
    "RSV bits": frame(TEXT, b"hello", rsv=4, masked=False),
    "an unknown opcode": frame(3, b"x", masked=False),
    "a fragmented ping": frame(PING, b"x", fin=False, masked=False),
    "a length not in its shortest form": frame(TEXT, b"hello", length_bytes=8, masked=False),
    "a continuation of nothing": frame(CONTINUATION, b"x", masked=False),
    "bad UTF-8": frame(TEXT, b"\xff", masked=False),
    "a Close with 1005": close_frame(1005, masked=False),
    "no frame at all": b"HTTP/1.1 500 Oops\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_UPSTREAM_FRAMES)
def test_bad_frame_from_upstream_closes_the_client_with_1011_and_the_backend_with_its_fault(
    proxy: Sheaf, recorder: Recorder, name: str
) -> None:
    """Hardening row 58."""
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        upstream.send(BAD_UPSTREAM_FRAMES[name])
        assert socket.read_close().code == 1011
    wait_until(lambda: upstream.ended, 6, "the upstream connection ends")
    fault = 1007 if name == "bad UTF-8" else 1002  # RFC 6455 8.1
    assert [(one.opcode, one.code) for one in frames_at(upstream)] == [(CLOSE, fault)]


def test_upstream_that_breaks_the_protocol_gets_what_the_client_sent_before_its_close(
    proxy: Sheaf, recorder: Recorder
) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        socket.send_frame(TEXT, b"hello")
        wait_until(lambda: frames_at(upstream), 3, "the message goes upstream")
        upstream.send(frame(3, b"x", masked=False))
        assert socket.read_close().code == 1011
    wait_until(lambda: upstream.ended, 6, "the upstream connection ends")
    assert [one.opcode for one in frames_at(upstream)] == [TEXT, CLOSE]


@pytest.mark.parametrize("end", ["close", "reset"])
def test_upstream_that_ends_without_a_close_becomes_1012(proxy: Sheaf, recorder: Recorder, end: str) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        getattr(recorder.latest.connection, end)()
        assert socket.read_close().code == 1012
        assert socket.ended(3)


def test_close_1014_of_the_backend_itself_passes(proxy: Sheaf, recorder: Recorder) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        recorder.latest.connection.send(close_frame(1014, b"mine", masked=False))
        received = socket.read_close()
        assert (received.code, received.reason) == (1014, "mine")


@pytest.fixture(scope="module")
def silent(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    """Tells clients nothing of a lost backend, but on one route."""
    running = Sheaf(
        folder,
        recorder.url,
        {"websocket": {"upstream_lost": "none"}, "limits": {"max_upstream_message": MAX_MESSAGE}},
        [{"path": "/told", "upstream_lost": "close"}],
    )
    yield running
    running.stop()


LOST = {
    "an end": lambda upstream: upstream.close(),
    "a reset": lambda upstream: upstream.reset(),
    "a breach of the protocol": lambda upstream: upstream.send(frame(3, b"x", masked=False)),
}


@pytest.mark.parametrize("name", LOST)
def test_upstream_lost_none_ends_the_client_without_a_close(silent: Sheaf, recorder: Recorder, name: str) -> None:
    with RawWebSocket(silent.port, "/ws") as socket:
        upstream = recorder.latest.connection
        upstream.send(frame(TEXT, b"before", masked=False))
        assert socket.read_message() == (TEXT, b"before")
        LOST[name](upstream)
        assert socket.read_frame() is None


def test_stock_client_sees_1006_with_upstream_lost_none(silent: Sheaf, recorder: Recorder) -> None:
    with connect(f"{silent.ws_url}/ws") as socket:
        recorder.latest.connection.reset()
        with pytest.raises(ConnectionClosedError) as closed:
            socket.recv()
    assert closed.value.rcvd is None


def test_upstream_lost_of_a_route_beats_the_global_one(silent: Sheaf, recorder: Recorder) -> None:
    with RawWebSocket(silent.port, "/told") as socket:
        recorder.latest.connection.close()
        assert socket.read_close().code == 1012


def test_upstream_lost_none_changes_no_other_close(silent: Sheaf, recorder: Recorder) -> None:
    with RawWebSocket(silent.port, "/ws") as socket:
        recorder.latest.connection.send(close_frame(4000, b"bye", masked=False))
        assert socket.read_close().code == 4000
    with RawWebSocket(silent.port, "/ws") as socket:
        recorder.latest.connection.send(frame(BINARY, b"", length_bytes=8, declared=MAX_MESSAGE + 1, masked=False))
        assert socket.read_close().code == 1009


def test_frames_upstream_are_masked_and_whole(make_recorder, make_sheaf) -> None:
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawWebSocket(proxy.port, "/ws") as socket:
        socket.send_frame(TEXT, b"hello")
        upstream = recorder.latest.connection

        def frames() -> bytes:
            return upstream.received.split(b"\r\n\r\n", 1)[1]

        wait_until(lambda: len(frames()) == 11, 3, "the frame arrives upstream")
        assert frames()[:2] == b"\x81\x85" and apply_mask(frames()[6:], frames()[2:6]) == b"hello"


def test_masks_upstream_differ(make_recorder, make_sheaf) -> None:
    """RFC 6455 5.3: a mask is unpredictable, so no two of a hundred may be the same."""
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream: Request = recorder.latest
        for _ in range(100):
            socket.send_frame(TEXT, b"hello")

        def frames() -> bytes:
            return upstream.connection.received.split(b"\r\n\r\n", 1)[1]

        wait_until(lambda: len(frames()) == 1100, 3, "all frames arrive upstream")
        masks = {bytes(frames()[start + 2 : start + 6]) for start in range(0, 1100, 11)}
        assert len(masks) >= 99
