"""What a reload does to [limits]: of each option whether it acts on what exists, as the option table says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from harness.fixtures import reloadable
from harness.frames import CONTINUATION, PING, TEXT, RawWebSocket, frame
from harness.helpers import BroadcastBackend
from harness.ports import wait_until
from harness.raw import RawClient
from harness.reloading import BOTH_PLACES, ReloadableSheaf, live, new_sessions, where
from harness.sheaf import Conf

BASE: Conf = {"workers": 1, "limits": {"max_ping_rate": 100_000}, "timeouts": {"body": "500ms"}}
PAGE = "GET /page HTTP/1.1\nHost: a\n\n"
KIB = 1024


running, proxy = reloadable(BASE, "backend")


@pytest.mark.parametrize(
    "option,value,request_text,status",
    [
        ("max_request_line", 300, f"GET /page?{'a' * 400} HTTP/1.1\nHost: a\n\n", 414),
        ("max_head", 600, f"GET /page HTTP/1.1\nHost: a\nX: {'b' * 800}\n\n", 431),
        ("max_fields", 5, "GET /page HTTP/1.1\nHost: a\n" + "".join(f"X-{n}: y\n" for n in range(9)) + "\n", 431),
    ],
)
@live("limits.max_request_line", "limits.max_head", "limits.max_fields")
def test_heads_on_a_connection_that_stands(
    proxy: ReloadableSheaf, option: str, value: int, request_text: str, status: int
) -> None:
    with RawClient(proxy.port) as client:
        assert client.request(request_text).status == 200
        proxy.reload({"limits": {option: value}})
        assert client.request(PAGE).status == 200
        assert client.request(request_text).status == status


@BOTH_PLACES
@new_sessions("limits.max_body")
def test_max_body_of_requests_that_begin(proxy: ReloadableSheaf, in_route: bool) -> None:
    head = b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n"
    chunked = b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + bytes(1000) + b"\r\n"
    with RawClient(proxy.port) as by_length, RawClient(proxy.port) as by_chunks:
        by_length.send(head + bytes(1000))
        by_chunks.send(chunked)
        wait_until(lambda: proxy.metric("sheaf_http_requests_active") == 2, 3, "both are under way")
        proxy.reload(*where("limits.max_body", 1500, in_route))
        by_length.send(bytes(1000))
        by_chunks.send(b"3e8\r\n" + bytes(1000) + b"\r\n0\r\n\r\n")
        assert (by_length.response().status, by_chunks.response().status) == (200, 200)
        by_length.send_quietly(head + bytes(2000))
        assert by_length.response().status == 413


@live("limits.min_body_rate")
def test_min_body_rate_of_a_body_that_is_on_its_way(proxy: ReloadableSheaf) -> None:
    proxy.reload({"limits": {"min_body_rate": 0}})
    with RawClient(proxy.port) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n")
        for _ in range(10):
            client.send(b"x" * 10)
            time.sleep(0.15)
        proxy.reload({"limits": {"min_body_rate": 10_000}})
        for _ in range(10):
            client.send_quietly(b"x" * 10)
            time.sleep(0.15)
        assert client.response().status == 408


@pytest.mark.parametrize("option", ["max_message", "max_upstream_message"])
@BOTH_PLACES
@new_sessions("limits.max_message", "limits.max_upstream_message")
def test_sizes_of_messages(proxy: ReloadableSheaf, option: str, in_route: bool) -> None:
    with RawWebSocket(proxy.port) as old:
        old.check_echo(b"a" * 2000)
        proxy.reload(*where(f"limits.{option}", 1500, in_route))
        old.check_echo(b"b" * 2000)
        with RawWebSocket(proxy.port) as new:
            new.check_echo(b"c" * 1500)
            new.send_frame(TEXT, b"d" * 2000)
            assert new.read_close().code == 1009
        proxy.reload()
        with RawWebSocket(proxy.port) as newest:
            newest.check_echo(b"e" * 2000)
        old.check_echo(b"f" * 2000)


def send_fragments(client: RawWebSocket, count: int, each: bytes) -> None:
    for number in range(count):
        client.send_frame(CONTINUATION if number else TEXT, each, fin=number == count - 1)


@new_sessions("limits.max_fragments")
def test_max_fragments(proxy: ReloadableSheaf) -> None:
    with RawWebSocket(proxy.port) as old:
        proxy.reload({"limits": {"max_fragments": 10}})
        send_fragments(old, 20, b"0123456789")
        assert old.read_message() == (TEXT, b"0123456789" * 20)
        with RawWebSocket(proxy.port) as new:
            send_fragments(new, 20, b"0123456789")
            assert new.read_close().code == 1008


@live("limits.max_tiny_fragment_rate")
def test_max_tiny_fragment_rate(proxy: ReloadableSheaf) -> None:
    with RawWebSocket(proxy.port) as old:
        send_fragments(old, 300, b"x")
        assert old.read_message() == (TEXT, b"x" * 300)
        proxy.reload({"limits": {"max_tiny_fragment_rate": 1}})
        send_fragments(old, 300, b"x")
        assert old.read_close().code == 1008


@live("limits.max_ping_rate")
def test_max_ping_rate(proxy: ReloadableSheaf) -> None:
    many = frame(PING) * 200
    with RawWebSocket(proxy.port) as old:
        old.send(many)
        old.check_echo(b"still here")
        proxy.reload({"limits": {"max_ping_rate": 1}})
        old.send_quietly(many)
        assert old.read_close().code == 1008


@pytest.mark.parametrize("way", ["pass", "drop", "refuse"])
@live("limits.underscores")
def test_underscores_on_a_connection_that_stands(proxy: ReloadableSheaf, way: str) -> None:
    text = "GET /headers HTTP/1.1\nHost: a\nsome_name: x\n\n"
    with RawClient(proxy.port) as client:
        names = [name for name, _ in json.loads(client.request(text).body)["headers"]]
        assert "some_name" in names
        proxy.reload({"limits": {"underscores": way}})
        response = client.request(text)
        if way == "refuse":
            assert response.status == 400
        else:
            names = [name for name, _ in json.loads(response.body)["headers"]]
            assert ("some_name" in names) == (way == "pass")


# ---- marks: a client that does not read


@pytest.fixture
def broadcaster() -> Iterator[BroadcastBackend]:
    with BroadcastBackend() as helper:
        yield helper


def marks(high: int, low: int) -> Conf:
    return {"workers": 1, "limits": {"buffer_high": high, "buffer_low": low}, "batching": {"delivery": "off"}}


def queued(proxy: ReloadableSheaf) -> float:
    """Bytes that wait, once Sheaf has stopped to read and they have stopped to change."""
    wait_until(lambda: proxy.metric("sheaf_backpressure_pauses_total", side="upstream") > 0, 10, "the backend is paused")
    before = -1.0
    for _ in range(50):
        now = proxy.metric("sheaf_queued_bytes")
        if now == before and now > 0:
            return now
        before = now
        time.sleep(0.1)
    return before


@pytest.mark.parametrize("high,least,most", [(8192 * KIB, 4096 * KIB, 9000 * KIB), (128 * KIB, 16 * KIB, 400 * KIB)])
@live("limits.buffer_high")
def test_buffer_high_of_a_session_that_stands(
    make_reloadable, broadcaster: BroadcastBackend, high: int, least: int, most: int
) -> None:
    proxy: ReloadableSheaf = make_reloadable(broadcaster.url, marks(1024 * KIB, 16 * KIB))
    with RawWebSocket(proxy.port, "/", receive_buffer=4096):
        proxy.reload(marks(high, 16 * KIB))
        broadcaster.tell({"messages": 300, "size": 64 * KIB})
        assert least <= queued(proxy) <= most


@live("limits.buffer_low")
def test_buffer_low_of_a_session_that_stands(make_reloadable, broadcaster: BroadcastBackend) -> None:
    """A client takes some of what waits: whether reading from the backend goes on depends on the low mark. (The kernel
    takes more from Sheaf when a good part of its own buffer is free, a mebibyte or so.)"""
    proxy: ReloadableSheaf = make_reloadable(broadcaster.url, marks(8192 * KIB, 0))
    with RawWebSocket(proxy.port, "/", receive_buffer=4096) as client:
        broadcaster.tell({"messages": 400, "size": 64 * KIB})
        queued(proxy)

        def received() -> float:
            return proxy.metric("sheaf_upstream_received_bytes_total")

        def take() -> None:
            for _ in range(30):
                client.read_message()

        before = received()
        take()
        time.sleep(0.2)
        assert received() == before
        proxy.reload(marks(8192 * KIB, 8000 * KIB))
        take()
        wait_until(lambda: received() > before, 5, "the backend is read again")
