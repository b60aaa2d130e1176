"""Who is connected, as the admin listener shows it: each row and one session's detail, filters, order, pages, rates."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
import socketio
from websockets.sync.client import connect

from harness.connecting import CONF, Row, connection, connections, ids, opened_as, push_to, row_of, rows
from harness.frames import RawWebSocket
from harness.modes import Served, served_in
from harness.ports import wait_until
from harness.raw import RawClient
from harness.reloading import ReloadableSheaf

APP = "harness.push_app:app"

served = served_in("tunnel", "mux", app=APP, conf=CONF)


@pytest.fixture
def proxy(served: Served) -> Iterator[ReloadableSheaf]:
    """The file's proxy, with nobody connected before and after."""
    wait_until(lambda: connections(served.sheaf)["total"] == 0, 10, "nobody is connected")
    yield served.sheaf


# ---- one session


def test_row_and_detail(served: Served, proxy: ReloadableSheaf) -> None:
    """What the client sent, what has passed, and how it is led; the query as the log shows it."""
    headers = {"X-Request-ID": "asked-1", "traceparent": f"00-{'a1' * 16}-{'b2' * 8}-01"}
    agent = 'Agent "quoted" \\ <x>'
    before = time.time()
    with connect(
        f"{proxy.ws_url}/ws/x?token=s3cr3t&EIO=4",
        additional_headers={"X-User-ID": "alice", **headers},
        user_agent_header=agent,
    ) as socket:
        for text in ("hello", "again", "é"):
            socket.send(text)
            assert socket.recv(timeout=10) == text
        row = row_of(proxy, "alice")
        status, detail = connection(proxy, row["id"])
        line = proxy.admin(f"/connections/{row['id']}")[1]
    assert status == 200
    expected: dict[str, Any] = {
        "user": "alice",
        "path": "/ws/x?token=-&EIO=4",
        "route": "/",
        "backend": "default",
        "endpoint": f"127.0.0.1:{served.backend.port}",
        "state": "active",
        "client": "127.0.0.1",
        "queued_bytes": 0,
        "messages_in": 3,
        "messages_out": 3,
        "bytes_in": 12,
        "bytes_out": 12,
        "frames_out": 3,
        "batch_ratio": 1,
        "delivery": "cork",
        "compression": "shared",
    }
    moving = {"id", "age_seconds", "idle_seconds"}
    assert {key: row[key] for key in row if key not in moving} == expected
    assert {key: detail[key] for key in row if key not in moving} == expected
    assert 0 <= row["idle_seconds"] <= row["age_seconds"] < 60
    more = {key: detail[key] for key in detail if key not in row}
    assert before - 1 <= more.pop("started") <= time.time()
    assert more.pop("upstream")["mode"] == served.mode
    assert more.pop("errors") == {
        "backend_pauses": 0,
        "client_pauses": 0,
        "messages_dropped": 0,
        "pushes_not_taken": 0,
        "pings_unanswered": 0,
    }
    assert more == {
        "user_agent": agent,
        "request_id": "asked-1",
        "trace_id": "a1" * 16,
        "tls": False,
        "socket_io": True,
    }
    assert "s3cr3t" not in line
    logged = proxy.wait_for_log("access", f"session={row['id']} ")[-1]
    assert "messages_in=3 messages_out=3 bytes_in=12 bytes_out=12" in logged


def test_over_is_404(proxy: ReloadableSheaf) -> None:
    opened_as(proxy, "gone", "/ws/x").close()
    proxy.wait_for_log("access", "user=gone")
    session = proxy.log_lines("user=gone")[-1].split(" session=")[1].split()[0]
    for name in (session, "0-ffffff", "77-1", "nothing", "0-1/x"):
        status, answer = connection(proxy, name)
        assert status == 404 and answer["message"], name
    assert "access log" in connection(proxy, session)[1]["message"]


def test_whatever_a_client_calls_itself(proxy: ReloadableSheaf) -> None:
    """Bytes that are no UTF-8, quotes, and what is JSON itself: the answer is JSON, and the user is found by his bytes."""
    fields = 'X-User-ID: caf\u00e9"},{\nUser-Agent: \u00ff\u00fe \\u0041\n'
    with RawClient(proxy.port) as client:
        client.send(
            (
                "GET /ws/x HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
                f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n{fields}\n"
            )
            .replace("\n", "\r\n")
            .encode("latin-1")
        )
        assert client.response().status == 101
        (row,) = rows(proxy)
        assert row["user"] == 'caf\\xE9"},{'
        assert connection(proxy, row["id"])[1]["user_agent"] == "\\xFF\\xFE \\u0041"
        status, body = proxy.admin("/connections?user=caf%E9%22%7D,%7B")
        assert status == 200 and [one["id"] for one in json.loads(body)["connections"]] == [row["id"]]


def test_kinds_of_clients(proxy: ReloadableSheaf) -> None:
    """Envelopes and compression are the client's own; Socket.IO clients are known."""
    with (
        connect(f"{proxy.ws_url}/ws/x?sheaf=json", compression=None, additional_headers={"X-User-ID": "json"}),
        connect(f"{proxy.ws_url}/ws/x", compression=None, additional_headers={"X-User-ID": "plain"}),
        RawWebSocket(
            proxy.port,
            "/ws/x",
            "X-User-ID: once\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\n",
        ),
    ):
        kinds = {row["user"]: (row["delivery"], row["compression"]) for row in rows(proxy)}
        assert kinds == {"json": ("json", "none"), "plain": ("cork", "none"), "once": ("cork", "once")}
        assert not any(connection(proxy, session)[1]["socket_io"] for session in ids(proxy))


def test_socketio_client(proxy: ReloadableSheaf) -> None:
    async def scenario() -> tuple[Row, Row]:
        client = socketio.AsyncClient(reconnection=False)
        await client.connect(proxy.url, transports=["websocket"], headers={"X-User-ID": "sio"})
        row = await asyncio.to_thread(row_of, proxy, "sio")
        _, detail = await asyncio.to_thread(connection, proxy, row["id"])
        await client.disconnect()
        return row, detail

    row, detail = asyncio.run(scenario())
    assert row["path"].startswith("/socket.io/?transport=websocket&EIO=4") and detail["socket_io"]
    assert row["messages_out"] >= 1


# ---- which ones, and in which order


def test_filters(served: Served, proxy: ReloadableSheaf) -> None:
    with ExitStack() as stack:
        for user, path in (("a", "/ws/one"), ("a", "/ws/one?x=1"), ("b", "/ws/oneself"), ("", "/ws/two")):
            stack.enter_context(opened_as(proxy, user, path))
        named = stack.enter_context(opened_as(proxy, "a", "/as/carol"))
        assert named.response is not None and "X-User-ID" not in named.response.headers

        def count(**query: Any) -> int:
            answer = connections(proxy, **query)
            assert answer["total"] == len(answer["connections"]) and answer["late_workers"] == []
            return int(answer["total"])

        endpoint = f"127.0.0.1:{served.backend.port}"
        assert count() == count(path="/") == count(state="active") == count(backend="default") == 5
        assert (count(user="a"), count(user="b"), count(user="carol"), count(user="A")) == (2, 1, 1, 0)
        assert (count(path="/ws/one"), count(path="/ws/"), count(path="/%77s/x/../one")) == (2, 4, 2)
        assert count(backend=f"default/{endpoint}") == 5
        assert count(backend="other") == count(backend="default/127.0.0.1:9") == count(state="closing") == 0
        assert count(user="a", path="/ws/one", backend="default", state="active") == 2
        assert count(user="a", path="/ws/two") == 0


def test_idle_ones(proxy: ReloadableSheaf) -> None:
    """After memory.idle_after without an application message; pings are none. A message ends it."""
    with opened_as(proxy, "still", "/ws/x") as still, opened_as(proxy, "busy", "/ws/x") as busy:

        def idle() -> set[str]:
            still.ping().wait(5)
            busy.send("hello")
            busy.recv(timeout=10)
            return {row["user"] for row in rows(proxy, state="idle")}

        wait_until(lambda: idle() == {"still"}, 10, "the one that says nothing is idle", every=0.1)
        assert ids(proxy, sort="idle")[0] == row_of(proxy, "still")["id"]
        assert row_of(proxy, "still")["idle_seconds"] > 1
        still.send("hello")
        assert still.recv(timeout=10) == "hello"
        assert idle() == set()


def test_orders(proxy: ReloadableSheaf) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(opened_as(proxy, f"u{number}", "/ws/x")) for number in range(6)]
        sizes = random.Random(5).sample(range(100, 1000), 6)
        for client, size in zip(clients, sizes, strict=True):
            client.send("x" * size)
            assert len(client.recv(timeout=10)) == size

        def users(**query: Any) -> list[str]:
            return [row["user"] for row in rows(proxy, **query)]

        by_age = [f"u{number}" for number in range(6)]
        by_bytes = [f"u{number}" for number in sorted(range(6), key=lambda number: -sizes[number])]
        assert users() == users(sort="age") == by_age
        assert users(sort="age", order="asc") == by_age[::-1]
        assert users(sort="bytes") == by_bytes and users(sort="bytes", order="asc") == by_bytes[::-1]
        assert users(sort="bytes", limit=2, offset=3) == by_bytes[3:5]
        like = ids(proxy, sort="queued")
        assert like == ids(proxy, sort="queued", order="asc"), "nothing is queued: by id"
        assert like == sorted(like, key=lambda session: tuple(int(part, 16) for part in session.split("-")))


def test_pages(proxy: ReloadableSheaf) -> None:
    """Of sessions that stay, pages leave none out and show none twice, in the order of the whole, though others come."""
    with ExitStack() as stack:
        for number in range(23):
            stack.enter_context(opened_as(proxy, "page", f"/ws/{number}"))
        whole = ids(proxy)
        assert len(whole) == 23
        for limit in (1, 5, 23, 1000):
            assert sum((ids(proxy, limit=limit, offset=at) for at in range(0, 23, limit)), []) == whole
        answer = connections(proxy, limit=5, offset=20)
        assert (answer["total"], answer["limit"], answer["offset"], len(answer["connections"])) == (23, 5, 20, 3)
        assert connections(proxy, offset=23)["connections"] == []
        paged: list[str] = []
        for at in range(0, 40, 4):
            paged += ids(proxy, limit=4, offset=at)
            stack.enter_context(opened_as(proxy, "later", "/ws/later"))  # the newest is last
        assert paged[:23] == whole and len(set(paged)) == len(paged)


def test_pages_while_sessions_come_and_go(proxy: ReloadableSheaf) -> None:
    """Every page is of one moment: no row twice, in order, none that was never there; all is there at the end."""
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            with connect(f"{proxy.ws_url}/ws/churn"):
                pass

    threads = [threading.Thread(target=churn) for _ in range(3)]
    with ExitStack() as stack:
        for number in range(10):
            stack.enter_context(opened_as(proxy, "stays", f"/ws/{number}"))
        staying = set(ids(proxy))
        for thread in threads:
            thread.start()
        try:
            for _ in range(30):
                page = rows(proxy, limit=1000)
                assert len({row["id"] for row in page}) == len(page)
                assert staying == {row["id"] for row in page if row["user"] == "stays"}
                assert [row["id"] for row in page[:10]] == ids(proxy, limit=10), "the oldest stay"
        finally:
            stop.set()
            for thread in threads:
                thread.join()


# ---- what an operator looks for


def test_slow_client(proxy: ReloadableSheaf) -> None:
    """One that reads nothing: what waits for it shows, it is slow, pushes that it did not take count, until it reads."""
    with (
        RawWebSocket(proxy.port, "/ws/x", "X-User-ID: slow\n", receive_buffer=4096, timeout=20) as slow,
        opened_as(proxy, "quick", "/ws/x"),
    ):
        pushed = 0
        while row_of(proxy, "slow")["state"] != "slow":
            pushed += push_to(proxy, "slow", 900_000)
            assert pushed < 30, "the kernel takes no more"
        refused = 0
        for _ in range(20):
            taken = push_to(proxy, "slow", 900_000)
            pushed, refused = pushed + taken, refused + 1 - taken
        (row,) = rows(proxy, state="slow")
        assert row["user"] == "slow" and row["queued_bytes"] > 100_000
        assert ids(proxy, sort="queued", limit=1) == [row["id"]]
        assert ids(proxy, sort="queued", order="asc")[-1] == row["id"]
        assert refused > 0 and connection(proxy, row["id"])[1]["errors"]["pushes_not_taken"] == refused
        for _ in range(pushed):
            assert len(slow.read_message()[1]) == 900_000
        wait_until(lambda: row_of(proxy, "slow")["state"] != "slow", 10, "it keeps up again")
        assert row_of(proxy, "slow")["queued_bytes"] == 0


def test_rates(proxy: ReloadableSheaf) -> None:
    """What a client counts between two answers bounds what the measure in between may say."""
    with opened_as(proxy, "quiet", "/ws/x"), connect(
        f"{proxy.ws_url}/stream/100000/5", additional_headers={"X-User-ID": "stream"}, compression=None
    ) as stream:
        counted = 0
        done = threading.Event()

        def read() -> None:
            nonlocal counted
            while not done.is_set():
                stream.recv(timeout=10)
                counted += 1

        stream.send("go")
        reader = threading.Thread(target=read)
        reader.start()
        try:
            wait_until(lambda: counted > 20, 10, "it streams")
            sent_before = row_of(proxy, "stream")["messages_out"]
            (row, other) = rows(proxy, sort="rate")
            sent_behind = row_of(proxy, "stream")["messages_out"]
            (first,) = rows(proxy, sort="rate", limit=1)
        finally:
            done.set()
            reader.join()
    assert (row["user"], other["user"], first["user"]) == ("stream", "quiet", "stream")
    assert other["messages_per_second"] == other["bytes_per_second"] == 0
    # At least a second lies between the two samples, and both lie between the two counts.
    assert 0 < row["messages_per_second"] <= sent_behind - sent_before
    size = row["bytes_per_second"] / row["messages_per_second"]
    assert 2 <= size <= 6, "s0, s1 ... are as many bytes"


def test_rates_are_measured_once_for_all_who_ask(proxy: ReloadableSheaf) -> None:
    async def scenario() -> list[Row]:
        return list(
            await asyncio.gather(*(asyncio.to_thread(partial(rows, proxy, sort="rate", user="one")) for _ in range(10)))
        )

    with opened_as(proxy, "one", "/ws/x"):
        assert all(len(answer) == 1 for answer in asyncio.run(scenario()))
