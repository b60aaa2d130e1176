"""What a reload does to [batching] and to the rules of a route: sessions that live keep what they began with."""

from __future__ import annotations

import select

import pytest

from harness.fixtures import recorder_fixture, reloadable
from harness.frames import BINARY, TEXT, RawWebSocket, frame
from harness.helpers import BroadcastBackend
from harness.ports import wait_until
from harness.recorder import Connection, Recorder, upgrade_answer
from harness.reloading import BOTH_PLACES, ReloadableSheaf, new_sessions, where
from harness.sheaf import Conf, merged

# A batch leaves after a time that no test waits for.
BASE: Conf = {
    "workers": 1,
    "batching": {
        "delivery": "always",
        "adaptive": False,
        "timeout": "10s",
        "cork_timeout": "10s",
        "max_bytes": "200KiB",
    },
}
CORK: Conf = {"batching": {"delivery": "cork"}}


recorder = recorder_fixture(upgrade_answer, at_head=True)


running, proxy = reloadable(BASE, "recorder")


class Session:
    """A client's and the backend's end of a WebSocket."""

    def __init__(self, proxy: ReloadableSheaf, recorder: Recorder, path: str = "/ws") -> None:
        self.client = RawWebSocket(proxy.port, path)
        self._backend: Connection = recorder.latest.connection

    def push(self, *messages: bytes) -> None:
        """The backend sends these in one write."""
        self._backend.send(b"".join(frame(TEXT, message, masked=False) for message in messages))

    def gets_something(self, seconds: float) -> bool:
        return bool(self.client.buffer) or bool(select.select([self.client.socket], [], [], seconds)[0])

    def next(self) -> tuple[int, bytes]:
        return self.client.read_message()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()


SMALL = (b'{"n":1}', b'{"n":2}')
LARGE = (b'{"n":1,"x":"%s"}' % (b"x" * 800), b'{"n":2,"x":"%s"}' % (b"x" * 800))


@pytest.mark.parametrize(
    "option,value,base,messages",
    [
        ("size", 2, {}, SMALL),
        ("timeout", "50ms", {}, SMALL),
        ("cork_timeout", "50ms", CORK, SMALL),
        ("max_bytes", "1KiB", {}, LARGE),
        ("adaptive", True, {}, SMALL[:1]),
    ],
)
@BOTH_PLACES
@new_sessions("batching.size", "batching.timeout", "batching.cork_timeout", "batching.max_bytes", "batching.adaptive")
def test_when_a_batch_leaves(
    proxy: ReloadableSheaf, recorder: Recorder, option: str, value: object, base: Conf, messages: tuple[bytes, ...],
    in_route: bool,
) -> None:
    proxy.reload(base)
    with Session(proxy, recorder) as old:
        conf, routes = where(f"batching.{option}", value, in_route)
        proxy.reload(merged(base, conf), routes)
        with Session(proxy, recorder) as new:
            old.push(*messages)
            new.push(*messages)
            assert new.gets_something(2), "what the reload brought does not hold for a new session"
            assert not old.gets_something(0.3), "the living session has not kept its own"
        proxy.reload(base)
        with Session(proxy, recorder) as newest:
            newest.push(*messages)
            assert not newest.gets_something(0.3), "the former value does not come back"


@BOTH_PLACES
@new_sessions("batching.delivery")
def test_delivery(proxy: ReloadableSheaf, recorder: Recorder, in_route: bool) -> None:
    offer: Conf = {"batching": {"delivery": "offer", "size": 2}}
    proxy.reload(offer)
    with Session(proxy, recorder, "/ws?sheaf=json") as old:
        assert old.client.handshake.get("sheaf-batch") == "json"
        conf, routes = where("batching.delivery", "off", in_route)
        proxy.reload(merged(offer, conf), routes)
        with Session(proxy, recorder, "/ws?sheaf=json") as new:
            assert new.client.handshake.get("sheaf-batch") is None
            new.push(*SMALL)
            assert [new.next(), new.next()] == [(TEXT, message) for message in SMALL]
        old.push(*SMALL)
        assert old.next()[1].startswith(b'{"type":"batch","batch_size":2')


@BOTH_PLACES
@new_sessions("batching.envelope")
def test_envelope(proxy: ReloadableSheaf, recorder: Recorder, in_route: bool) -> None:
    of_two: Conf = {"batching": {"size": 2}}
    proxy.reload(of_two)
    with Session(proxy, recorder) as old:
        conf, routes = where("batching.envelope", "binary", in_route)
        proxy.reload(merged(of_two, conf), routes)
        with Session(proxy, recorder) as new:
            new.push(*SMALL)
            old.push(*SMALL)
            assert (new.next()[0], old.next()[0]) == (BINARY, TEXT)


@BOTH_PLACES
@pytest.mark.parametrize("option,value", [("max_rate", 1), ("max_bytes_rate", 1)])
@new_sessions("batching.max_rate", "batching.max_bytes_rate")
def test_rates(proxy: ReloadableSheaf, recorder: Recorder, option: str, value: int, in_route: bool) -> None:
    of_one: Conf = {"batching": {"size": 1}}
    proxy.reload(of_one)
    with Session(proxy, recorder) as old:
        conf, routes = where(f"batching.{option}", value, in_route)
        proxy.reload(merged(of_one, conf), routes)
        with Session(proxy, recorder) as new:
            for session in (old, new):
                session.push(*SMALL, *SMALL)
            assert [old.next() for _ in range(4)] == [(TEXT, message) for message in SMALL * 2]
            assert new.next() == (TEXT, SMALL[0])
            assert proxy.metric("sheaf_held_clients") == 1, "what the reload brought does not hold for a new session"


@BOTH_PLACES
@new_sessions("batching.slow_client")
def test_slow_client(make_reloadable, in_route: bool) -> None:
    marks: Conf = {"workers": 1, "limits": {"buffer_high": "64KiB", "buffer_low": "16KiB"}}
    with BroadcastBackend() as broadcaster:
        proxy: ReloadableSheaf = make_reloadable(broadcaster.url, marks)
        with RawWebSocket(proxy.port, "/old", receive_buffer=4096):
            proxy.reload(*where("batching.slow_client", "close", in_route))
            with RawWebSocket(proxy.port, "/new", receive_buffer=4096):
                broadcaster.tell({"messages": 300, "size": 32768})
                proxy.wait_for_log("access", "target=/new", "end=client_too_slow")
                assert proxy.metric("sheaf_websocket_sessions") == 1, "the living session has not kept its own"


ALERT = b'42["alert",{"n":1}]'
PRICES = [b'42["price",{"s":"A","n":%d}]' % number for number in range(3)]


def test_critical_rules_of_a_route(proxy: ReloadableSheaf, recorder: Recorder) -> None:
    """Both ways: a rule that comes with a reload, and one that it takes away. The message is the same all along: what
    one set of rules has made of it must not be taken for another's."""
    with_rule = [{"path": "/ws", "critical": [{"event": "alert"}]}]
    without = [{"path": "/ws"}]
    path, rounds = "/ws?sheaf=engineio", 6
    for number in range(2 * rounds):
        before, after = (without, with_rule) if number % 2 == 0 else (with_rule, without)
        proxy.reload(routes=before)
        with Session(proxy, recorder, path) as old:
            proxy.reload(routes=after)
            with Session(proxy, recorder, path) as new:
                old.push(ALERT)
                new.push(ALERT)
                has_rule, has_none = (new, old) if after is with_rule else (old, new)
                assert has_rule.gets_something(2), number
                assert not has_none.gets_something(0.1), number
    assert proxy.metric("sheaf_critical_messages_total", route="/ws", rule="alert") == 2 * rounds


def test_conflation_rules_of_a_route(proxy: ReloadableSheaf, recorder: Recorder) -> None:
    rule: Conf = {"path": "/ws", "conflate": [{"event": "price", "key": "/s"}]}
    proxy.reload(routes=[{"path": "/ws"}])
    with Session(proxy, recorder, "/ws?sheaf=engineio") as old:
        proxy.reload(routes=[rule])
        with Session(proxy, recorder, "/ws?sheaf=engineio") as new:
            before = proxy.metric("sheaf_conflated_messages_total", route="/ws")
            old.push(*PRICES)
            new.push(*PRICES)
            wait_until(lambda: proxy.metric("sheaf_buffered_messages") == 4, 3, "3 of the old one, 1 of the new one")
            assert proxy.metric("sheaf_conflated_messages_total", route="/ws") == before + 2
