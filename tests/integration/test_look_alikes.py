"""Issue 10, item 8: messages that begin like a batch are gathered whole. What that may cost, and who sees it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.decoding import DECODERS, JSON_PREFIX, MAGIC
from harness.frames import BINARY, TEXT, RawWebSocket, apply_mask, close_frame, frame
from harness.leaky import MakeLeaky, leaky
from harness.ports import wait_until
from harness.recorder import Connection, Recorder, upgrade_answer
from harness.sheaf import Sheaf, is_sanitized

MIB = 1 << 20
MOST = 4 * MIB  # BatchOutbox::kMostLookAlike


def look_alike(size: int) -> bytes:
    """A text of so many bytes that no decoder may see as it is."""
    end = b'"}'
    return JSON_PREFIX + b'1,"text":"' + b"x" * (size - len(JSON_PREFIX) - len(b'1,"text":"') - len(end)) + end


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    running = Recorder(upgrade_answer, at_head=True)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def proxy(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    running = Sheaf(folder, recorder.url, routes=[{"path": "/drops", "slow_client": "drop_oldest"}])
    yield running
    running.stop()


def send_aside(connection: Connection, data: bytes) -> None:
    threading.Thread(target=connection.send, args=(data,), daemon=True).start()


def test_look_alikes_to_clients_that_do_not_read_cost_a_bounded_amount(proxy: Sheaf, recorder: Recorder) -> None:
    clients, wire = 60, frame(TEXT, look_alike(16 * MIB - 1), masked=False)
    with ExitStack() as stack:
        bystander = stack.enter_context(RawWebSocket(proxy.port, "/ws?sheaf=json"))
        neighbour = recorder.latest.connection
        stalled, upstream = [], []
        for _ in range(clients):
            stalled.append(stack.enter_context(RawWebSocket(proxy.port, "/ws?sheaf=json", receive_buffer=4096)))
            upstream.append(recorder.latest.connection)
        before = proxy.memory_kib()
        proxy.reset_peak()
        for connection in upstream:
            send_aside(connection, wire)
        wait_until(
            lambda: proxy.metric("sheaf_websocket_closes_total", reason="upstream_look_alike") == clients, 30, "closed"
        )
        neighbour.send(frame(TEXT, b"[1]", masked=False))
        assert bystander.read_message() == (TEXT, b"[1]")
        grown = proxy.memory_kib("VmHWM") - before
        print(f"60 clients, a text of 16 MiB each: memory grew by {grown / 1024:.0f} MiB at most")
        if not is_sanitized():
            assert grown < clients * (MOST + MIB) // 1024
        closed = stalled[0].read_close()
        assert (closed.code, closed.reason) == (1009, "a message that begins like a batch is too large")
        assert all(client.read_close().code == 1009 for client in stalled[1:])
    assert proxy.metric("sheaf_buffered_bytes") == 0
    assert len(proxy.wait_for_log("end=upstream_look_alike")) == clients
    told = bytes(upstream[0].received).partition(b"\r\n\r\n")[2]
    assert apply_mask(told[6:], told[2:6]) == close_frame(1009, closed.payload[2:], masked=False)[2:]


@pytest.mark.parametrize("size", [MIB + 100, MOST])
def test_look_alike_up_to_the_bound_arrives_as_it_was(proxy: Sheaf, recorder: Recorder, size: int) -> None:
    text = look_alike(size)
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        send_aside(recorder.latest.connection, frame(TEXT, text, masked=False))
        received = DECODERS["json"](*socket.read_message())
        assert received == [(TEXT, text)]


LARGE = {
    "json": (TEXT, look_alike(MOST + 1)),
    "binary": (BINARY, MAGIC + bytes(MOST)),
    "socketio-event": (TEXT, b'42["batch",{"x":"' + b"x" * MOST + b'"}]'),
}


@pytest.mark.parametrize("envelope", LARGE)
def test_look_alike_over_the_bound_closes_with_1009(proxy: Sheaf, recorder: Recorder, envelope: str) -> None:
    with RawWebSocket(proxy.port, f"/ws?sheaf={envelope}") as socket:
        wire = frame(TEXT, b'42["a",1]', masked=False) + frame(*LARGE[envelope], masked=False)
        send_aside(recorder.latest.connection, wire + frame(TEXT, b"not any more", masked=False))
        assert DECODERS[envelope](*socket.read_message()) == [(TEXT, b'42["a",1]')], "what came before it arrives"
        assert socket.read_close().code == 1009


@pytest.mark.parametrize("envelope", LARGE)
def test_large_message_of_another_envelope_passes(proxy: Sheaf, recorder: Recorder, envelope: str) -> None:
    """What a client of this envelope cannot mistake is no look-alike to it, however large."""
    other = {"json": "binary", "binary": "json", "socketio-event": "json"}[envelope]
    with RawWebSocket(proxy.port, f"/ws?sheaf={other}", timeout=20) as socket:
        send_aside(recorder.latest.connection, frame(*LARGE[envelope], masked=False))
        assert socket.read_message() == LARGE[envelope]


def test_larger_buffer_high_lets_larger_look_alikes_pass(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url, {"limits": {"buffer_high": "6MiB"}})
    text = look_alike(5 * MIB)
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        send_aside(recorder.latest.connection, frame(TEXT, text, masked=False))
        assert DECODERS["json"](*socket.read_message()) == [(TEXT, text)]


def test_what_is_gathered_of_a_message_is_counted(proxy: Sheaf, recorder: Recorder) -> None:
    """Where relief sees it: it is what the watcher is woken for."""
    text = look_alike(3 * MIB)
    wire = frame(TEXT, text, masked=False)
    half = len(wire) - 1000
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        upstream = recorder.latest.connection
        send_aside(upstream, wire[:half])
        wait_until(lambda: proxy.metric("sheaf_buffered_bytes") > 3 * MIB - 2000, 5, "it is counted")
        upstream.send(wire[half:])
        assert DECODERS["json"](*socket.read_message()) == [(TEXT, text)]
        assert proxy.metric("sheaf_buffered_bytes") == 0
        send_aside(upstream, wire[:half])
        wait_until(lambda: proxy.metric("sheaf_buffered_bytes") > 3 * MIB - 2000, 5, "it is counted again")
    wait_until(lambda: proxy.metric("sheaf_buffered_bytes") == 0, 5, "it went with its session")


def test_nothing_large_is_gathered_for_a_client_that_is_full(proxy: Sheaf, recorder: Recorder) -> None:
    """Its backend is not read meanwhile, and nothing is lost of the message."""
    text = look_alike(3 * MIB)
    with RawWebSocket(proxy.port, "/drops?sheaf=json", receive_buffer=4096) as socket:
        upstream = recorder.latest.connection
        small = frame(TEXT, b"[" + b"1" * 10_000 + b"]", masked=False)
        while proxy.metric("sheaf_dropped_messages_total") == 0:
            upstream.send(small * 20)
        pauses = proxy.metric("sheaf_backpressure_pauses_total", side="upstream")
        send_aside(upstream, frame(TEXT, text, masked=False) + frame(TEXT, b'"last"', masked=False))
        wait_until(
            lambda: proxy.metric("sheaf_backpressure_pauses_total", side="upstream") > pauses, 5, "the backend pauses"
        )
        recorder.settle()
        assert proxy.metric("sheaf_buffered_bytes") < MIB
        received: list[tuple[int, bytes]] = []
        while (TEXT, b'"last"') not in received:
            received += DECODERS["json"](*socket.read_message())
        assert (TEXT, text) in received


def test_session_for_which_a_look_alike_is_gathered_can_be_shed_by_cost(make_leaky: MakeLeaky) -> None:
    """Nothing of the message has reached the client, so nothing is cut off."""
    recorder = Recorder(upgrade_answer, at_head=True)
    try:
        proxy = leaky(make_leaky, recorder.url, idle_after="1h", sections={"pool": {"min_size": 0}})
        with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket, RawWebSocket(proxy.port, "/ws?sheaf=json") as other:
            wire = frame(TEXT, look_alike(MIB), masked=False)
            for request in recorder.requests:
                request.connection.send(frame(TEXT, b"[1]", masked=False))
            assert socket.read_message() == other.read_message() == (TEXT, b"[1]")
            recorder.requests[0].connection.send(wire[:-10])
            wait_until(lambda: proxy.metric("sheaf_buffered_bytes") > MIB - 1000, 5, "it is gathered")
            proxy.go_to("critical")
            assert socket.read_close().code == 1013
            wait_until(lambda: proxy.relief("shed_by_cost") == 1, 3, "it is counted")
            assert not other.ended(0.5), "the session that holds nothing stays"
    finally:
        recorder.stop()
