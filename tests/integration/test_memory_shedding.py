"""Idle sessions are closed when memory runs short: which ones, in which order, how fast, and what their clients see."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from harness.backend import Backend
from harness.clients_js import CLIENTS, MODULES
from harness.closings import Closings
from harness.frames import CLOSE, CONTINUATION, PING, TEXT, RawWebSocket, frame
from harness.leaky import LONG_BATCHES, MakeLeaky, crowd, grow_old, leaky, shed
from harness.ports import wait_until
from harness.pusher import Pusher
from harness.raw import get
from harness.recorder import Recorder, upgrade_answer
from harness.sheaf import is_sanitized, scaled

SHED_CODE, SHED_REASON = 1013, "memory is short; try again later"


# ---- which, in which order, how fast


@pytest.mark.parametrize("workers", [1, 2])
def test_idle_sessions_go_longest_idle_first_and_no_faster_than_the_rate(
    make_leaky: MakeLeaky, memory_app: Backend, workers: int
) -> None:
    """Hardening row 65, its first half. The groups were last active in another order than that in which they came."""
    rate, size = 20, scaled(20, 12)
    proxy = leaky(make_leaky, memory_app.url, shed_rate=rate, workers=workers, idle_after="1s")
    order = [2, 0, 4, 1, 3]
    with crowd(proxy, size * len(order)) as clients, Closings(clients) as closings:
        for group in order:
            for index in range(group * size, (group + 1) * size):
                clients[index].send(frame(TEXT, b"here"))
            wait_until(
                lambda: all(closings.messages[index] for index in range(group * size, (group + 1) * size)),  # noqa: B023
                10,
                "the group's echoes",
            )
            grow_old(proxy, 1.2)
        proxy.go_to("moderate")
        assert closings.closed == []
        started = time.monotonic()
        proxy.hold(proxy._held + 30 * (4 if is_sanitized() else 1))  # noqa: SLF001  (from 66 to over 72 %)
        closed = closings.wait_for(len(clients), 60)
        ledger: dict[int, int] = {}
        for one in closed:
            ledger[int(one.at - started)] = ledger.get(int(one.at - started), 0) + 1
        print(f"{workers} workers: closed in each second: {ledger}")
        assert {(one.code, one.reason) for one in closed} == {(SHED_CODE, SHED_REASON)}
        if workers == 1:
            groups = [one.index // size for one in closed]
            assert groups == [group for group in order for _ in range(size)]
        # A late client or a busy machine can only make a Close come later, never earlier than the pace allows.
        for count, one in enumerate(closed, start=1):
            allowed = rate * (one.at - started + 0.2) + workers
            assert count <= allowed, f"{count} were closed within {one.at - started:.2f} s at {rate} a second"
    assert shed(proxy) == len(clients) == proxy.relief("shed_idle")


def test_order_within_a_group_is_by_the_last_message_to_the_second(make_leaky: MakeLeaky, memory_app: Backend) -> None:
    """Messages every 100 ms, each by another client: activity is noted at least once a second for each."""
    count = scaled(40, 20)
    proxy = leaky(make_leaky, memory_app.url, shed_rate=10, idle_after="1s")
    with crowd(proxy, count) as clients, Closings(clients) as closings:
        last = [0.0] * count
        for turn in range(2 * count):
            index = (7 * turn) % count
            seen = len(closings.messages[index])
            clients[index].send(frame(TEXT, b"here"))
            wait_until(lambda: len(closings.messages[index]) > seen, 10, "the echo")  # noqa: B023
            last[index] = time.monotonic()
            grow_old(proxy, 0.05)
        grow_old(proxy)
        proxy.go_to("high")
        order = [last[one.index] for one in closings.wait_for(count, 60)]
        for earlier, later in zip(order, order[1:], strict=False):
            assert earlier <= later + 1, "one that was active later was closed earlier"


def test_sessions_that_are_not_idle_for_long_enough_are_left_alone(make_leaky: MakeLeaky, memory_app: Backend) -> None:
    proxy = leaky(make_leaky, memory_app.url, idle_after="1h")
    with crowd(proxy, 20) as clients, Closings(clients) as closings:
        grow_old(proxy)
        proxy.go_to("high")
        looks = proxy.memory["looks"]
        wait_until(lambda: proxy.memory["looks"] > looks + 25, 10, "it has been high for a while")
        assert closings.closed == [] and shed(proxy) == 0


@pytest.mark.parametrize("level", ["normal", "moderate"])
def test_nobody_is_shed_below_high(make_leaky: MakeLeaky, memory_app: Backend, level: str) -> None:
    proxy = leaky(make_leaky, memory_app.url)
    with crowd(proxy, 20) as clients, Closings(clients) as closings:
        grow_old(proxy)
        proxy.go_to(level)
        looks = proxy.memory["looks"]
        wait_until(lambda: proxy.memory["looks"] > looks + 25, 10, "the level lasts for a while")
        assert closings.closed == [] and shed(proxy) == 0


def test_shedding_ends_when_memory_comes_back_and_the_rest_stays(make_leaky: MakeLeaky, memory_app: Backend) -> None:
    proxy = leaky(make_leaky, memory_app.url, shed_rate=10)
    with crowd(proxy, 100) as clients, Closings(clients) as closings:
        grow_old(proxy)
        proxy.go_to("high")
        closings.wait_for(5, 20)
        proxy.go_to("moderate")
        stayed = len(clients) - shed(proxy)
        looks = proxy.memory["looks"]
        wait_until(lambda: proxy.memory["looks"] > looks + 50, 10, "a second without pressure")
        assert 0 < stayed == len(clients) - shed(proxy)
        assert proxy.metric("sheaf_websocket_sessions") == stayed


# ---- what counts as activity


def keep_sending(clients: list[RawWebSocket], data: Callable[[], bytes], stop: threading.Event) -> threading.Thread:
    """Sends to all every 100 ms, from a thread, until told to stop."""

    def run() -> None:
        while not stop.wait(0.1):
            for client in clients:
                client.send_quietly(data())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_pings_and_pongs_do_not_count_as_activity(make_leaky: MakeLeaky, memory_app: Backend) -> None:
    """Neither the client's pings, nor its Pongs to ours, nor Pongs that nobody asked for."""
    proxy = leaky(make_leaky, memory_app.url, sections={"websocket": {"ping_interval": "200ms", "ping_timeout": "20s"}})
    stop = threading.Event()
    with crowd(proxy, 9) as clients, Closings(clients) as closings:
        threads = [
            keep_sending(clients[:3], lambda: frame(PING, b"p"), stop),
            keep_sending(clients[3:6], lambda: frame(10, b"unasked"), stop),
        ]
        grow_old(proxy)
        assert all(count > 0 for count in closings.pings[6:]), "Sheaf pings those who are silent"
        proxy.go_to("high")
        closings.wait_for(9, 20)
        stop.set()
        for thread in threads:
            thread.join()
        assert {one.code for one in closings.closed} == {SHED_CODE}


def test_engine_io_pings_do_not_count_as_activity(make_leaky: MakeLeaky, memory_app: Backend) -> None:
    """The backend pings every 200 ms, the client answers each: an exchange of messages, but nobody is there."""
    proxy = leaky(make_leaky, memory_app.url, idle_after="1s")
    pings = 0
    with RawWebSocket(proxy.port, "/socket.io/?EIO=4&transport=websocket") as socket:
        assert socket.read_message()[1].startswith(b"0{")
        socket.send(frame(TEXT, b"40"))
        assert socket.read_message()[1].startswith(b"40{")
        while True:
            opcode, payload = socket.read_message()
            if opcode == CLOSE:
                break
            assert payload == b"2"
            socket.send(frame(TEXT, b"3"))
            pings += 1
            if pings == 10:
                proxy.go_to("high")
        assert int.from_bytes(payload[:2], "big") == SHED_CODE
    assert pings >= 10


def test_application_messages_in_either_direction_count(make_leaky: MakeLeaky) -> None:
    """The one who sends, the one who is sent to, and the one in between who does neither."""
    stop = threading.Event()

    def script(socket) -> None:  # noqa: ANN001
        if socket.request.path != "/ws/pushed":
            for _ in socket:  # takes everything, says nothing
                pass
        while not stop.wait(0.1):
            socket.send("news")

    with Pusher(script) as pusher:
        proxy = leaky(make_leaky, pusher.url)
        with ExitStack() as stack:
            clients = [
                stack.enter_context(RawWebSocket(proxy.port, path)) for path in ("/ws/sender", "/ws/pushed", "/ws/idle")
            ]
            closings = stack.enter_context(Closings(clients))
            thread = keep_sending(clients[:1], lambda: frame(TEXT, b"x"), stop)
            grow_old(proxy)
            proxy.go_to("high")
            closings.wait_for(1, 10)
            grow_old(proxy)
            assert closings.indices == [2]
            assert len(closings.messages[1]) > 20
            stop.set()
            thread.join()
    assert proxy.relief("shed_idle") == 1


def test_single_character_message_of_a_plain_session_counts(make_leaky: MakeLeaky, memory_app: Backend) -> None:
    """Only Engine.IO's sessions have pings that look like "2"."""
    proxy = leaky(make_leaky, memory_app.url)
    stop = threading.Event()
    with crowd(proxy, 2) as clients, Closings(clients) as closings:
        thread = keep_sending(clients[:1], lambda: frame(TEXT, b"2"), stop)
        grow_old(proxy)
        proxy.go_to("high")
        closings.wait_for(1, 10)
        grow_old(proxy)
        assert closings.indices == [1]
        stop.set()
        thread.join()


# ---- who is never closed


def test_route_with_shed_false_is_exempt(make_leaky: MakeLeaky, memory_app: Backend) -> None:
    proxy = leaky(make_leaky, memory_app.url, [{"path": "/ws/vip", "shed": False}])
    with crowd(proxy, 5, "/ws/vip") as vips, crowd(proxy, 5) as others, Closings([*vips, *others]) as closings:
        grow_old(proxy)
        proxy.go_to("critical")
        closings.wait_for(5, 20)
        grow_old(proxy)
        assert sorted(closings.indices) == [5, 6, 7, 8, 9]
        vips[0].send(frame(TEXT, b"still here"))
        wait_until(lambda: closings.messages[0] == [b"still here"], 5, "the echo")


MESSAGE = b"half a message is no message"


@pytest.mark.parametrize(
    "first,second",
    [
        (frame(TEXT, MESSAGE)[:1], 1),
        (frame(TEXT, MESSAGE)[:5], 5),
        (frame(TEXT, MESSAGE)[:9], 9),
        (b"", 0),
    ],
    ids=["one byte of a header", "amid the mask", "amid the payload", "between two fragments"],
)
def test_client_amid_a_message_is_never_cut_off(
    make_leaky: MakeLeaky, memory_app: Backend, first: bytes, second: int
) -> None:
    proxy = leaky(make_leaky, memory_app.url)
    if first:
        whole = first[:1] + frame(TEXT, MESSAGE)[1:]
        parts = [whole[:second], whole[second:]]
    else:
        parts = [frame(TEXT, MESSAGE[:10], fin=False), frame(CONTINUATION, MESSAGE[10:])]
    with crowd(proxy, 2) as clients, Closings(clients) as closings:
        clients[0].send(parts[0])
        grow_old(proxy)
        proxy.go_to("high")
        closings.wait_for(1, 10)
        grow_old(proxy)
        assert closings.indices == [1]
        clients[0].send(parts[1])
        wait_until(lambda: closings.messages[0] == [MESSAGE], 5, "the echo of the whole message")
        closings.wait_for(2, 10)  # once it is idle again
        assert closings.closed[1].code == SHED_CODE


@pytest.mark.parametrize("delivery", ["off", "cork"])
def test_backend_amid_a_message_is_never_cut_off(
    make_leaky: MakeLeaky, make_recorder: Callable[..., Recorder], delivery: str
) -> None:
    recorder = make_recorder(upgrade_answer)
    proxy = leaky(make_leaky, recorder.url, sections={"batching": {"delivery": delivery}, "pool": {"min_size": 0}})
    with crowd(proxy, 1) as clients, Closings(clients) as closings:
        backend = recorder.latest.connection
        backend.send(frame(TEXT, b"one ", fin=False, masked=False))
        grow_old(proxy)
        proxy.go_to("critical")
        grow_old(proxy)
        assert closings.closed == []
        backend.send(frame(CONTINUATION, b"two", masked=False))
        closings.wait_for(1, 10)
        assert b"".join(closings.messages[0]) == b"one two"
        assert closings.closed[0].code == SHED_CODE


def test_unflushed_batch_is_sent_before_anybody_is_closed(
    make_leaky: MakeLeaky, make_recorder: Callable[..., Recorder]
) -> None:
    """At high a batch waits a quarter of batching.timeout: longer here than it takes to be idle."""
    recorder = make_recorder(upgrade_answer)
    proxy = leaky(
        make_leaky,
        recorder.url,
        idle_after="200ms",
        sections=LONG_BATCHES,
    )
    proxy.go_to("high")
    with crowd(proxy, 1, "/ws?sheaf=json") as clients, Closings(clients) as closings:
        recorder.latest.connection.send(frame(TEXT, b'{"n":1}', masked=False))
        closings.wait_for(1, 20)
        assert closings.messages[0] == [b'{"n":1}']
        assert closings.closed[0].code == SHED_CODE
    flushes = proxy.stats()["message_batcher"]["flushes"]
    assert flushes == {"timeout": 1}, "its Close did not wait for the batch"


# ---- what both sides see


def test_backend_sees_the_code_of_the_close(make_leaky: MakeLeaky, memory_app: Backend) -> None:
    """Of the client's answer; without one its end is like any client's that vanishes."""
    proxy = leaky(make_leaky, memory_app.url, sections={"websocket": {"close_timeout": "300ms"}})
    with RawWebSocket(proxy.port, "/ws/a?tag=answers") as polite, RawWebSocket(proxy.port, "/ws/a?tag=mute") as mute:
        with Closings([polite]) as closings:
            grow_old(proxy)
            proxy.go_to("high")
            closings.wait_for(1, 10)
            assert mute.read_close().code == SHED_CODE
            codes = wait_until(
                lambda: (
                    {"answers", "mute"} <= (seen := json.loads(get(memory_app.port, "/closes").body)).keys() and seen
                ),
                10,
                "both ends are told to the backend",
            )
    assert codes["answers"] == SHED_CODE
    assert codes["mute"] in (1005, 1006)
    proxy.wait_for_log("end=memory_shed", "close_code=1013")


def test_socketio_client_loses_its_transport_and_comes_back_by_itself(
    make_leaky: MakeLeaky, memory_app: Backend
) -> None:
    proxy = leaky(make_leaky, memory_app.url, idle_after="1s")
    with subprocess.Popen(
        ["node", str(CLIENTS / "socketio_shed.cjs"), proxy.url],
        env={**os.environ, "NODE_PATH": str(MODULES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        seen: list[dict[str, str]] = []
        lines: queue.Queue[str] = queue.Queue()
        assert client.stdout and client.stdin
        threading.Thread(target=lambda: [lines.put(line) for line in client.stdout], daemon=True).start()

        def next_event() -> dict[str, str]:
            while True:
                seen.append(json.loads(lines.get(timeout=20)))
                if "event" in seen[-1]:
                    return seen[-1]

        assert next_event()["event"] == "connect"
        proxy.go_to("high")
        assert next_event() == {"event": "disconnect", "reason": "transport close"}
        proxy.go_to("normal")
        assert next_event()["event"] == "connect", "it does not come back"
        packets = [one for one in seen if "packet" in one]
        # A DISCONNECT (Engine.IO "4", Socket.IO "1") would have told it not to come back.
        assert not [one for one in packets if one["packet"] == "message" and one["data"].startswith("1")]
        assert not [one for one in packets if one["packet"] == "close"]
        grow_old(proxy, 2.5)  # more than twice idle_after
        client.stdin.write("say something\n")
        client.stdin.flush()
        assert next_event() == {"event": "answer", "value": "hello"}, "it stays when the level is normal"
        client.stdin.close()
    assert shed(proxy) == 1
