"""What relief from memory pressure does besides closing idle sessions: contexts, batches, and those that hold much."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

from harness.backend import Backend
from harness.cgroup import MIB
from harness.closings import Closings
from harness.frames import TEXT, RawWebSocket, frame
from harness.leaky import LONG_BATCHES, MakeLeaky, crowd, leaky, shed
from harness.ports import wait_until
from harness.pusher import Pusher
from harness.recorder import Recorder, upgrade_answer
from harness.sheaf import merged

# ---- compression contexts

CONTEXT = 38_720  # bytes: 12 window bits, memory level 5


def test_contexts_are_dropped_and_the_client_decodes_everything_that_follows(
    make_leaky: MakeLeaky, memory_app: Backend
) -> None:
    """Real clients with context takeover, through all levels and back; messages repeat, so that contexts pay off."""
    proxy = leaky(
        make_leaky, memory_app.url, idle_after="1h", sections={"deflate": {"threshold": 0}}
    )
    text = "the quick brown fox jumps over the lazy dog " * 20
    factory = ClientPerMessageDeflateFactory(client_max_window_bits=True)

    def talk(socket, name: int, round_number: int) -> None:  # noqa: ANN001
        for number in range(20):
            message = f"{name}:{round_number}:{number}:{text}"  # nobody else's, else it earns no context
            socket.send(message)
            assert socket.recv(timeout=10) == message

    with ExitStack() as stack:
        sockets = [
            stack.enter_context(connect(f"{proxy.ws_url}/ws/talk", extensions=[factory], compression=None))
            for _ in range(8)
        ]
        assert "permessage-deflate" in (sockets[0].response.headers["Sec-WebSocket-Extensions"] or "")
        ratios = {}
        for round_number, level in enumerate(("normal", "moderate", "high", "critical", "high", "moderate", "normal")):
            proxy.go_to(level)
            before = proxy.stats()["message_batcher"]["deflate"]
            for name, socket in enumerate(sockets):
                talk(socket, name, round_number)
            after = proxy.stats()["message_batcher"]["deflate"]
            ratios[f"{round_number} {level}"] = (after["compressed_bytes"] - before["compressed_bytes"]) / (
                after["plain_bytes"] - before["plain_bytes"]
            )
        print("compressed to:", {key: round(value, 3) for key, value in ratios.items()})
        # Without a context each message is compressed by itself, and comes out larger.
        assert ratios["2 high"] > 2 * ratios["0 normal"]
        assert ratios["6 normal"] < 2 * ratios["0 normal"], "contexts are kept again when memory is there"
        assert proxy.metric("sheaf_memory_relief_bytes_total", step="drop_contexts") >= len(sockets) * CONTEXT


def test_context_is_not_dropped_amid_a_large_message(make_leaky: MakeLeaky) -> None:
    """It comes in pieces, of which one context compresses all; the level changes in the middle of it."""
    first, rest = b"a" * (3 * MIB), b"b" * MIB
    go_on = threading.Event()

    def script(socket) -> None:  # noqa: ANN001
        for number in range(3):
            socket.send(f"before {number}")

        def pieces() -> Iterator[bytes]:
            yield first
            assert go_on.wait(30)
            yield rest

        socket.send(pieces(), text=True)
        for number in range(3):
            socket.send(f"after {number}")
        socket.recv()

    with Pusher(script) as pusher:
        proxy = leaky(
            make_leaky,
            pusher.url,
            idle_after="1h",
            sections={"deflate": {"threshold": 0}},
        )
        factory = ClientPerMessageDeflateFactory(client_max_window_bits=True)
        with connect(
            f"{proxy.ws_url}/ws", extensions=[factory], compression=None, max_size=None, close_timeout=1
        ) as socket:
            assert [socket.recv(timeout=10) for _ in range(3)] == [f"before {number}" for number in range(3)]
            wait_until(
                lambda: proxy.metric("sheaf_message_bytes_to_clients_total") > MIB, 10, "the message is on its way"
            )
            proxy.go_to("high")
            wait_until(lambda: proxy.relief("drop_contexts"), 10, "contexts are dropped")
            go_on.set()
            assert socket.recv(timeout=20, decode=False) == first + rest
            assert [socket.recv(timeout=10) for _ in range(3)] == [f"after {number}" for number in range(3)]


# ---- batches


def test_what_is_gathered_leaves_when_the_level_becomes_high(
    make_leaky: MakeLeaky, make_recorder: Callable[..., Recorder]
) -> None:
    recorder = make_recorder(upgrade_answer)
    proxy = leaky(
        make_leaky,
        recorder.url,
        idle_after="1h",
        sections=LONG_BATCHES,
    )
    with crowd(proxy, 1, "/ws?sheaf=json") as clients, Closings(clients) as closings:
        recorder.latest.connection.send(b"".join(frame(TEXT, b'{"n":%d}' % n, masked=False) for n in range(3)))
        wait_until(lambda: proxy.metric("sheaf_buffered_messages") == 3, 5, "three are gathered")
        proxy.go_to("high")
        wait_until(lambda: closings.messages[0], 5, "they leave")
        assert json.loads(closings.messages[0][0])["messages"] == [{"n": 0}, {"n": 1}, {"n": 2}]
        flushes = proxy.stats()["message_batcher"]["flushes"]
        assert flushes == {"pressure": 1}


def test_batches_wait_for_less_time_and_fewer_bytes_under_pressure(
    make_leaky: MakeLeaky, make_recorder: Callable[..., Recorder]
) -> None:
    recorder = make_recorder(upgrade_answer)
    proxy = leaky(
        make_leaky,
        recorder.url,
        idle_after="1h",
        sections=merged(LONG_BATCHES, {"batching": {"max_bytes": "64KiB", "size": 10_000}}),
    )
    count, size = 300, 1000
    messages = [(b'{"n":%d,"x":"' % n).ljust(size - 2, b"x") + b'"}' for n in range(count)]
    sent = b"".join(frame(TEXT, message, masked=False) for message in messages)

    def largest_batch(level: str) -> int:
        proxy.go_to(level)
        with crowd(proxy, 1, "/ws?sheaf=json") as clients, Closings(clients) as closings:
            recorder.latest.connection.send(sent)

            def batches() -> list[list[dict[str, object]]]:
                frames = [json.loads(one) for one in closings.messages[0]]
                return [one.get("messages", [one]) for one in frames]

            # What is left when all have come but those that wait for company.
            wait_until(lambda: sum(map(len, batches())) > count - 70, 10, "full batches")
            return max(map(len, batches()))

    assert 60 <= largest_batch("normal") <= 66
    assert 60 <= largest_batch("moderate") <= 66
    assert 14 <= largest_batch("high") <= 17

    # One message waits 2.5 s at high instead of 10.
    with crowd(proxy, 1, "/ws?sheaf=json") as clients, Closings(clients) as closings:
        started = time.monotonic()
        recorder.latest.connection.send(frame(TEXT, b'{"n":1}', masked=False))
        wait_until(lambda: closings.messages[0], 7, "it leaves early")
        assert time.monotonic() - started >= 2, "it did not wait at all"


# ---- critical: those that hold much


@pytest.mark.parametrize("delivery", ["off", "cork"])
@pytest.mark.parametrize("size", [1000, 40_000])
def test_client_that_does_not_read_is_gone_with_its_memory_at_critical(
    make_leaky: MakeLeaky, delivery: str, size: int
) -> None:
    """Wherever in a message its backend was stopped. Active ones that hold nothing stay, at the same level."""

    def script(socket) -> None:  # noqa: ANN001
        if socket.request.path == "/ws/flood":
            while True:
                socket.send(b"x" * size)
        for message in socket:
            socket.send(message)

    with Pusher(script) as pusher:
        proxy = leaky(
            make_leaky,
            pusher.url,
            idle_after="1h",
            sections={"websocket": {"close_timeout": "500ms"}, "batching": {"delivery": delivery}},
        )
        with ExitStack() as stack:
            active = stack.enter_context(RawWebSocket(proxy.port, "/ws/active"))
            active.check_echo(b"before")
            for _ in range(4):
                stack.enter_context(RawWebSocket(proxy.port, "/ws/flood", receive_buffer=4096))
            wait_until(lambda: proxy.metric("sheaf_backpressure_pauses_total") >= 4, 20, "four are stalled")
            held = proxy.memory["queued_bytes"] + proxy.memory["buffered_bytes"]
            assert held > MIB // 2
            proxy.go_to("critical")
            wait_until(
                lambda: proxy.memory["queued_bytes"] + proxy.memory["buffered_bytes"] == 0, 30, "their memory is free"
            )
            assert proxy.relief("shed_by_cost") == 4
            assert proxy.metric("sheaf_websocket_sessions") == 1
            wait_until(lambda: proxy.metric("sheaf_client_connections") == 1, 5, "their connections are gone")
            active.check_echo(b"after")


def test_slow_readers_are_left_alone_at_high(make_leaky: MakeLeaky) -> None:
    """The twin: by cost sessions are closed at critical only."""

    def script(socket) -> None:  # noqa: ANN001
        while True:
            socket.send(b"x" * 1000)

    with Pusher(script) as pusher:
        proxy = leaky(make_leaky, pusher.url, idle_after="1h")
        with RawWebSocket(proxy.port, "/ws/flood", receive_buffer=4096):
            wait_until(lambda: proxy.metric("sheaf_backpressure_pauses_total") >= 1, 20, "it is stalled")
            proxy.go_to("high")
            looks = proxy.memory["looks"]
            wait_until(lambda: proxy.memory["looks"] > looks + 100, 10, "it has been high for a while")
            assert shed(proxy) == 0
