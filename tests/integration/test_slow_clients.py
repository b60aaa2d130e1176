"""Clients that do not keep up: the four policies of batching.slow_client, and that nobody else notices."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest

from harness.decoding import DECODERS, Message
from harness.frames import BINARY, CLOSE, TEXT, RawWebSocket, close_frame
from harness.helpers import BroadcastBackend, Helper
from harness.ports import wait_until
from harness.pusher import Pusher
from harness.sheaf import Sheaf, is_sanitized, scaled

HIGH, LOW = 64 * 1024, 16 * 1024
MARKS = {"buffer_high": HIGH, "buffer_low": LOW}
# More than the kernel holds for a connection on both of its ends.
SIZE, COUNT = 4000, 6000
WAYS = ["/ws?sheaf=json", "/ws?sheaf=binary", "/ws"]


class Source:
    """Pushes numbered messages as fast as they are taken, and knows how far it has come."""

    def __init__(self, payload: Callable[[int], bytes], count: int = COUNT) -> None:
        self.payload, self.count = payload, count
        self.sent = 0
        self.finished = threading.Event()

    def __call__(self, socket) -> None:  # noqa: ANN001
        for number in range(self.count):
            socket.send(self.payload(number), text=True)
            self.sent = number + 1
        self.finished.set()
        socket.recv()

    def stands_still(self) -> bool:
        """Whether the proxy has stopped reading: nothing is taken for a while."""
        before = self.sent
        return not self.finished.wait(0.3) and 0 < before == self.sent


def numbered(number: int) -> bytes:
    return (b'{"n":%d,"x":"' % number).ljust(SIZE, b".") + b'"}'


def number_of(message: Message) -> int:
    return int(message[1][5 : message[1].index(b",")])


Start = Callable[..., tuple[Sheaf, Source, Pusher]]


@pytest.fixture
def start(make_sheaf) -> Iterator[Start]:
    pushers: list[Pusher] = []

    def make(policy: str, payload: Callable[[int], bytes] = numbered, route: dict[str, object] | None = None,
             **sections: object) -> tuple[Sheaf, Source, Pusher]:
        source = Source(payload)
        pushers.append(Pusher(source))
        conf = {"workers": 1, "limits": MARKS, "batching": {"slow_client": policy}, **sections}
        return make_sheaf(pushers[-1].url, conf, [{"path": "/ws", **(route or {})}]), source, pushers[-1]

    yield make
    for one in pushers:
        one.stop()


def slow_client(proxy: Sheaf, path: str) -> RawWebSocket:
    return RawWebSocket(proxy.port, path, receive_buffer=4096, timeout=20)


def messages_of(socket: RawWebSocket, path: str) -> Iterator[Message]:
    """All messages until the Close, which comes last, as (CLOSE, payload); nothing after an end without one."""
    decode = DECODERS.get(path.partition("sheaf=")[2], lambda kind, data: [(kind, data)])
    opcode, payload = 0, b""
    while (received := socket.read_frame()) is not None:
        opcode, payload = received.opcode or opcode, payload + received.payload
        if received.opcode == CLOSE:
            yield CLOSE, received.payload
            return
        if received.fin:
            yield from decode(opcode, payload)
            opcode, payload = 0, b""


def closes(proxy: Sheaf, reason: str) -> float:
    return proxy.metric("sheaf_websocket_closes_total", reason=reason)


# ---- the four policies

@pytest.mark.parametrize("path", WAYS)
def test_pause_is_felt_by_the_backend_and_loses_nothing(start: Start, path: str) -> None:
    proxy, source, _ = start("pause")
    with slow_client(proxy, path) as socket:
        wait_until(source.stands_still, 20, "the proxy stops reading")
        assert proxy.metric("sheaf_backpressure_pauses_total", side="upstream") >= 1
        assert proxy.metric("sheaf_buffered_bytes") <= 3 * HIGH
        numbers = messages_of(socket, path)
        assert [number_of(next(numbers)) for _ in range(COUNT)] == list(range(COUNT))
    assert proxy.metric("sheaf_dropped_messages_total") == 0


SYMBOLS = 8


def price(number: int) -> bytes:
    return (b'42["price",{"s":"%d","n":%d,"x":"' % (number % SYMBOLS, number)).ljust(SIZE, b".") + b'"}]'


CONFLATE = {"conflate": [{"event": "price", "key": "/s"}]}


def price_number(message: Message) -> int:
    return json.loads(message[1][2:])[1]["n"]


@pytest.mark.parametrize("path", ["/ws?sheaf=engineio", "/ws?sheaf=binary", "/ws"])
def test_conflate_keeps_the_newest_of_each_key(start: Start, path: str) -> None:
    proxy, source, _ = start("conflate", price, CONFLATE)
    with slow_client(proxy, path) as socket:
        assert source.finished.wait(30), "the proxy stopped reading, though all that waits can be conflated"
        received: list[int] = []
        newest = dict.fromkeys(range(SYMBOLS), -1)
        for message in messages_of(socket, path):
            number = price_number(message)
            assert newest[number % SYMBOLS] < number, "an older value came after a newer one"
            newest[number % SYMBOLS] = number
            received.append(number)
            if set(newest.values()) == set(range(COUNT - SYMBOLS, COUNT)):
                break
    assert len(received) < COUNT and sorted(received) == received
    assert proxy.metric("sheaf_conflated_messages_total", route="/ws") == COUNT - len(received)


def test_conflate_spares_the_clients_that_keep_up(start: Start) -> None:
    """Its rules act for slow clients alone."""
    proxy, source, _ = start("conflate", price, CONFLATE)
    source.count = 500
    with RawWebSocket(proxy.port, "/ws?sheaf=engineio", timeout=20) as socket:
        messages = messages_of(socket, "/ws?sheaf=engineio")
        first = next(messages)  # it reads from the first message on, though not always as fast as a loop can send
        received = [price_number(first)]
        while received[-1] != 499:
            received.append(price_number(next(messages)))
    assert len(received) == 500 - proxy.metric("sheaf_conflated_messages_total")


def seen_by(proxy: Sheaf) -> float:
    """How many messages the proxy has taken from the backend: passed on, dropped, or waiting."""
    names = ("sheaf_messages_to_clients_total", "sheaf_dropped_messages_total", "sheaf_buffered_messages")
    return sum(proxy.metric(name) for name in names)


@pytest.mark.parametrize("path", WAYS)
def test_drop_oldest_delivers_the_newest_in_order(start: Start, path: str) -> None:
    proxy, source, _ = start("drop_oldest")
    with slow_client(proxy, path) as socket:
        assert source.finished.wait(30), (
            f"the proxy stopped reading after {source.sent}, though the oldest may go: {proxy.stats()}")
        wait_until(lambda: seen_by(proxy) == COUNT, 5, "the proxy has read all of it")
        received: list[int] = []
        for message in messages_of(socket, path):
            received.append(number_of(message))
            if received[-1] == COUNT - 1:
                break
    assert sorted(set(received)) == received, "out of order, or repeated"
    dropped = proxy.metric("sheaf_dropped_messages_total", route="/ws")
    assert dropped == COUNT - len(received) > 0
    # What the kernel had taken is the beginning, and where its buffer grew meanwhile, some more; what is left of the
    # queue is the end, without a gap.
    gaps = [number for number, after in zip(received, received[1:], strict=False) if after != number + 1]
    assert gaps
    tail = COUNT - 1 - received[received.index(gaps[-1]) + 1]
    assert (tail + 1) * SIZE <= HIGH + SIZE


def test_drop_oldest_spares_acknowledgements_and_binary_events(start: Start) -> None:
    """On a Socket.IO session only events may be dropped; the rest makes the proxy pause at last."""
    def packet(number: int) -> bytes:
        if number % 20:
            return b'42["n",' + numbered(number) + b"]"
        return b"43%d[]" % number

    proxy, source, _ = start("drop_oldest", packet)
    path = "/ws?EIO=4&transport=websocket&sheaf=engineio"
    with slow_client(proxy, path) as socket:
        assert source.finished.wait(30)
        acks: list[int] = []
        for _, data in messages_of(socket, path):
            if data.startswith(b"43"):
                acks.append(int(data[2:-2]))
            elif b'"n":%d,' % (COUNT - 1) in data[:40]:
                break
    assert acks == list(range(0, COUNT, 20)), "an acknowledgement was dropped"
    assert proxy.metric("sheaf_dropped_messages_total") > 0


@pytest.mark.parametrize("path", WAYS)
def test_close_ends_the_session_with_1013(start: Start, path: str) -> None:
    proxy, source, _ = start("close")
    with slow_client(proxy, path) as socket:
        wait_until(lambda: closes(proxy, "client_too_slow") == 1, 20, "it is closed")
        proxy.wait_for_log("end=client_too_slow")
        assert not source.finished.is_set()
        received = list(messages_of(socket, path))
        numbers = [number_of(message) for message in received if message[0] in (TEXT, BINARY)]
        assert numbers == list(range(len(numbers))), "what arrived before the end is the beginning, whole"
        if received and received[-1][0] == CLOSE:
            assert int.from_bytes(received[-1][1][:2], "big") == 1013
    wait_until(lambda: proxy.metric("sheaf_buffered_messages") == 0, 3, "nothing is left behind")


@pytest.mark.parametrize("policy", ["pause", "conflate", "drop_oldest", "close"])
def test_burst_under_the_mark_is_nobodys_victim(start: Start, policy: str) -> None:
    """The twin of all four: 4 MB at once under a mark of 8 MiB, to a client that reads."""
    proxy, source, _ = start(policy, numbered, CONFLATE, limits={"buffer_high": 8 << 20, "buffer_low": LOW})
    source.count = 1000
    with RawWebSocket(proxy.port, "/ws?sheaf=json", timeout=20) as socket:
        numbers = messages_of(socket, "/ws?sheaf=json")
        assert [number_of(next(numbers)) for _ in range(1000)] == list(range(1000))
        socket.send(close_frame(1000))
    assert proxy.metric("sheaf_dropped_messages_total") == 0 == proxy.metric("sheaf_conflated_messages_total")
    assert closes(proxy, "client_too_slow") == 0


@pytest.mark.parametrize("policy", ["pause", "drop_oldest"])
def test_client_that_reads_nothing_is_closed_at_the_stall_timeout(start: Start, policy: str) -> None:
    """Hardening row 62."""
    proxy, _, _ = start(policy, timeouts={"stall": "1s"})
    with slow_client(proxy, "/ws?sheaf=json"):
        wait_until(lambda: closes(proxy, "client_stalled") == 1, 15, "it is closed")


def test_stall_timeout_does_not_fire_for_a_client_that_reads_slowly(start: Start) -> None:
    proxy, source, _ = start("pause", timeouts={"stall": "2s"})
    source.count = 50_000
    # A large socket buffer, and large reads: the kernel tells of room only when a third of its own buffer is free.
    with RawWebSocket(proxy.port, "/ws?sheaf=json") as socket:
        for _ in range(20):
            assert not source.finished.wait(0.2), "the backend was too fast for the test"
            assert socket.socket.recv(1 << 20)
    assert closes(proxy, "client_stalled") == 0


def test_policy_of_a_route_beats_the_global_one(start: Start) -> None:
    proxy, _, _ = start("pause", route={"slow_client": "close"})
    with slow_client(proxy, "/ws?sheaf=json"):
        wait_until(lambda: closes(proxy, "client_too_slow") == 1, 20, "it is closed")


# ---- a hundred among a thousand

CLIENTS, STALLED = scaled(1000, 200), scaled(100, 20)
# Each client's messages are its own: what waits for one is not what waits for another.
CALM, LOUD, FEW = 10, 120, 5  # messages to each; those of a stalled one are more than the kernel holds
# What begins alike is of one key, so a slow client gets the newest alone.
NEWEST = [{"prefix": '{"n":', "key": "/c"}]


@pytest.mark.parametrize("policy", ["pause", "conflate", "drop_oldest", "close"])
def test_stalled_clients_are_not_noticed_by_the_others(make_sheaf, policy: str) -> None:
    """The steady ones get every message, and memory stays within the marks. Delays: tests/bench.sh slow-clients."""
    conf = {"workers": 1, "limits": MARKS, "log": {"access": False}, "pool": {"max_size": 5000}}
    route = {"path": "/ws", "slow_client": policy, **({"conflate": NEWEST} if policy == "conflate" else {})}
    with BroadcastBackend() as backend:
        proxy = make_sheaf(backend.url, conf, [route])
        with Helper("listeners", port=proxy.port, clients=CLIENTS, stalling=STALLED, envelope="json") as listeners:
            calm = play(backend, listeners, 0, CALM)
            memory = proxy.memory_kib()
            stalling = listeners.tell("stall")
            loud = play(backend, listeners, CALM, LOUD)
            growth, waiting = proxy.memory_kib() - memory, backend.latest["buffered_most"]
            print(f"{policy}: memory +{growth} KiB with {STALLED} of {CLIENTS} stalled, of one of whom the backend "
                  f"holds {waiting} bytes")
            assert calm["wrong"] == 0 == loud["wrong"]
            assert (calm["received"], loud["received"]) == ((CLIENTS - STALLED) * CALM, (CLIENTS - STALLED) * LOUD)
            if not is_sanitized():
                # Besides, the worker remembers messages and frames of the last moments, 16 MiB of each at most.
                assert growth < STALLED * 2 * HIGH // 1024 + 2 * 16 * 1024
            check_what_became_of_the_stalled(proxy, policy)
            if policy == "pause":
                received = sum(one["stalling_received"] for one in (calm, stalling, loud))
                check_that_the_rest_arrives(listeners, STALLED * (CALM + LOUD) - received)
            else:
                assert waiting == 0, "the backend of a client that may lose messages is held up"


def check_what_became_of_the_stalled(proxy: Sheaf, policy: str) -> None:
    counts = {
        "pause": lambda: proxy.metric("sheaf_backpressure_pauses_total", side="upstream"),
        "conflate": lambda: proxy.metric("sheaf_conflated_messages_total", route="/ws"),
        "drop_oldest": lambda: proxy.metric("sheaf_dropped_messages_total", route="/ws"),
        "close": lambda: closes(proxy, "client_too_slow"),
    }
    # The kernel may take for one or another of them all that there is.
    assert counts[policy]() >= 0.9 * STALLED, f"{policy} did not act"
    assert counts["close"]() <= STALLED
    for other in counts.keys() - {policy}:
        assert counts[other]() == 0, f"{other} acted as well"


def check_that_the_rest_arrives(listeners: Helper, missing: float) -> None:
    """The stalled clients read again, and get what waited for them, in order."""
    reports = [listeners.tell("resume")]
    # As long as some more comes: through their small buffers it takes its time.
    while sum(one["stalling_received"] for one in reports) < missing:
        reports.append(wait_until(lambda: some_more(listeners), 20, "more of it comes"))
    assert sum(one["stalling_received"] for one in reports) == missing
    assert sum(one["stalling_wrong"] for one in reports) == 0


def some_more(listeners: Helper) -> dict[str, float] | None:
    report = listeners.tell("report")
    return report if report["stalling_received"] > 0 else None


def play(backend: BroadcastBackend, listeners: Helper, first: int, messages: int) -> dict[str, float]:
    """A round of messages to each client; the listeners' figures when the steady ones have all of it.

    A few at a time, the next when the steady ones have those: so none of them is slow, whatever else the machine does.
    """
    sums = dict.fromkeys(("received", "wrong", "stalling_received", "stalling_wrong"), 0)
    for begin in range(0, messages, FEW):
        backend.tell({"messages": FEW, "size": 4000, "pause": 0.01, "distinct": True, "first": first + begin})
        expected = (CLIENTS - STALLED) * (begin + FEW)

        def complete() -> bool:
            ledger = listeners.tell("report")
            for key in sums:
                sums[key] += ledger[key]
            return sums["received"] >= expected  # noqa: B023

        wait_until(complete, 30, f"the steady clients get all (so far {sums})", every=0.05)
    backend.tell({})
    return sums
