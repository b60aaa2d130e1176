"""decode(encode(sequence)) is the sequence: random traffic of a real backend in every envelope, corked and plain."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.compression import RSV1, STOCK_OFFER, Context, content, whole
from harness.decoding import DECODERS, JSON_PREFIX, MAGIC, Message, normal_packet
from harness.frames import BINARY, CLOSE, PING, TEXT, RawWebSocket, close_frame, frame
from harness.pusher import Pusher, send_message
from harness.recorder import Recorder, upgrade_answer
from harness.sheaf import Sheaf, scaled

MIB = 1 << 20
ENVELOPES = tuple(DECODERS)

# Texts that an envelope must tell apart: JSON and what nearly is, look-alikes of each envelope, separators.
TEXTS: list[bytes] = [
    b"",
    b" ",
    b"{}",
    b"null",
    b'"\\ud800"',
    b'\t{"a" : [1, {"b": "],}"}]}\r\n',
    b"[1,]",
    b"{'a':1}",
    b"01",
    b"1 2",
    b"NaN",
    b"[" * 513 + b"]" * 513,
    b"[" * 512 + b"]" * 512,
    '"é€𝄞\u2028"'.encode(),
    '{"a":"\ufeff"}'.encode(),
    b"\xef\xbb\xbf{}",
    JSON_PREFIX,
    JSON_PREFIX + b'1,"messages":[{}]}',
    JSON_PREFIX + b'2,"messages":[{"a":1},[2]]}',
    JSON_PREFIX + b'3,"messages":[]}',
    JSON_PREFIX + b'1,"text":"x"}',
    JSON_PREFIX + b"x",
    b" " + JSON_PREFIX + b'1,"messages":[{}]}',
    JSON_PREFIX.replace(b":", b": ") + b'1,"messages":[{}]}',
    MAGIC,
    b"\x1e",
    b"\x1e4x",
    b"4x\x1e4y",
    b"4\x1e",
    b"4",
    b"2",
    b"3probe",
    b"6",
    b"42",
    b"40{}",
    b"41",
    b'42["a"]',
    b'42["a",1]',
    b'42["a",1,2]',
    b'42["a", {"s" : "\\u0041"} ]',
    b'42["",null]',
    b'42/n,["a",1]',
    b'42/n,["b",[1,"]"]]',
    b'42/m,["b",{}]',
    b'427["a",1]',
    b'42/n,7["a",1]',
    b'43["ok"]',
    b'42["connect",1]',
    b'42["batch",1]',
    b'42["batch",{"type":"batch","batch_size":1,"messages":[{"event":"a","data":1}]}]',
    b'42["b\\u0061tch",{"type":"batch","batch_size":1,"messages":[{"event":"a","data":1}]}]',
    b'42/n,["batch",{"type":"batch","batch_size":1,"messages":[{"event":"a","data":1}]}]',
    b'428["batch",{"type":"batch","batch_size":1,"messages":[{"event":"a","data":1}]}]',
    b'42["batch",{"type":"batch","batch_size":1,"messages":[{"event":"a","data":1}]},2]',
]
BINARIES: list[bytes] = [
    b"",
    b"\x00",
    MAGIC,
    MAGIC + b"\x00\x00\x00\x01a",
    MAGIC + b"\x80\x00\x00\x02ab",
    MAGIC + b"\x7f\xff\xff\xff",
    b"SHF",
    b"SHF\x02\x00",
    bytes(range(256)) * 5,
    b'{"type":"batch","batch_size":1,"messages":[{}]}',
    b"42[\x1e]",
]


def random_sequence(seed: int, count: int) -> list[Message]:
    """Hostile and ordinary messages, mixed: runs of what shares a frame, broken by what does not."""
    source = random.Random(seed)
    messages: list[Message] = []
    while len(messages) < count:
        kind = source.random()
        if kind < 0.35:
            messages += [(TEXT, b'{"n":%d,"p":-%d.5}' % (n, n * n)) for n in range(source.randrange(1, 30))]
        elif kind < 0.6:
            messages += [(TEXT, b'42["price",{"n":%d}]' % n) for n in range(source.randrange(1, 30))]
        elif kind < 0.85:
            messages.append((TEXT, source.choice(TEXTS)))
        elif kind < 0.97:
            messages.append((BINARY, source.choice(BINARIES)))
        elif kind < 0.985:
            messages.append((TEXT, b'{"long":"' + b"x" * source.randrange(1, 200_000) + b'"}'))
        else:
            messages.append((BINARY, source.randbytes(source.randrange(1, 300_000))))
    return messages


def normal(envelope: str, messages: list[Message]) -> list[Message]:
    """What the envelope promises: the very bytes, but for `socketio-event` the same events."""
    if envelope != "socketio-event":
        return messages
    return [(kind, normal_packet(data) if kind == TEXT else data) for kind, data in messages]


def assert_same(received: list[Message], sent: list[Message]) -> None:
    """Equality with a failure that can be read: the first difference alone."""
    for number, (got, expected) in enumerate(zip(received, sent, strict=False)):
        assert got == expected, f"message {number}: {got[0], got[1][:300]} instead of {expected[0], expected[1][:300]}"
    assert len(received) == len(sent)


@pytest.fixture(scope="module")
def pusher() -> Iterator[Pusher]:
    running = Pusher(lambda _: None)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def proxy(folder: Path, pusher: Pusher) -> Iterator[Sheaf]:
    """Small batches, so that every bound is met many times; `/adaptive` is as shipped."""
    fixed = {"adaptive": False, "timeout": "5ms", "size": 20, "max_bytes": "4KiB"}
    shipped = {"adaptive": True, "timeout": "50ms", "size": 100, "max_bytes": "64KiB"}
    routes = [{"path": "/off", "delivery": "off"}, {"path": "/cork", "delivery": "cork"}]
    running = Sheaf(folder, pusher.url, {"batching": fixed}, [*routes, {"path": "/adaptive", **shipped}])
    yield running
    running.stop()


def through(proxy: Sheaf, pusher: Pusher, path: str, fields: str, sent: list[Message], seed: int) -> RawWebSocket:
    """A session whose backend sends `sent`, in bursts with rests between them, some in fragments, then closes.

    Pings and pongs come between messages and between fragments.
    """

    def push(socket) -> None:  # noqa: ANN001
        source = random.Random(seed)
        for kind, data in sent:
            send_message(socket, kind, data, source.choice((1, 1, 1, 1, 2, 7)), source.random() < 0.05)
            if source.random() < 0.02:
                time.sleep(source.choice((0.001, 0.008)))
        socket.close(4001, "all sent")

    pusher.script = push
    return RawWebSocket(proxy.port, path, fields, timeout=30)


def received_until_close(socket: RawWebSocket) -> tuple[list[Message], tuple[int, str]]:
    frames: list[Message] = []
    while (message := socket.read_message())[0] != CLOSE:
        frames.append(message)
    code = int.from_bytes(message[1][:2], "big")
    socket.send(close_frame(code))
    return frames, (code, message[1][2:].decode())


@pytest.mark.parametrize("path", ["/ws", "/adaptive"])
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_random_traffic_decodes_to_itself(proxy: Sheaf, pusher: Pusher, envelope: str, path: str) -> None:
    for seed in range(scaled(4, 2)):
        sent = random_sequence(seed, scaled(1500, 500))
        with through(proxy, pusher, f"{path}?sheaf={envelope}", "", sent, seed) as socket:
            frames, end = received_until_close(socket)
        received = [message for one in frames for message in DECODERS[envelope](*one)]
        assert_same(normal(envelope, received), normal(envelope, sent))
        assert len(frames) < len(sent) * 0.9, "hardly anything was batched"
        assert end == (4001, "all sent")


@pytest.mark.parametrize("takeover", [False, True], ids=["no takeover", "takeover"])
@pytest.mark.parametrize("envelope", [*ENVELOPES, ""])
def test_random_traffic_decodes_to_itself_when_compressed(
    make_sheaf, pusher: Pusher, envelope: str, takeover: bool
) -> None:
    """Batches, single messages, and large ones that go out piece by piece: one context for all of them, or none."""
    proxy = make_sheaf(pusher.url, {"deflate": {"context": "own" if takeover else "none", "threshold": 64}})
    sent = random_sequence(5, scaled(1500, 500)) + [(TEXT, b"42" + b"large " * 100_000), (BINARY, bytes(700_000))] * 2
    context = Context()
    decode = DECODERS.get(envelope, lambda kind, data: [(kind, data)])
    received: list[Message] = []
    compressed = 0
    with through(proxy, pusher, f"/ws?sheaf={envelope}", STOCK_OFFER, sent, 5) as socket:
        while (one := whole(socket)).opcode != CLOSE:
            data = context.content(one) if takeover else content(one)
            received += decode(one.opcode, data)
            compressed += one.rsv == RSV1
        socket.send(close_frame(one.code))
    assert_same(normal(envelope, received), normal(envelope, sent))
    assert compressed > 8, "hardly anything was compressed"


@pytest.mark.parametrize("path", ["/off", "/cork", "/ws"])
def test_random_traffic_in_plain_frames_is_itself(proxy: Sheaf, pusher: Pusher, path: str) -> None:
    sent = random_sequence(17, scaled(3000, 800))
    with through(proxy, pusher, path, "", sent, 17) as socket:
        frames, end = received_until_close(socket)
    assert_same(frames, sent)
    assert end == (4001, "all sent")


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_every_message_alone_decodes_to_itself(proxy: Sheaf, pusher: Pusher, envelope: str) -> None:
    """One at a time, the next only when the one before it was read: rules 2 and 3 of envelopes.md."""
    messages = [*((TEXT, text) for text in TEXTS), *((BINARY, data) for data in BINARIES)]

    def push(socket) -> None:  # noqa: ANN001
        for kind, data in messages:
            send_message(socket, kind, data)
            socket.recv()

    pusher.script = push
    with RawWebSocket(proxy.port, f"/ws?sheaf={envelope}") as socket:
        for message in messages:
            kind, data = socket.read_message()
            assert_same(normal(envelope, DECODERS[envelope](kind, data)), normal(envelope, [message]))
            socket.send_frame(TEXT, b"next")


@pytest.mark.parametrize("envelope", [*ENVELOPES, ""])
@pytest.mark.parametrize("size", [MIB, 16 * MIB], ids=["1MiB", "16MiB"])
def test_large_message_amid_small_ones(proxy: Sheaf, pusher: Pusher, envelope: str, size: int) -> None:
    large_text = b'{"x":"' + b"a" * (size - 8) + b'"}'
    small = [(TEXT, b'{"n":%d}' % n) for n in range(3)]
    sent = [*small, (TEXT, large_text), *small, (BINARY, bytes(size)), *small]
    with through(proxy, pusher, f"/ws?sheaf={envelope}", "", sent, 3) as socket:
        frames, _ = received_until_close(socket)
    decode = DECODERS.get(envelope, lambda kind, data: [(kind, data)])
    assert_same([message for one in frames for message in decode(*one)], sent)


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("size", [100_000, 200_000, 300_000, 3 * MIB])
def test_large_look_alike_decodes_to_itself(proxy: Sheaf, pusher: Pusher, envelope: str, size: int) -> None:
    """However large a message is: one that a decoder would take for an envelope must not reach it as it is."""
    filler = b"x" * size
    event = b'{"type":"batch","batch_size":1,"messages":[{"event":"a","data":"' + filler + b'"}]}'
    sent = [
        (TEXT, JSON_PREFIX + b'1,"messages":["' + filler + b'"]}'),
        (TEXT, JSON_PREFIX + b'1,"text":"' + filler + b'"}'),
        (BINARY, MAGIC + size.to_bytes(4, "big") + filler),
        (TEXT, b'4["' + filler + b'"]\x1e4'),
        (TEXT, b'42["batch",' + event + b"]"),
        # What tells it apart lies far behind, or the message only begins like one.
        (TEXT, b"42[" + b" " * 5000 + b'"batch",' + event + b"]"),
        (TEXT, b"42/" + b"n" * 5000 + b',["batch",' + event + b"]"),
        (TEXT, b"42/n,7" + b'["batch",' + event + b"]"),
        (TEXT, b'42["batch",' + event + b",1]"),
        (TEXT, b"4" + filler + b"\x1e" + filler),
        (TEXT, b"\x1e" + filler),
    ]
    if envelope != "socketio-event":
        sent.append((TEXT, b'42["batch",' + event))  # a broken packet, and as broken when it is escaped
    with through(proxy, pusher, f"/ws?sheaf={envelope}", "", sent, 3) as socket:
        frames, _ = received_until_close(socket)
    received = [message for one in frames for message in DECODERS[envelope](*one)]
    assert_same(normal(envelope, received), normal(envelope, sent))


# ---- cork: frames byte for byte

def random_frames(seed: int, count: int) -> bytes:
    """Frames of a backend as they stand on the wire, fragments included; no control frames."""
    source = random.Random(seed)
    wire = b""
    for _ in range(count):
        kind, data = random.Random(source.random()).choice([(TEXT, t) for t in TEXTS] + [(BINARY, b) for b in BINARIES])
        cut = source.randrange(len(data) + 1) if source.random() < 0.3 else None
        if cut is None:
            wire += frame(kind, data, masked=False)
        else:
            wire += frame(kind, data[:cut], fin=False, masked=False) + frame(0, b"", fin=False, masked=False)
            wire += frame(0, data[cut:], masked=False)
    return wire


@pytest.mark.parametrize("conf", [{"adaptive": True}, {"adaptive": False, "timeout": "5ms"}], ids=["adaptive", "fixed"])
def test_cork_passes_frames_byte_for_byte(make_sheaf, make_recorder, conf: dict[str, object]) -> None:
    recorder: Recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, {"batching": {"delivery": "cork", **conf}})
    for seed in range(3):
        wire = random_frames(seed, scaled(600, 200)) + frame(BINARY, bytes(3 * MIB), masked=False)
        with RawWebSocket(proxy.port, "/ws", timeout=20) as socket:
            source, at = random.Random(seed), 0
            while at < len(wire):
                step = source.choice((1, 7, 300, 5000, 1 << 20))
                recorder.latest.connection.send(wire[at : at + step])
                at += step
                if step < 10:
                    time.sleep(0.001)
            assert socket.read(len(wire)) == wire


# ---- what ends a batch early

GATHERING = {"adaptive": False, "timeout": "10s", "size": 1000}
QUEUED = [(TEXT, b'42["a",%d]' % n) for n in range(5)]


@pytest.fixture
def gathering(make_sheaf, make_recorder) -> tuple[Sheaf, Recorder]:
    """A proxy that gathers for ten seconds unless something ends the batch: what comes sooner was sent sooner."""
    recorder = make_recorder(upgrade_answer, at_head=True)
    return make_sheaf(recorder.url, {"batching": GATHERING}), recorder


def wire_of(messages: list[Message]) -> bytes:
    return b"".join(frame(kind, data, masked=False) for kind, data in messages)


FORMS = [*ENVELOPES, ""]


def read_decoded(socket: RawWebSocket, envelope: str, count: int) -> list[Message]:
    decode = DECODERS.get(envelope, lambda kind, data: [(kind, data)])
    received: list[Message] = []
    while len(received) < count:
        received += decode(*socket.read_message())
    return received


@pytest.mark.parametrize("envelope", FORMS)
def test_close_comes_after_what_is_gathered(gathering, envelope: str) -> None:
    proxy, recorder = gathering
    with RawWebSocket(proxy.port, f"/ws?sheaf={envelope}") as socket:
        recorder.latest.connection.send(wire_of(QUEUED) + close_frame(4321, b"bye", masked=False))
        assert read_decoded(socket, envelope, len(QUEUED)) == QUEUED
        received = socket.read_close()
        assert (received.code, received.reason) == (4321, "bye")
    assert proxy.metric("sheaf_batch_flushes_total", reason="control") == 1


@pytest.mark.parametrize("envelope", FORMS)
def test_ping_of_the_backend_ends_the_batch(gathering, envelope: str) -> None:
    proxy, recorder = gathering
    with RawWebSocket(proxy.port, f"/ws?sheaf={envelope}") as socket:
        recorder.latest.connection.send(wire_of(QUEUED) + frame(PING, b"x", masked=False))
        assert read_decoded(socket, envelope, len(QUEUED)) == QUEUED
    assert proxy.metric("sheaf_batch_flushes_total", reason="control") == 1


@pytest.mark.parametrize("envelope", FORMS)
def test_ping_amid_a_fragmented_message_loses_nothing(gathering, envelope: str) -> None:
    proxy, recorder = gathering
    split = frame(TEXT, b'42["', fin=False, masked=False), frame(0, b's",1]', masked=False)
    ping = frame(PING, b"x", masked=False)
    with RawWebSocket(proxy.port, f"/ws?sheaf={envelope}") as socket:
        recorder.latest.connection.send(wire_of(QUEUED) + split[0] + ping + split[1] + wire_of(QUEUED) + ping)
        assert read_decoded(socket, envelope, 11) == [*QUEUED, (TEXT, b'42["s",1]'), *QUEUED]


@pytest.mark.parametrize("envelope", FORMS)
def test_backend_that_vanishes_leaves_what_it_had_sent(gathering, envelope: str) -> None:
    proxy, recorder = gathering
    with RawWebSocket(proxy.port, f"/ws?sheaf={envelope}") as socket:
        recorder.latest.connection.send(wire_of(QUEUED))
        recorder.latest.connection.close()
        assert read_decoded(socket, envelope, len(QUEUED)) == QUEUED
        assert socket.read_close().code == 1012


@pytest.mark.parametrize(
    "envelope,odd",
    [
        ("json", (TEXT, b"not json")),
        ("json", (BINARY, b"\x00")),
        ("json", (TEXT, b"")),
        ("engineio", (TEXT, b'451-["b",{"_placeholder":true,"num":0}]')),
        ("engineio", (TEXT, b"2")),
        ("engineio", (BINARY, b"\x00")),
        ("socketio-event", (TEXT, b'4212["ack",1]')),
        ("socketio-event", (TEXT, b'42["several",1,2]')),
        ("socketio-event", (BINARY, b"\x00")),
    ],
)
def test_message_that_cannot_be_carried_goes_alone_in_its_place(gathering, envelope: str, odd: Message) -> None:
    proxy, recorder = gathering
    before = [(TEXT, b"[1]"), (TEXT, b"[2]")] if envelope == "json" else QUEUED[:2]
    with RawWebSocket(proxy.port, f"/ws?sheaf={envelope}") as socket:
        recorder.latest.connection.send(wire_of([*before, odd]))
        batch, alone = socket.read_message(), socket.read_message()
        assert DECODERS[envelope](*batch) == before and alone == odd
    assert proxy.metric("sheaf_batch_flushes_total", reason="alone") == 1


# ---- real applications

def test_echoes_of_a_stock_client_in_an_envelope(make_sheaf, backend: Backend) -> None:
    """uvicorn behind, pipelined echoes in front: every one comes back, in order, whatever frames they share."""
    proxy = make_sheaf(backend.url)
    total = scaled(2000, 500)
    sent = [(TEXT, json.dumps({"n": n}).encode()) for n in range(total)]
    with RawWebSocket(proxy.port, "/ws/echo?sheaf=json", timeout=20) as socket:
        for begin in range(0, total, 100):
            socket.send(b"".join(frame(kind, data) for kind, data in sent[begin : begin + 100]))
        assert_same(read_decoded(socket, "json", total), sent)
