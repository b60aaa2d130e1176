"""Messages that begin like a batch, and are too large to be gathered, are escaped while they come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.decoding import DECODERS, JSON_PREFIX, MAGIC, normal_packet
from harness.fixtures import recorder_fixture
from harness.frames import BINARY, CONTINUATION, TEXT, RawWebSocket, frame
from harness.ports import wait_until
from harness.recorder import Connection, Recorder, upgrade_answer
from harness.sheaf import Sheaf, is_sanitized

MIB = 1 << 20


def look_alike(size: int) -> bytes:
    """A text of so many bytes that no decoder may see as it is."""
    end = b'"}'
    return JSON_PREFIX + b'1,"text":"' + b"x" * (size - len(JSON_PREFIX) - len(b'1,"text":"') - len(end)) + end


recorder = recorder_fixture(upgrade_answer, at_head=True)


@pytest.fixture(scope="module")
def proxy(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    running = Sheaf(folder, recorder.url, routes=[{"path": "/drops", "slow_client": "drop_oldest"}])
    yield running
    running.stop()


def send_aside(connection: Connection, data: bytes) -> None:
    threading.Thread(target=connection.send, args=(data,), daemon=True).start()


def test_look_alikes_to_clients_that_do_not_read_cost_a_bounded_amount(proxy: Sheaf, recorder: Recorder) -> None:
    """Nothing of them is gathered: it is as with any large message."""
    clients, text = 60, look_alike(16 * MIB - 1)
    wire = frame(TEXT, text, masked=False)
    with ExitStack() as stack:
        bystander = stack.enter_context(RawWebSocket(proxy.port, "/ws?sheaf=json"))
        neighbour = recorder.latest.connection
        stalled, upstream = [], []
        for _ in range(clients):
            stalled.append(stack.enter_context(RawWebSocket(proxy.port, "/ws?sheaf=json", timeout=20, receive_buffer=4096)))
            upstream.append(recorder.latest.connection)
        pauses = proxy.metric("sheaf_backpressure_pauses_total", side="upstream")
        before = proxy.memory_kib()
        proxy.reset_peak()
        for connection in upstream:
            send_aside(connection, wire)
        wait_until(
            lambda: proxy.metric("sheaf_backpressure_pauses_total", side="upstream") == pauses + clients, 30, "paused"
        )
        neighbour.send(frame(TEXT, b"[1]", masked=False))
        assert bystander.read_message() == (TEXT, b"[1]")
        grown = proxy.memory_kib("VmHWM") - before
        print(f"60 clients, a text of 16 MiB each: memory grew by {grown / 1024:.0f} MiB at most")
        if not is_sanitized():
            assert grown < clients * MIB // 1024
        assert DECODERS["json"](*stalled[0].read_message()) == [(TEXT, text)]
    wait_until(lambda: proxy.metric("sheaf_buffered_bytes") == 0, 5, "nothing is left of them")


LARGE = {
    "json": (TEXT, look_alike(6 * MIB)),
    "binary": (BINARY, MAGIC + bytes(6 * MIB)),
    "engineio": (TEXT, b"4" + b"x" * 6 * MIB + b"\x1e4"),
    "socketio-event": (TEXT, b'42["batch",{"x":"' + b"x" * 6 * MIB + b'"}]'),
}


@pytest.mark.parametrize("pieces", [1, 40], ids=["one frame", "fragments"])
@pytest.mark.parametrize("envelope", LARGE)
def test_large_look_alike_arrives_as_it_was(proxy: Sheaf, recorder: Recorder, envelope: str, pieces: int) -> None:
    opcode, payload = LARGE[envelope]
    with RawWebSocket(proxy.port, f"/ws?sheaf={envelope}", timeout=20) as socket:
        size = -(-len(payload) // pieces)
        cut = [payload[at : at + size] for at in range(0, len(payload), size)]
        wire = b"".join(
            frame(CONTINUATION if n else opcode, part, fin=n == len(cut) - 1, masked=False) for n, part in enumerate(cut)
        )
        send_aside(recorder.latest.connection, frame(TEXT, b"2", masked=False) + wire + frame(TEXT, b"3", masked=False))
        assert socket.read_message() == (TEXT, b"2")
        expected = normal_packet(payload) if envelope == "socketio-event" else payload
        assert DECODERS[envelope](*socket.read_message()) == [(opcode, expected)]
        assert socket.read_message() == (TEXT, b"3"), "what comes behind it is not taken for a part of it"


@pytest.mark.parametrize("envelope", LARGE)
def test_large_message_of_another_envelope_passes(proxy: Sheaf, recorder: Recorder, envelope: str) -> None:
    """What a client of this envelope cannot mistake is no look-alike to it, however large."""
    other = {"json": "binary", "binary": "json", "engineio": "json", "socketio-event": "json"}[envelope]
    with RawWebSocket(proxy.port, f"/ws?sheaf={other}", timeout=20) as socket:
        send_aside(recorder.latest.connection, frame(*LARGE[envelope], masked=False))
        assert socket.read_message() == LARGE[envelope]
