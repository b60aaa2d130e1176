"""When a batch leaves, and why: counted in /metrics, never by the clock. Rules: critical messages and conflation."""

from __future__ import annotations

import random
import signal
import socket as sockets
import ssl
from collections.abc import Callable

import pytest

from harness.certificates import Pair
from harness.compression import OFFER, RSV1, inflated
from harness.decoding import DECODERS, Message, decode_json
from harness.frames import BINARY, CLOSE, PING, PONG, TEXT, RawWebSocket, close_frame, frame, upgrade
from harness.ports import wait_until
from harness.recorder import Connection, Recorder, upgrade_answer
from harness.sheaf import Conf, Sheaf

REASONS = ("timeout", "at_once", "size", "bytes", "critical", "alone", "drained", "control", "end", "pressure")
NEVER = {"adaptive": False, "timeout": "10s", "cork_timeout": "10s"}

Start = Callable[..., tuple[Sheaf, Recorder]]


@pytest.fixture
def start(make_sheaf, make_recorder) -> Start:
    """start(batching, routes): a proxy with one worker in front of a recorder."""

    def make(
        batching: Conf, routes: list[Conf] | None = None, **sections: object
    ) -> tuple[Sheaf, Recorder]:
        recorder = make_recorder(upgrade_answer, at_head=True)
        return make_sheaf(recorder.url, {"workers": 1, "batching": batching, **sections}, routes), recorder

    return make


def push(recorder: Recorder, *payloads: bytes) -> None:
    recorder.latest.connection.send(b"".join(frame(TEXT, payload, masked=False) for payload in payloads))


def numbered(count: int, first: int = 0, size: int = 0) -> list[bytes]:
    return [(b'{"n":%d,"x":"' % n).ljust(size, b".") + b'"}' for n in range(first, first + count)]


def flushes(proxy: Sheaf) -> dict[str, float]:
    """Flushes by reason, those that happened."""
    counts = {reason: proxy.metric("sheaf_batch_flushes_total", reason=reason) for reason in REASONS}
    return {reason: count for reason, count in counts.items() if count}


def read_batch(socket: RawWebSocket, envelope: str = "json") -> list[bytes]:
    return [data for _, data in DECODERS[envelope](*socket.read_message())]


# ---- bounds

def test_size_sends_a_batch_of_exactly_that_many(start: Start) -> None:
    proxy, recorder = start({**NEVER, "size": 7})
    messages = numbered(14)
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        for message in messages[:7]:
            push(recorder, message)
        assert read_batch(socket) == messages[:7]
        push(recorder, *messages[7:])
        assert read_batch(socket) == messages[7:]
    assert flushes(proxy) == {"size": 2}
    assert proxy.metric("sheaf_batches_total", form="json") == 2
    assert proxy.metric("sheaf_batched_messages_total", form="json") == 14


def test_burst_over_size_is_cut_into_frames_of_that_size(start: Start) -> None:
    proxy, recorder = start({**NEVER, "size": 10})
    messages = numbered(100)
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        push(recorder, *messages)
        received: list[bytes] = []
        while len(received) < 100:
            batch = read_batch(socket)
            assert len(batch) <= 10
            received += batch
    assert received == messages


def test_max_bytes_sends_what_has_so_many(start: Start) -> None:
    proxy, recorder = start({**NEVER, "max_bytes": "4KiB"})
    messages = numbered(5, size=1000)
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        push(recorder, *messages)
        received = read_batch(socket)
        assert sum(map(len, received)) <= 4096, "a frame has more than batching.max_bytes"
        while len(received) < 5:
            received += read_batch(socket)
        assert received == messages
    assert flushes(proxy) == {"bytes": 1}


def test_timeout_sends_what_there_is(start: Start) -> None:
    proxy, recorder = start({"adaptive": False, "timeout": "100ms"})
    messages = numbered(5)
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        push(recorder, *messages)
        assert read_batch(socket) == messages
    assert flushes(proxy) == {"timeout": 1}


def test_nothing_leaves_while_no_bound_is_met(start: Start) -> None:
    """The twin of the three before: the figures show what waits."""
    proxy, recorder = start(NEVER)
    messages = numbered(5)
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        push(recorder, *messages)
        wait_until(lambda: proxy.metric("sheaf_buffered_messages") == 5, 3, "five messages wait")
        assert proxy.metric("sheaf_buffered_bytes") == sum(map(len, messages))
        assert not socket.ended(0.3) and not socket.buffer and flushes(proxy) == {}
    wait_until(lambda: proxy.metric("sheaf_buffered_messages") == 0, 3, "a session that ends leaves nothing behind")
    assert proxy.metric("sheaf_buffered_bytes") == 0


def test_lone_message_leaves_at_once(start: Start) -> None:
    """As shipped, but for a timeout that would be noticed."""
    proxy, recorder = start({"timeout": "10s"})
    with RawWebSocket(proxy.port, "/ws?sheaf=json", timeout=5) as socket:
        push(recorder, b"[1]")
        assert socket.read_message() == (TEXT, b"[1]")
    assert flushes(proxy) == {"at_once": 1}


@pytest.mark.parametrize("path", ["/ws", "/ws?sheaf=json"], ids=["cork", "json"])
def test_answers_leave_at_once_amid_a_stream(start: Start, path: str) -> None:
    """A client that asks and waits never pays for the batching of what is pushed: a timeout of 10 s would be felt."""
    proxy, recorder = start({"timeout": "10s", "size": 10_000})
    with RawWebSocket(proxy.port, path, timeout=5) as socket:
        received: list[Message] = []
        for n in range(20):
            push(recorder, b"[%d]" % n)
        for n in range(20, 30):
            socket.send_frame(TEXT, b"question")
            asked = len(recorder.latest.head) + (n - 19) * len(frame(TEXT, b"question"))
            wait_until(lambda: len(recorder.latest.connection.received) == asked, 3, "it arrives")  # noqa: B023
            push(recorder, b"[%d]" % n)
            while not received or received[-1][1] != b"[%d]" % n:
                received += decode_json(*socket.read_message())
        assert [data for _, data in received] == [b"[%d]" % n for n in range(30)]


def test_cork_writes_many_frames_at_once(start: Start) -> None:
    proxy, recorder = start({**NEVER, "delivery": "cork", "size": 50})
    messages = numbered(50)
    wire = b"".join(frame(TEXT, message, masked=False) for message in messages)
    with RawWebSocket(proxy.port, "/ws") as socket:
        for message in messages:
            push(recorder, message)
        assert socket.read(len(wire)) == wire
    assert flushes(proxy) == {"size": 1}
    assert proxy.metric("sheaf_batches_total", form="cork") == 1
    assert proxy.metric("sheaf_batched_messages_total", form="cork") == 50


# ---- drain

@pytest.mark.parametrize("path", ["/ws?sheaf=json", "/ws?sheaf=binary", "/ws"])
def test_drain_sends_what_is_gathered_before_the_close(start: Start, path: str) -> None:
    proxy, recorder = start(NEVER)
    messages = numbered(20)
    sockets = [RawWebSocket(proxy.port, path) for _ in range(10)]
    for request in recorder.requests:
        request.connection.send(b"".join(frame(TEXT, message, masked=False) for message in messages))
    wait_until(lambda: proxy.metric("sheaf_buffered_messages") == 200, 3, "all messages wait")
    proxy.signal(signal.SIGTERM)
    decode = DECODERS["json" if path.endswith("json") else "binary"]
    for socket in sockets:
        received: list[bytes] = []
        while len(received) < len(messages):
            received += [data for _, data in decode(*socket.read_message())]
        assert received == messages
        end = socket.read_frame()
        assert end is not None and end.code == 1012
        socket.send(frame(8, end.payload[:2]))
        socket.close()


# Each with a large message that goes out as it comes: fragments, parts of one frame, compressed parts, wrapped ones.
WAYS_OF_LARGE_MESSAGES = {
    "off": ("/off", ""),
    "cork": ("/ws", ""),
    "compressed": ("/ws", OFFER),
    "json": ("/ws?sheaf=json", ""),
    "compressed json": ("/ws?sheaf=json", OFFER),
    "compressed engineio": ("/ws?sheaf=engineio", OFFER),
}
LARGE = b'{"x":"' + random.Random(1).randbytes(500_000).hex().encode() + b'"}'
HALF = len(LARGE) // 2


def large_parts(fragmented: bool) -> tuple[bytes, bytes]:
    """A large message as a backend sends it, cut in the middle: within its frame, or between two fragments."""
    if not fragmented:
        whole = frame(TEXT, LARGE, masked=False)
        return whole[:HALF], whole[HALF:]
    return frame(TEXT, LARGE[:HALF], fin=False, masked=False), frame(0, LARGE[HALF:], masked=False)


def read_inflated(socket: RawWebSocket) -> bytes | int:
    """The next message, inflated where it is compressed; the code of a Close."""
    payload, compressed = b"", False
    while True:
        received = socket.read_frame()
        assert received is not None, "the connection ended without a Close"
        if received.opcode in (PING, PONG):
            continue
        if received.opcode == CLOSE:
            return received.code
        compressed |= received.rsv == RSV1
        payload += received.payload
        if received.fin:
            return inflated(payload) if compressed else payload


def start_halfway(start: Start, way: str, fragmented: bool, **sections: object) -> tuple[Sheaf, RawWebSocket, Connection]:
    """A session in the middle of the large message, which a drain has told to close."""
    path, fields = WAYS_OF_LARGE_MESSAGES[way]
    proxy, recorder = start({"timeout": "1ms"}, [{"path": "/off", "delivery": "off"}], **sections)
    socket = RawWebSocket(proxy.port, path, fields, timeout=20)
    first, backend = large_parts(fragmented)[0], recorder.latest.connection
    with RawWebSocket(proxy.port, "/ws") as bystander:
        before = proxy.metric("sheaf_upstream_received_bytes_total")
        backend.send(first)
        arrived = before + len(first)
        wait_until(lambda: proxy.metric("sheaf_upstream_received_bytes_total") >= arrived, 5, "the proxy has half of it")
        proxy.signal(signal.SIGTERM)
        # Sessions are told in the order in which they came.
        assert bystander.read_close().code == 1012
        bystander.send(close_frame(1012))
    return proxy, socket, backend


@pytest.mark.parametrize("fragmented", [False, True], ids=["one frame", "fragments"])
@pytest.mark.parametrize("way", WAYS_OF_LARGE_MESSAGES)
def test_drain_lets_a_message_end_that_is_half_sent(start: Start, way: str, fragmented: bool) -> None:
    proxy, socket, backend = start_halfway(start, way, fragmented, drain={"delay": "0s", "timeout": "10s"})
    with socket:
        backend.send(large_parts(fragmented)[1] + frame(TEXT, b"too late", masked=False))
        wrapping = b"\x1e" if "engineio" in way else b""
        assert read_inflated(socket) == wrapping + LARGE
        assert read_inflated(socket) == 1012
        socket.send(close_frame(1012))
    proxy.wait_for_log("end=drain", "messages_out=1 ")


@pytest.mark.parametrize("way", WAYS_OF_LARGE_MESSAGES)
def test_drain_does_not_wait_for_ever_for_the_rest_of_a_message(start: Start, way: str) -> None:
    """The twin: a backend that never sends the rest holds its session for websocket.close_timeout, no longer."""
    sections = {"websocket": {"close_timeout": "500ms"}, "drain": {"delay": "0s", "timeout": "20s"}}
    proxy, socket, _ = start_halfway(start, way, True, **sections)
    with socket:
        assert socket.read_close().code == 1012
    proxy.wait_for_log("end=drain", "messages_out=0 ")


# ---- critical rules

CRITICAL = [
    {"event": "alarm"},
    {"pointer": "/priority", "one_of": ["high", 1, True]},
    {"prefix": "!"},
    {"event": "kill", "overtake": True},
    {"prefix": "?", "overtake": True},
]


def test_critical_message_takes_along_what_is_gathered(start: Start) -> None:
    proxy, recorder = start(NEVER, [{"path": "/ws", "critical": CRITICAL}])
    criticals = [b'42["alarm",{}]', b'{"priority":"high"}', b'{"priority":1}', b'{"priority":true}',
                 b'42["x",{"priority":"high"}]']
    with RawWebSocket(proxy.port, "/ws?sheaf=binary") as socket:
        for number, critical in enumerate(criticals, 1):
            gathered = [b'{"priority":"low"}', b'{"priority":"1"}', b'42["alar",{}]', b'{"x":{"priority":"high"}}']
            push(recorder, *gathered, critical)
            assert read_batch(socket, "binary") == [*gathered, critical]
            assert flushes(proxy) == {"critical": number}
    assert proxy.metric("sheaf_critical_messages_total", route="/ws") == len(criticals)


def test_critical_message_that_is_not_json_keeps_its_place(start: Start) -> None:
    proxy, recorder = start(NEVER, [{"path": "/ws", "critical": CRITICAL}])
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        push(recorder, b"[1]", b"[2]", b"!help")
        assert read_batch(socket) == [b"[1]", b"[2]"]
        assert socket.read_message() == (TEXT, b"!help")
    assert proxy.metric("sheaf_critical_messages_total") == 1


@pytest.mark.parametrize("path", ["/ws?sheaf=engineio", "/ws"])
def test_overtaking_message_goes_ahead_and_leaves_the_queue(start: Start, path: str) -> None:
    proxy, recorder = start(NEVER, [{"path": "/ws", "critical": CRITICAL}])
    gathered = [b'42["a",1]', b'42["a",2]']
    with RawWebSocket(proxy.port, path) as socket:
        push(recorder, *gathered, b'42["kill",1]', b"?first", b'42["alarm",1]')
        received: list[bytes] = []
        while len(received) < 5:
            received += [data for _, data in DECODERS["engineio"](*socket.read_message())]
        assert received == [b'42["kill",1]', b"?first", *gathered, b'42["alarm",1]']


def test_rules_of_one_route_are_not_anothers(start: Start) -> None:
    proxy, recorder = start(NEVER, [{"path": "/ws", "critical": CRITICAL}, {"path": "/other"}])
    with RawWebSocket(proxy.port, "/other?sheaf=json"):
        push(recorder, b'{"priority":"high"}')
        wait_until(lambda: proxy.metric("sheaf_buffered_messages") == 1, 3, "it waits")


# ---- conflation

CONFLATE = [{"event": "price", "key": "/symbol"}, {"prefix": '{"kind":"q"', "key": "/id"}]


def price(symbol: str, value: int, event: str = "price") -> bytes:
    return b'42["%s",{"symbol":"%s","v":%d}]' % (event.encode(), symbol.encode(), value)


@pytest.mark.parametrize("path", ["/ws?sheaf=engineio", "/ws?sheaf=binary", "/ws"])
def test_newer_message_takes_the_place_of_the_gathered_one_with_its_key(start: Start, path: str) -> None:
    proxy, recorder = start({"adaptive": False, "timeout": "300ms"}, [{"path": "/ws", "conflate": CONFLATE}])
    keep = [b'42["trade",{"symbol":"A","v":1}]', b'421["price",{"symbol":"A","v":2}]', b'42["price",{"v":3}]',
            b'42["price"]', b'42/n,["price",{"symbol":"A","v":4}]', b'42["price",{"symbol":"a","v":4}]']
    sent = [price("A", 1), price("B", 1), *keep, price("A", 2), price("C", 1), price("A", 3), price("B", 2)]
    with RawWebSocket(proxy.port, path) as socket:
        push(recorder, *sent)
        expected = [*keep, price("C", 1), price("A", 3), price("B", 2)]
        received: list[bytes] = []
        envelope = path.partition("=")[2] or "engineio"
        while len(received) < len(expected):
            received += read_batch(socket, envelope)
        # A packet with an acknowledgement goes alone, so what is gathered before it leaves with it; the rest is one turn.
        assert received == expected
    assert proxy.metric("sheaf_conflated_messages_total", route="/ws") == 3


def test_conflated_messages_are_counted_by_rule(start: Start) -> None:
    proxy, recorder = start({"adaptive": False, "timeout": "300ms"}, [{"path": "/ws", "conflate": CONFLATE}])
    quotes = [b'{"kind":"q","id":%d,"v":%d}' % (n % 3, n) for n in range(30)]
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        push(recorder, *quotes)
        assert read_batch(socket) == quotes[27:]
    rules = {line.split('rule="')[1].rsplit('"', 1)[0]: float(line.split()[-1])
             for line in proxy.admin("/metrics")[1].splitlines()
             if line.startswith("sheaf_conflated_messages_total{")}
    assert sorted(rules.values()) == [0, 27]
    assert proxy.metric("sheaf_messages_to_clients_total") == 3


def test_without_rules_nothing_is_conflated(start: Start) -> None:
    proxy, recorder = start({"adaptive": False, "timeout": "200ms"})
    sent = [price("A", n) for n in range(10)]
    with RawWebSocket(proxy.port, "/ws?sheaf=engineio") as socket:
        push(recorder, *sent)
        assert read_batch(socket, "engineio") == sent


# ---- figures

def test_bytes_before_and_after_are_counted(start: Start) -> None:
    proxy, recorder = start({**NEVER, "size": 4})
    messages = numbered(4)
    with RawWebSocket(proxy.port, "/ws?sheaf=binary") as socket:
        push(recorder, *messages)
        kind, payload = socket.read_message()
        assert kind == BINARY
    assert proxy.metric("sheaf_batch_input_bytes_total") == sum(map(len, messages))
    header = 2 if len(payload) < 126 else 4
    assert proxy.metric("sheaf_batch_output_bytes_total") == len(payload) + header
    told = proxy.stats()["message_batcher"]["statistics"]
    assert (told["total_batches_sent"], told["total_messages"], told["avg_batch_size"]) == (1, 4, 4)


# ---- TLS

class TlsRecords:
    """A TLS client by hand, that sees the records which its plaintext came in."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._socket = sockets.create_connection(("127.0.0.1", port), timeout=10)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self._call(self._tls.do_handshake)

    def _call(self, action: Callable[[], object]) -> object:
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                self._socket.sendall(self._outgoing.read())
                self._incoming.write(self.read_record())
            finally:
                self._socket.sendall(self._outgoing.read())

    def read_record(self) -> bytes:
        head = self._exactly(5)
        return head + self._exactly(int.from_bytes(head[3:], "big"))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self._socket.recv(count - len(data))
            assert more, "the connection ended"
            data += more
        return data

    def write(self, data: bytes) -> None:
        self._call(lambda: self._tls.write(data))

    def read(self) -> bytes:
        """The plaintext of the records that it takes until there is some: of one, once the handshake is over."""
        return self._call(lambda: self._tls.read(1 << 20))  # type: ignore[return-value]


def test_corked_frames_share_a_tls_record(start: Start, certificate: Pair, client_tls: ssl.SSLContext) -> None:
    listen = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    proxy, recorder = start({**NEVER, "delivery": "cork", "size": 50}, listen=listen)
    messages = numbered(50, size=100)
    client = TlsRecords(proxy.port, client_tls)
    client.write(upgrade("/ws").replace("\n", "\r\n").encode())
    assert client.read().startswith(b"HTTP/1.1 101")
    for message in messages:
        push(recorder, message)
    assert client.read() == b"".join(frame(TEXT, message, masked=False) for message in messages)
