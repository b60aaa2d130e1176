"""Hostile backends and clients with batching on: only their own session suffers, and no decoder is misled."""

from __future__ import annotations

import socket as sockets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.decoding import DECODERS, Message
from harness.fixtures import recorder_fixture
from harness.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, RawWebSocket, close_frame, frame
from harness.ports import wait_until
from harness.recorder import Connection, Recorder, upgrade_answer
from harness.sheaf import Sheaf, is_sanitized, scaled

ENVELOPES = [*DECODERS, ""]
SIBLINGS = [(TEXT, b'42["a",%d]' % n) for n in range(5)]
JSON_SIBLINGS = [(TEXT, b'{"n":%d}' % n) for n in range(5)]


recorder = recorder_fixture(upgrade_answer, at_head=True)


@pytest.fixture(scope="module")
def proxy(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    """One worker, so that victim and culprit share it; gathers long enough for what is bad to come amid a batch."""
    conf = {
        "workers": 1,
        "batching": {"adaptive": False, "timeout": "100ms"},
        "websocket": {"close_timeout": "500ms"},
        "limits": {"max_upstream_message": 16 << 20},
    }
    running = Sheaf(folder, recorder.url, conf, [{"path": "/adaptive", "adaptive": True}])
    yield running
    running.stop()


def siblings(envelope: str) -> list[Message]:
    return JSON_SIBLINGS if envelope == "json" else SIBLINGS


def wire_of(messages: list[Message]) -> bytes:
    return b"".join(frame(kind, data, masked=False) for kind, data in messages)


class Session:
    """A client of the proxy together with its backend's end."""

    def __init__(self, proxy: Sheaf, recorder: Recorder, envelope: str = "", path: str = "/ws") -> None:
        self.client = RawWebSocket(proxy.port, f"{path}?sheaf={envelope}" if envelope else path, timeout=20)
        self.backend: Connection = recorder.latest.connection
        self._decode = DECODERS.get(envelope, lambda kind, data: [(kind, data)])

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def messages(self, count: int) -> list[Message]:
        """At least the next `count` messages, decoded."""
        received: list[Message] = []
        while len(received) < count:
            message = self.client.read_message()
            assert message[0] != CLOSE, f"closed after {len(received)} messages: {message[1]!r}"
            received += self._decode(*message)
        return received

    def rest(self) -> tuple[list[Message], int]:
        """All messages until the Close, and its code."""
        received: list[Message] = []
        while (message := self.client.read_message())[0] != CLOSE:
            received += self._decode(*message)
        return received, int.from_bytes(message[1][:2], "big")

    def works(self) -> None:
        """Both directions pass a message; what came before has been read."""
        self.backend.send(wire_of([(TEXT, b"[1]"), (PING, b"")]))
        assert self.messages(1) == [(TEXT, b"[1]")]
        before = len(self.backend.received)
        self.client.send_frame(TEXT, b"up")
        wait_until(lambda: len(self.backend.received) >= before + 8, 5, "the backend hears the client")


BAD_ENDS = {
    "a text that is not UTF-8": frame(TEXT, b"ok \xff", masked=False),
    "a text cut amid a character": frame(TEXT, "é".encode()[:1], masked=False),
    "bad UTF-8 in a fragment": frame(TEXT, b"a", fin=False, masked=False) + frame(CONTINUATION, b"\x80", masked=False),
    "a masked frame": frame(TEXT, b"[1]"),
    "a reserved opcode": frame(3, b"x", masked=False),
    "RSV1": frame(TEXT, b"[1]", rsv=4, masked=False),
    "a continuation of nothing": frame(CONTINUATION, b"x", masked=False),
    "a length over the limit": frame(BINARY, b"", length_bytes=8, declared=(16 << 20) + 1, masked=False),
}


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("name", BAD_ENDS)
def test_siblings_of_a_bad_message_arrive_once_and_in_order(
    proxy: Sheaf, recorder: Recorder, envelope: str, name: str
) -> None:
    """Hardening rows 58 and 59."""
    sent = siblings(envelope)
    with Session(proxy, recorder, envelope) as bystander, Session(proxy, recorder, envelope) as session:
        session.backend.send(wire_of(sent) + BAD_ENDS[name] + wire_of(sent))
        received, code = session.rest()
        # A cork passes fragments on as they come: the beginning of what turned out bad may have left; no message has.
        assert [message for message in received if message in sent] == received == sent
        assert code == (1009 if "over the limit" in name else 1011)
        wait_until(lambda: session.backend.ended, 5, "the bad backend is dropped")
        bystander.works()


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("end", ["close", "reset"])
def test_half_message_is_never_delivered(proxy: Sheaf, recorder: Recorder, envelope: str, end: str) -> None:
    sent = siblings(envelope)
    with Session(proxy, recorder, envelope) as bystander, Session(proxy, recorder, envelope) as session:
        session.backend.send(wire_of(sent) + frame(TEXT, b"[" * 50, fin=False, masked=False) + b"\x80\x7e\x01")
        if end == "reset":
            received = session.messages(len(sent))
            session.backend.reset()
            received += session.rest()[0]
        else:
            session.backend.close()
            received, code = session.rest()
            assert code == 1012
        assert received == sent
        bystander.works()


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_flood_of_tiny_messages_arrives_whole(proxy: Sheaf, recorder: Recorder, envelope: str) -> None:
    """As fast as they come: in few frames, and the neighbour is served all the while."""
    total = scaled(100_000, 10_000)
    sent = [(TEXT, b"4%d" % n) for n in range(total)]
    before = proxy.memory_kib()
    with Session(proxy, recorder, envelope) as bystander, Session(proxy, recorder, envelope, "/adaptive") as session:
        data = wire_of(sent)
        writer = _in_background(session.backend, data)
        received = session.messages(total)
        writer.join()
        bystander.works()
    assert received == sent
    if not is_sanitized():
        assert proxy.memory_kib() - before < 32 * 1024


def _in_background(connection: Connection, data: bytes) -> threading.Thread:
    thread = threading.Thread(target=connection.send, args=(data,))
    thread.start()
    return thread


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_empty_messages_and_fragments_flood(proxy: Sheaf, recorder: Recorder, envelope: str) -> None:
    sent = [(TEXT, b""), (BINARY, b"")] * 500
    empties = frame(TEXT, b"", fin=False, masked=False) + frame(CONTINUATION, b"", fin=False, masked=False) * 1000
    with Session(proxy, recorder, envelope) as session:
        end = frame(CONTINUATION, b"[1]", masked=False) + frame(PING, masked=False)
        session.backend.send(wire_of(sent) + empties + end)
        assert session.messages(len(sent) + 1) == [*sent, (TEXT, b"[1]")]


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_largest_message_does_not_stop_the_neighbour(proxy: Sheaf, recorder: Recorder, envelope: str) -> None:
    """16 MiB arrive in pieces while another session of the worker goes on."""
    large = bytes(16 << 20)
    with Session(proxy, recorder, envelope) as bystander, Session(proxy, recorder, envelope) as session:
        session.backend.send(wire_of(siblings(envelope)))
        data = frame(BINARY, large, masked=False)
        writer = _in_background(session.backend, data + wire_of(siblings(envelope)))
        bystander.works()
        received = session.messages(2 * len(siblings(envelope)) + 1)
        writer.join()
    assert received == [*siblings(envelope), (BINARY, large), *siblings(envelope)]


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_client_that_resets_amid_a_batch_takes_nobody_along(proxy: Sheaf, recorder: Recorder, envelope: str) -> None:
    with Session(proxy, recorder, envelope) as bystander:
        for _ in range(20):
            session = Session(proxy, recorder, envelope)
            session.backend.send(wire_of(siblings(envelope)))
            session.client.reset()
        bystander.works()
    wait_until(lambda: proxy.metric("sheaf_buffered_messages") == 0, 5, "nothing is left behind")
    wait_until(lambda: proxy.metric("sheaf_websocket_sessions") == 0, 5, "no session is left behind")
    assert proxy.metric("sheaf_buffered_bytes") == 0


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_client_that_breaks_the_protocol_gets_what_was_gathered_first(
    proxy: Sheaf, recorder: Recorder, envelope: str
) -> None:
    with Session(proxy, recorder, envelope) as session:
        session.backend.send(wire_of(siblings(envelope)))
        wait_until(lambda: proxy.metric("sheaf_buffered_messages") >= 5 or _readable(session.client), 3, "they wait")
        session.client.send_frame(TEXT, b"\xff")
        received, code = session.rest()
    assert received == siblings(envelope) and code == 1007


def _readable(client: RawWebSocket) -> bool:
    client.socket.setblocking(False)
    try:
        return bool(client.socket.recv(1, sockets.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        client.socket.settimeout(client.timeout)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_client_that_closes_amid_a_batch_gets_its_close(proxy: Sheaf, recorder: Recorder, envelope: str) -> None:
    with Session(proxy, recorder, envelope) as session:
        session.backend.send(wire_of(siblings(envelope)))
        time.sleep(0.02)
        session.client.send(close_frame(4000, b"enough"))
        received, code = session.rest()
    assert code == 4000 and received in ([], siblings(envelope)), "the batch comes whole or not at all"
