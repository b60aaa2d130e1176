"""How a client asks for batch frames, what the 101 confirms, and what of it reaches the backend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.decoding import DECODERS, decode_engineio, decode_json
from harness.fixtures import recorder_fixture
from harness.frames import BINARY, TEXT, RawWebSocket, close_frame, frame
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.recorder import Recorder, upgrade_answer
from harness.sheaf import Sheaf

ENVELOPES = tuple(DECODERS)
# Two messages that every envelope can carry in one frame.
PAIR = [(TEXT, b'42["a",1]'), (TEXT, b'42["b",2]')]
JSON_PAIR = [(TEXT, b'{"a":1}'), (TEXT, b"[2]")]
# Whatever is pushed within this time shares a frame, and two messages fill it.
GATHERING = {"adaptive": False, "timeout": "10s", "size": 2}


recorder = recorder_fixture(upgrade_answer, at_head=True)


@pytest.fixture(scope="module")
def proxy(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    """The default is `offer`; each other way of delivery, and each envelope of `always`, has a route."""
    routes = [{"path": f"/{name}", "delivery": name} for name in ("off", "cork", "always")]
    routes += [{"path": f"/always-{name}", "delivery": "always", "envelope": name} for name in ENVELOPES]
    routes += [{"path": "/single", "size": 1}]
    running = Sheaf(folder, recorder.url, {"batching": GATHERING}, routes)
    yield running
    running.stop()


def pushed(recorder: Recorder, messages: list[tuple[int, bytes]]) -> None:
    recorder.latest.connection.send(b"".join(frame(kind, data, masked=False) for kind, data in messages))


def confirmation(proxy: Sheaf, path: str, fields: str = "") -> str | None:
    with RawWebSocket(proxy.port, path, fields) as socket:
        return socket.handshake.get("sheaf-batch")


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("way", ["parameter", "field"])
def test_client_that_asks_is_told_and_gets_batch_frames(
    proxy: Sheaf, recorder: Recorder, envelope: str, way: str
) -> None:
    path, fields = (f"/ws?sheaf={envelope}", "") if way == "parameter" else ("/ws", f"Sheaf-Batch: {envelope}\n")
    messages = JSON_PAIR if envelope == "json" else PAIR
    with RawWebSocket(proxy.port, path, fields) as socket:
        assert socket.handshake.all("sheaf-batch") == [envelope]
        pushed(recorder, messages)
        received = socket.read_message()
        assert received not in messages, "the two did not share a frame"
        assert DECODERS[envelope](*received) == messages


def test_client_that_does_not_ask_gets_plain_frames_and_no_confirmation(proxy: Sheaf, recorder: Recorder) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        assert socket.handshake.get("sheaf-batch") is None
        pushed(recorder, PAIR)
        assert [socket.read_message(), socket.read_message()] == PAIR


@pytest.mark.parametrize("envelope", ["xml", "", "JSON", "json,binary", "json%20", "js%6Fn", "socketio"])
def test_unknown_envelope_is_ignored(proxy: Sheaf, recorder: Recorder, envelope: str) -> None:
    with RawWebSocket(proxy.port, f"/ws?sheaf={envelope}") as socket:
        assert socket.handshake.get("sheaf-batch") is None
        assert recorder.latest.target == "/ws", "the parameter is removed all the same"
        pushed(recorder, JSON_PAIR)
        assert [socket.read_message(), socket.read_message()] == JSON_PAIR


@pytest.mark.parametrize(
    "asked,upstream",
    [
        ("/ws?sheaf=json", "/ws"),
        ("/ws?sheaf=json&a=1&b=2", "/ws?a=1&b=2"),
        ("/ws?a=1&sheaf=json&b=2", "/ws?a=1&b=2"),
        ("/ws?a=1&b=2&sheaf=json", "/ws?a=1&b=2"),
        ("/ws?sheaf=json&a=1&sheaf=binary", "/ws?a=1"),
        ("/ws?b=2&a=1&sheaf=json&b=1&b", "/ws?b=2&a=1&b=1&b"),
        ("/ws?sheaf", "/ws"),
        # Other names stay, and so does how the rest is written.
        ("/ws?sheaf2=json&x-sheaf=json&Sheaf=json", "/ws?sheaf2=json&x-sheaf=json&Sheaf=json"),
        ("/ws?%73heaf=json", "/ws?%73heaf=json"),
        ("/ws?sheaf%3Djson", "/ws?sheaf%3Djson"),
        ("/ws?a=sheaf=json", "/ws?a=sheaf=json"),
        ("/ws?a=%26sheaf=json", "/ws?a=%26sheaf=json"),
        ("/ws?a=1;sheaf=json", "/ws?a=1;sheaf=json"),
        ("/ws?a=b+c%20d&sheaf=json&e=%C3%A9&=&&f", "/ws?a=b+c%20d&e=%C3%A9&=&&f"),
        ("/ws?", "/ws?"),
    ],
)
def test_parameter_alone_is_removed(proxy: Sheaf, recorder: Recorder, asked: str, upstream: str) -> None:
    with RawWebSocket(proxy.port, asked):
        assert recorder.latest.target == upstream


def test_first_of_repeated_parameters_counts(proxy: Sheaf) -> None:
    assert confirmation(proxy, "/ws?sheaf=binary&sheaf=json") == "binary"


def test_field_of_the_request_stays_at_the_proxy(proxy: Sheaf, recorder: Recorder) -> None:
    with RawWebSocket(proxy.port, "/ws", "Sheaf-Batch: json\n"):
        assert recorder.latest.get("sheaf-batch") is None


def test_backend_cannot_confirm_for_the_proxy(make_recorder, make_sheaf) -> None:
    forging = make_recorder(lambda request: upgrade_answer(request, b"Sheaf-Batch: binary\r\n"), at_head=True)
    proxy = make_sheaf(forging.url)
    assert confirmation(proxy, "/ws") is None
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        assert socket.handshake.all("sheaf-batch") == ["json"]


def test_ordinary_request_keeps_the_parameter(make_recorder, make_sheaf) -> None:
    plain = make_recorder()
    proxy = make_sheaf(plain.url)
    assert get(proxy.port, "/x?a=1&sheaf=json&b=2").status == 200
    assert plain.latest.target == "/x?a=1&sheaf=json&b=2"


POLL = "EIO=4&transport=polling"


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "asked,upstream",
    [
        (f"/socket.io/?sheaf=engineio&{POLL}&t=a%20b&sid=1", f"/socket.io/?{POLL}&t=a%20b&sid=1"),
        ("/socket.io/?a=1&transport=polling&sheaf=json&EIO=4&&b=+", "/socket.io/?a=1&transport=polling&EIO=4&&b=+"),
        (f"/cork/?{POLL}&sheaf=engineio", f"/cork/?{POLL}"),
        # Where nothing is batched the parameter says nothing, and without both marks it is the application's own.
        (f"/off/?{POLL}&sheaf=engineio", f"/off/?{POLL}&sheaf=engineio"),
        ("/x?EIO=4&sheaf=engineio", "/x?EIO=4&sheaf=engineio"),
        ("/x?transport=polling&sheaf=engineio", "/x?transport=polling&sheaf=engineio"),
        (f"/x?a={POLL}&sheaf=engineio", f"/x?a={POLL}&sheaf=engineio"),
        (f"/socket.io/?{POLL}&Sheaf=1&x-sheaf=2&a=sheaf=3", f"/socket.io/?{POLL}&Sheaf=1&x-sheaf=2&a=sheaf=3"),
    ],
)
def test_parameter_is_removed_from_polling_requests_alone(
    make_recorder, make_sheaf, method: str, asked: str, upstream: str
) -> None:
    plain = make_recorder()
    proxy = make_sheaf(plain.url, {}, [{"path": f"/{name}", "delivery": name} for name in ("off", "cork")])
    with RawClient(proxy.port) as client:
        assert client.request(f"{method} {asked} HTTP/1.1\nHost: a\nConnection: close\n\n").status == 200
    assert plain.latest.target == upstream


@pytest.mark.parametrize("path", ["/off", "/cork"])
def test_route_that_does_not_batch_ignores_the_wish(proxy: Sheaf, recorder: Recorder, path: str) -> None:
    with RawWebSocket(proxy.port, f"{path}?sheaf=json&a=1", "Sheaf-Batch: json\n") as socket:
        assert socket.handshake.get("sheaf-batch") is None
        assert recorder.latest.target == f"{path}?a=1", "the parameter is never the backend's"
        pushed(recorder, JSON_PAIR)
        assert [socket.read_message(), socket.read_message()] == JSON_PAIR


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_always_batches_without_being_asked(proxy: Sheaf, recorder: Recorder, envelope: str) -> None:
    messages = JSON_PAIR if envelope == "json" else PAIR
    with RawWebSocket(proxy.port, f"/always-{envelope}") as socket:
        assert socket.handshake.get("sheaf-batch") == envelope
        pushed(recorder, messages)
        received = socket.read_message()
        assert received not in messages and DECODERS[envelope](*received) == messages


@pytest.mark.parametrize("asked,used", [("binary", "binary"), ("engineio", "engineio"), ("unknown", "json")])
def test_always_respects_what_a_client_asks_for(proxy: Sheaf, asked: str, used: str) -> None:
    assert confirmation(proxy, f"/always?sheaf={asked}") == used


def test_route_beats_the_global_settings(proxy: Sheaf, recorder: Recorder) -> None:
    """With batches of one at most, no frame is ever wrapped."""
    with RawWebSocket(proxy.port, "/single?sheaf=json") as socket:
        assert socket.handshake.get("sheaf-batch") == "json"
        pushed(recorder, JSON_PAIR)
        assert [socket.read_message(), socket.read_message()] == JSON_PAIR


def test_default_of_the_shipped_configuration_is_offer(sheaf: Sheaf) -> None:
    assert confirmation(sheaf, "/ws/echo") is None
    assert confirmation(sheaf, "/ws/echo?sheaf=json") == "json"


def socketio_handshake(proxy: Sheaf) -> str:
    """A Socket.IO session over polling; returns its sid."""
    answer = get(proxy.port, "/socket.io/?EIO=4&transport=polling&sheaf=engineio")
    assert answer.status == 200, answer
    return json.loads(answer.body[1:])["sid"]


def test_socketio_polls_and_upgrades_with_the_parameter_in_every_url(make_sheaf, backend: Backend) -> None:
    """socket.io-client puts its query on polling requests too: they pass, and the upgrade gets batches."""
    proxy = make_sheaf(backend.url, {"batching": {"adaptive": False, "timeout": "200ms"}})
    sid = socketio_handshake(proxy)
    with RawWebSocket(proxy.port, f"/socket.io/?EIO=4&transport=websocket&sheaf=engineio&sid={sid}") as socket:
        assert socket.handshake.get("sheaf-batch") == "engineio"
        socket.send_frame(TEXT, b"2probe")
        assert socket.read_message() == (TEXT, b"3probe"), "a probe goes alone and does not wait"
        socket.send_frame(TEXT, b"5")
        socket.send_frame(TEXT, b"40")
        packets: list[bytes] = []
        shared = 0
        while shared == 0 or not any(packet.startswith(b"40") for packet in packets):
            opcode, payload = socket.read_message()
            decoded = decode_engineio(opcode, payload)
            shared += len(decoded) > 1
            packets += [data for _, data in decoded]
        assert sum(packet.startswith(b"40") for packet in packets) == 1
        assert {packet[:2] for packet in packets if packet[:1] == b"4"} == {b"40", b"42"}
        socket.send(close_frame(1000))


def test_two_clients_of_one_backend_choose_for_themselves(proxy: Sheaf, recorder: Recorder) -> None:
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as asking:
        first = recorder.latest.connection
        with RawWebSocket(proxy.port, "/ws?sheaf=binary") as other:
            second = recorder.latest.connection
            data = b"".join(frame(kind, payload, masked=False) for kind, payload in JSON_PAIR)
            first.send(data)
            second.send(data)
            opcode, payload = asking.read_message()
            assert opcode == TEXT and decode_json(opcode, payload) == JSON_PAIR
            opcode, payload = other.read_message()
            assert opcode == BINARY and DECODERS["binary"](opcode, payload) == JSON_PAIR
    wait_until(lambda: proxy.metric("sheaf_buffered_messages") == 0, 3, "nothing is left behind")
