"""Clients and backends that are slow, stand still, or vanish."""

from __future__ import annotations

import threading
import time

from harness.backend import Backend
from harness.frames import BINARY, TEXT, RawWebSocket, frame
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.sheaf import is_sanitized


def test_slow_reader_is_closed_at_the_stall_timeout_and_slows_nobody(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"stall": "2s"}})
    before = proxy.memory_kib()
    with (
        RawWebSocket(proxy.port, "/ws/flood?bytes=65536&count=5000", receive_buffer=8192) as slow,
        RawWebSocket(proxy.port) as quick,
    ):
        began, latencies = time.monotonic(), []
        while time.monotonic() - began < 1.5:
            sent = time.monotonic()
            quick.send_frame(TEXT, b"hello")
            assert quick.read_message() == (TEXT, b"hello")
            latencies.append(time.monotonic() - sent)
            time.sleep(0.01)
        assert sorted(latencies)[len(latencies) * 9 // 10] < (0.05 if not is_sanitized() else 0.25)
        assert is_sanitized() or proxy.memory_kib() - before < 4 * 1024, "a slow reader's messages pile up"
        wait_until(
            lambda: proxy.metric("sheaf_websocket_closes_total", reason="client_stalled") == 1,
            5,
            "the stalled one goes",
        )
        assert time.monotonic() - began < 5
        assert proxy.metric("sheaf_backpressure_pauses_total") >= 1
        slow.close()


def test_stall_timeout_does_not_concern_a_reader_that_is_slow_but_steady(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"stall": "1500ms"}})
    with RawWebSocket(proxy.port, "/ws/flood?bytes=65536&count=200", receive_buffer=8192, timeout=5) as slow:
        began, number = time.monotonic(), 0
        while time.monotonic() - began < 5 and number < 200:
            message = slow.read_message()
            assert message[0] == BINARY and int.from_bytes(message[1][:8], "big") == number
            number += 1
            time.sleep(0.1)
        assert number > 20


def test_stall_timeout_ends_a_download_that_nobody_reads(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"stall": "1s"}})
    with RawClient(proxy.port, receive_buffer=8192) as client:
        client.send(b"GET /download?bytes=100000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: proxy.metric("sheaf_http_requests_active") == 1, 3, "the download has begun")
        wait_until(lambda: proxy.metric("sheaf_http_requests_active") == 0, 4, "the download is ended")


def test_slow_backend_holds_back_only_the_session_that_floods_it(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    before = proxy.memory_kib()
    with RawWebSocket(proxy.port, "/ws/slow?delay=1", timeout=60) as flooding, RawWebSocket(proxy.port) as quick:
        sent = [0]

        def flood() -> None:
            message = frame(BINARY, bytes(65536))
            try:
                for _ in range(1500):
                    flooding.send(message)
                    sent[0] += 1
            except OSError:
                pass  # the test is over

        threading.Thread(target=flood, daemon=True).start()
        time.sleep(1.5)
        held = sent[0]
        quick.send_frame(TEXT, b"hello")
        assert quick.read_message() == (TEXT, b"hello")
        time.sleep(0.3)
        assert sent[0] - held < 40 and sent[0] < 1500, "the flood is not held back"
        assert is_sanitized() or proxy.memory_kib() - before < 4 * 1024


def test_slow_writer_gets_its_message_through(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"head": "1s", "body": "1s", "idle": "1s"}})
    with RawWebSocket(proxy.port) as socket:
        for byte in frame(TEXT, b"one byte at a time, please, for two seconds"):
            socket.send(bytes([byte]))
            time.sleep(0.05)
        assert socket.read_message() == (TEXT, b"one byte at a time, please, for two seconds")


def test_clients_that_vanish_in_crowds_leave_nothing_behind(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    get(proxy.port, "/page")
    for round_number in range(4):
        sockets = [RawWebSocket(proxy.port) for _ in range(50)]
        for number, one in enumerate(sockets):
            one.send(frame(BINARY, bytes(5000))[: 100 * number])  # some in the middle of a message
        for number, one in enumerate(sockets):
            one.reset() if number % 2 else one.close()
        wait_until(
            lambda: proxy.metric("sheaf_websocket_sessions") == 0, 8, f"round {round_number}: all sessions are over"
        )
    wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 0, 8, "all links are free")
    wait_until(lambda: proxy.metric("sheaf_client_connections") == 0, 8, "all connections are gone")
    descriptors = proxy.descriptors()
    for one in [RawWebSocket(proxy.port) for _ in range(50)]:
        one.reset()
    wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 0, 8, "all links are free")
    wait_until(lambda: proxy.descriptors() <= descriptors, 8, "descriptors leak")
