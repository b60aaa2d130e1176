"""Routes with batching.max_rate and max_bytes_rate, and what little waits in the kernel where it could be conflated.

Nothing is asserted on how long something takes: a rate bounds counts, by the time that the test itself has seen pass.
"""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from harness.decoding import DECODERS
from harness.frames import CLOSE, TEXT, RawWebSocket, close_frame, frame
from harness.ports import wait_until
from harness.recorder import Recorder, upgrade_answer
from harness.sheaf import Conf, Sheaf

ENVELOPES = ["", "json", "binary"]


@pytest.fixture
def recorder(make_recorder) -> Recorder:
    return make_recorder(upgrade_answer, at_head=True)


@pytest.fixture
def start(make_sheaf, recorder: Recorder):  # noqa: ANN201
    """start(route): a proxy with one worker in front of the recorder, with these keys of the route /ws."""

    def make(route: Conf, **sections: object) -> Sheaf:
        conf = {"workers": 1, "batching": {"max_bytes": "2KiB"}, **sections}
        return make_sheaf(recorder.url, conf, [{"path": "/ws", **route}])

    return make


class Client:
    """A client of /ws; what it reads, message by message."""

    def __init__(self, proxy: Sheaf, envelope: str = "", receive_buffer: int = 0, query: str = "") -> None:
        parts = [part for part in (query, f"sheaf={envelope}" if envelope else "") if part]
        path = "/ws" + ("?" + "&".join(parts) if parts else "")
        self.socket = RawWebSocket(proxy.port, path, timeout=20, receive_buffer=receive_buffer)
        self._decode = DECODERS.get(envelope, lambda opcode, payload: [(opcode, payload)])
        self._ready: list[tuple[int, bytes]] = []

    def next(self) -> tuple[int, bytes]:
        """The next message; (CLOSE, payload) for a Close."""
        while not self._ready:
            opcode, payload = self.socket.read_message()
            self._ready = [(opcode, payload)] if opcode == CLOSE else self._decode(opcode, payload)
        return self._ready.pop(0)

    def take(self, count: int) -> list[bytes]:
        return [self.next()[1] for _ in range(count)]


def push(recorder: Recorder, *payloads: bytes) -> None:
    recorder.latest.connection.send(b"".join(frame(TEXT, payload, masked=False) for payload in payloads))


def numbered(count: int) -> list[bytes]:
    return [(b'{"n":%d,"x":"' % number).ljust(98, b".") + b'"}' for number in range(count)]


# ---- messages a second

SYMBOLS = 5
CONFLATE: Conf = {"slow_client": "conflate", "conflate": [{"prefix": '{"s":', "key": "/s"}]}


def price(number: int) -> bytes:
    return b'{"s":%d,"n":%d}' % (number % SYMBOLS, number)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_conflated_to_a_rate_the_newest_of_each_key_arrives(start, recorder: Recorder, envelope: str) -> None:
    rate, rounds, each = 10, 40, 25
    proxy = start({**CONFLATE, "max_rate": rate})
    client = Client(proxy, envelope)
    began = time.monotonic()
    for number in range(rounds):
        push(recorder, *(price(number * each + one) for one in range(each)))
        time.sleep(0.05)
    newest: dict[int, int] = {}
    received = 0
    while set(newest.values()) != set(range(rounds * each - SYMBOLS, rounds * each)):
        message = json.loads(client.next()[1])
        assert newest.get(message["s"], -1) < message["n"], "an older value came after a newer one"
        newest[message["s"]] = message["n"]
        received += 1
    # Beyond the rate, a second's worth at first, and with the last that it lets go those that could be replaced.
    assert received <= rate * (time.monotonic() - began) + rate + SYMBOLS
    assert proxy.metric("sheaf_conflated_messages_total", route="/ws") == rounds * each - received > 0


@pytest.mark.parametrize("delivery", ["off", "offer"])
@pytest.mark.parametrize("bound", [{"max_rate": 500}, {"max_bytes_rate": 50_000}])
def test_paced_with_pause_all_arrives_in_order(start, recorder: Recorder, delivery: str, bound: Conf) -> None:
    count, rate = 1500, 500
    proxy = start({"delivery": delivery, **bound}, limits={"buffer_high": "32KiB", "buffer_low": "8KiB"})
    client = Client(proxy)
    messages = numbered(count)
    assert {len(message) for message in messages} == {100}
    began = time.monotonic()
    push(recorder, *messages)
    assert client.take(count) == messages
    # As many were there at first, and have come back since then; one goes beyond the bytes.
    assert count <= rate * (time.monotonic() - began) + rate + 1
    assert proxy.metric("sheaf_backpressure_pauses_total", side="upstream") >= 1
    assert proxy.metric("sheaf_held_clients") == 0
    assert proxy.metric("sheaf_buffered_messages") == 0


def test_under_the_rate_nothing_is_held(start, recorder: Recorder) -> None:
    proxy = start({**CONFLATE, "max_rate": 1000, "adaptive": True})
    client = Client(proxy)
    for number in range(20):
        push(recorder, price(number))
        assert client.take(1) == [price(number)]
    assert proxy.metric("sheaf_conflated_messages_total") == 0


def test_drop_oldest_drops_what_the_rate_holds(start, recorder: Recorder) -> None:
    proxy = start({"slow_client": "drop_oldest", "max_rate": 20}, limits={"buffer_high": "8KiB", "buffer_low": "2KiB"})
    client = Client(proxy)
    messages = numbered(2000)
    push(recorder, *messages)
    wait_until(lambda: proxy.metric("sheaf_dropped_messages_total", route="/ws") > 1500, 10, "the oldest go")
    received = client.take(1)
    while received[-1] != messages[-1]:
        received += client.take(1)
    assert received == sorted(received, key=messages.index), "out of order"
    assert proxy.metric("sheaf_dropped_messages_total", route="/ws") == 2000 - len(received)
    assert proxy.metric("sheaf_backpressure_pauses_total", side="upstream") == 0


def test_close_is_not_the_answer_to_a_rate(start, recorder: Recorder) -> None:
    """The client is not slow: the backend is paused."""
    proxy = start({"slow_client": "close", "max_rate": 500}, limits={"buffer_high": "16KiB", "buffer_low": "4KiB"})
    client = Client(proxy)
    messages = numbered(1000)
    push(recorder, *messages)
    assert client.take(1000) == messages
    assert proxy.metric("sheaf_websocket_closes_total", reason="client_too_slow") == 0


# ---- what is not held

# One a second: were it held, the test would end at the client's time-out.
STRICT: Conf = {"max_rate": 1, "adaptive": False, "timeout": "10ms"}
MANY = 60


def test_critical_message_takes_along_what_was_before_it(start, recorder: Recorder) -> None:
    proxy = start({**STRICT, "critical": [{"pointer": "/critical", "equals": True}]})
    client = Client(proxy)
    messages = numbered(MANY)
    push(recorder, *messages)
    wait_until(lambda: proxy.metric("sheaf_held_clients") == 1, 5, "the rate holds them")
    push(recorder, b'{"critical":true}')
    assert client.take(MANY + 1) == [*messages, b'{"critical":true}']
    assert proxy.metric("sheaf_batch_flushes_total", reason="critical") == 1
    assert proxy.metric("sheaf_held_clients") == 0


def test_acknowledgement_is_not_held(start, recorder: Recorder) -> None:
    proxy = start(STRICT)
    client = Client(proxy, "engineio", query="EIO=4&transport=websocket")
    events = [b'42["n",%d]' % number for number in range(MANY)]
    push(recorder, *events)
    wait_until(lambda: proxy.metric("sheaf_held_clients") == 1, 5, "the rate holds them")
    push(recorder, b"431[]")
    assert client.take(MANY + 1) == [*events, b"431[]"]


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_end_of_a_session_flushes_what_is_held(start, recorder: Recorder, envelope: str) -> None:
    proxy = start(STRICT)
    client = Client(proxy, envelope)
    messages = numbered(MANY)
    push(recorder, *messages)
    wait_until(lambda: proxy.metric("sheaf_held_clients") == 1, 5, "the rate holds them")
    recorder.latest.connection.send(close_frame(1000, masked=False))
    assert client.take(MANY) == messages
    assert client.next()[0] == CLOSE
    wait_until(lambda: proxy.metric("sheaf_held_clients") == 0, 5, "nobody is held")


def test_drain_flushes_what_is_held(start, recorder: Recorder) -> None:
    proxy = start(STRICT)
    client = Client(proxy)
    messages = numbered(MANY)
    push(recorder, *messages)
    wait_until(lambda: proxy.metric("sheaf_held_clients") == 1, 5, "the rate holds them")
    proxy.signal(signal.SIGTERM)
    assert client.take(MANY) == messages
    opcode, payload = client.next()
    assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, 1012)


# ---- what waits in the kernel

def unacknowledged(proxy: Sheaf, client: RawWebSocket) -> int:
    """Bytes that the kernel holds of what the proxy has sent to the client (the tx_queue of /proc/net/tcp)."""
    ports = (proxy.port, client.socket.getsockname()[1])
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if tuple(int(fields[at].rsplit(":", 1)[1], 16) for at in (1, 2)) == ports:
            return int(fields[4].split(":")[0], 16)
    raise AssertionError("the proxy has no such connection")


FLOOD, KEYS = 40_000, 50


def quote(number: int) -> bytes:
    return (b'{"s":%d,"n":%d,"x":"' % (number % KEYS, number)).ljust(98, b".") + b'"}'


def flood(proxy: Sheaf, recorder: Recorder) -> tuple[Client, int]:
    """A client that reads nothing while all quotes come that the proxy takes, and what the kernel then holds."""
    client = Client(proxy, receive_buffer=4096)
    for first in range(0, FLOOD, 1000):
        recorder.latest.connection.send(
            b"".join(frame(TEXT, quote(number), masked=False) for number in range(first, first + 1000)))
    taken = ("sheaf_messages_to_clients_total", "sheaf_conflated_messages_total", "sheaf_dropped_messages_total",
             "sheaf_buffered_messages")
    wait_until(lambda: sum(proxy.metric(name) for name in taken) == FLOOD, 30, "the proxy has taken all of it")
    return client, unacknowledged(proxy, client.socket)


# Each with how many of the newest must be there: one of each key, or what fits under the low mark.
@pytest.mark.parametrize("route,least", [
    ({"slow_client": "conflate", "conflate": [{"prefix": '{"s":', "key": "/s"}]}, KEYS),
    ({"slow_client": "drop_oldest"}, 20),
], ids=["conflate", "drop_oldest"])
def test_little_waits_in_the_kernel_where_it_could_be_replaced(
    start, recorder: Recorder, route: Conf, least: int
) -> None:
    proxy = start(route, limits={"buffer_high": "16KiB", "buffer_low": "4KiB"})
    client, held = flood(proxy, recorder)
    # The mark at first, the client's window, and what left in the turn in which the mark was reached.
    assert held < 100 * 1024, "much was given to the kernel that the client did not take"
    received = []
    while not received or received[-1] != FLOOD - 1:
        received.append(json.loads(client.next()[1])["n"])
    assert received == sorted(received)
    assert received[-least:] == list(range(FLOOD - least, FLOOD)), "the newest did not all arrive"


def test_the_kernel_holds_what_it_will_of_a_route_that_drops_nothing(start, recorder: Recorder) -> None:
    """The twin: the same client of a route that only pauses."""
    proxy = start({}, limits={"buffer_high": "64MiB", "buffer_low": "16KiB"})
    _, held = flood(proxy, recorder)
    assert held > 200 * 1024
