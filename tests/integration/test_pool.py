"""Issue item 6: the upstream pool. Named after its options."""

from __future__ import annotations

import socket
import ssl
import threading
import time

import pytest

from harness.backend import Backend
from harness.certificates import Authority, Pair
from harness.frames import TEXT, RawWebSocket, upgrade
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
from harness.recorder import OK, Recorder, Request, upgrade_answer
from harness.sheaf import Sheaf

QUIET = {"health_check_interval": "0s"}  # no checks: every connection to the recorder is the pool's


def links(proxy: Sheaf, state: str) -> int:
    return int(proxy.metric("sheaf_pool_links", state=state))


def slow_answers(seconds: float):  # noqa: ANN201
    def script(_: Request) -> bytes:
        time.sleep(seconds)
        return OK

    return script


def ask(proxy: Sheaf, path: str = "/") -> RawClient:
    """A client that has sent a request and has not read its answer."""
    client = RawClient(proxy.port)
    client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    return client


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_min_size_connections_are_warm_before_the_first_client(make_recorder, make_sheaf, workers: int) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"workers": workers, "pool": {"min_size": 7, **QUIET}})
    wait_until(lambda: len(recorder.open_connections) == 7, 3, "7 connections stand")
    time.sleep(0.3)
    assert len(recorder.connections) == 7 and recorder.received == b""
    wait_until(lambda: links(proxy, "idle") == 7, 3, "all are idle")


def test_warm_connection_is_used_and_replaced_for_a_websocket(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 3, **QUIET}})
    wait_until(lambda: len(recorder.open_connections) == 3, 3, "3 connections stand")
    with RawWebSocket(proxy.port, "/ws"):
        assert len([c for c in recorder.connections[:3] if c.received]) == 1, "no warm connection was used"
        assert (links(proxy, "active"), proxy.metric("sheaf_pool_ready_total")) == (1, 1)
        assert proxy.metric("sheaf_pool_reused_total") == 0, "it had served nobody before"
        wait_until(lambda: links(proxy, "idle") == 3, 3, "the pool warms another one")


def test_few_connections_serve_many_requests(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 1, **QUIET}})
    for _ in range(100):
        assert get(proxy.port).status == 200
    # The one that was warm, and the one that was warmed while it was in use.
    assert len([c for c in recorder.connections if c.received]) <= 2
    acquired = proxy.metric("sheaf_pool_acquired_total")
    assert acquired == 100
    assert proxy.metric("sheaf_pool_reused_total") / acquired > 0.9
    assert proxy.metric("sheaf_pool_acquire_seconds_count") == 100
    assert proxy.metric("sheaf_pool_acquire_seconds_sum") / 100 < 0.001, "an acquire takes over 1 ms"


def test_max_size_bounds_the_connections_and_the_rest_waits(make_recorder, make_sheaf) -> None:
    most, now, lock = [0], [0], threading.Lock()

    def count(_: Request) -> bytes:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.3)
        with lock:
            now[0] -= 1
        return OK

    recorder: Recorder = make_recorder(count)
    proxy = make_sheaf(recorder.url, {"pool": {"min_size": 0, "max_size": 2, **QUIET}})
    clients = [ask(proxy) for _ in range(6)]
    assert [client.response().status for client in clients] == [200] * 6
    assert most[0] == 2
    assert len(recorder.requests) == 6


def test_acquire_timeout_ends_the_wait_with_503(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder(lambda _: None)
    proxy = make_sheaf(recorder.url, {"pool": {"min_size": 0, "max_size": 1, "acquire_timeout": "1s", **QUIET}})
    with ask(proxy), RawClient(proxy.port) as second:
        wait_until(lambda: len(recorder.requests) == 1, 3, "the first request holds the connection")
        began = time.monotonic()
        response = second.request("GET / HTTP/1.1\nHost: a\n\n")
        assert response.status == 503
        assert 0.8 < time.monotonic() - began < 1.6
        assert int(response.get("retry-after") or "") >= 1
    assert proxy.wait_for_log("reject=pool_exhausted")
    assert len(recorder.requests) == 1


def test_acquire_timeout_does_not_end_a_wait_that_is_over_in_time(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder(slow_answers(0.4))
    proxy = make_sheaf(recorder.url, {"pool": {"min_size": 0, "max_size": 1, "acquire_timeout": "8s", **QUIET}})
    clients = [ask(proxy) for _ in range(3)]
    assert [client.response().status for client in clients] == [200] * 3


def test_acquire_timeout_holds_for_websockets_too(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, {"pool": {"min_size": 0, "max_size": 2, "acquire_timeout": "500ms", **QUIET}})
    with RawWebSocket(proxy.port, "/ws"), RawWebSocket(proxy.port, "/ws"), RawClient(proxy.port) as third:
        response = third.request(upgrade("/ws"))
        assert response.status == 503 and int(response.get("retry-after") or "") >= 1
    wait_until(lambda: links(proxy, "active") == 0, 8, "both links are free")
    with RawWebSocket(proxy.port, "/ws"):
        pass


def test_max_waiting_refuses_at_once_with_retry_after(make_recorder, make_sheaf) -> None:
    go = threading.Event()

    def answer_later(_: Request) -> bytes:
        go.wait(30)
        return OK

    recorder: Recorder = make_recorder(answer_later)
    proxy = make_sheaf(
        recorder.url, {"pool": {"min_size": 0, "max_size": 1, "max_waiting": 2, "acquire_timeout": "30s", **QUIET}}
    )
    first = ask(proxy)
    wait_until(lambda: len(recorder.requests) == 1, 3, "the first request holds the connection")
    waiting = [ask(proxy), ask(proxy)]
    wait_until(lambda: proxy.metric("sheaf_pool_waiting") == 2, 3, "two requests wait")
    with ask(proxy) as refused:
        response = refused.response()  # while those wait
    go.set()
    assert response.status == 503 and int(response.get("retry-after") or "") >= 1
    assert [client.response().status for client in (first, *waiting)] == [200] * 3
    assert proxy.metric("sheaf_pool_waiting") == 0


def test_waiting_request_whose_client_leaves_is_forgotten(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder(slow_answers(0.8))
    proxy = make_sheaf(recorder.url, {"pool": {"min_size": 0, "max_size": 1, **QUIET}})
    first, leaving = ask(proxy), None
    wait_until(lambda: len(recorder.requests) == 1, 3, "the first request holds the connection")
    leaving = ask(proxy, "/left")
    wait_until(lambda: proxy.metric("sheaf_pool_waiting") == 1, 3, "the second one waits")
    leaving.reset()  # a FIN so soon would be that of a client that half-closes
    wait_until(lambda: proxy.metric("sheaf_pool_waiting") == 0, 3, "it waits no more")
    assert first.response().status == 200
    recorder.settle(0.3)
    assert "/left" not in [request.target for request in recorder.requests]


def test_stale_timeout_closes_what_is_unused_down_to_min_size(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder(slow_answers(0.2))
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 1, "stale_timeout": "1s", **QUIET}})
    clients = [ask(proxy) for _ in range(6)]
    assert [client.response().status for client in clients] == [200] * 6
    assert len(recorder.open_connections) >= 6
    wait_until(lambda: len(recorder.open_connections) <= 1, 4, "the unused connections are closed")
    assert proxy.metric("sheaf_pool_evicted_total", reason="upstream_stale") >= 5
    wait_until(lambda: links(proxy, "idle") == 1, 3, "min_size is kept")


def test_stale_timeout_leaves_a_connection_in_use_alone(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 0, "stale_timeout": "1500ms", **QUIET}})
    for _ in range(8):
        assert get(proxy.port).status == 200
        time.sleep(0.4)
    assert len(recorder.connections) == 1


def test_stale_timeout_leaves_an_idle_websocket_alone(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, {"pool": {"min_size": 0, "stale_timeout": "500ms", "max_lifetime": "1s", **QUIET}})
    with RawWebSocket(proxy.port, "/ws") as socket:
        time.sleep(2)
        recorder.latest.connection.send(b"\x81\x02hi")
        assert socket.read_message() == (TEXT, b"hi")


def test_max_lifetime_replaces_a_connection_between_two_requests(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 0, "max_lifetime": "1s", **QUIET}})
    for _ in range(15):
        assert get(proxy.port).status == 200
        time.sleep(0.2)
    used = [connection for connection in recorder.connections if connection.requests]
    assert 2 <= len(used) <= 4, "a connection lives a second, not less and not much more"


def test_max_lifetime_closes_an_idle_connection_and_counts_it(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 0, "max_lifetime": "1s", **QUIET}})
    assert get(proxy.port).status == 200
    wait_until(lambda: recorder.open_connections == [], 3, "the idle connection is closed")
    assert proxy.metric("sheaf_pool_evicted_total", reason="upstream_expired") == 1


def test_max_lifetime_does_not_cut_a_request_short(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder(slow_answers(2.0))
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 0, "max_lifetime": "1s", **QUIET}})
    assert get(proxy.port).status == 200


def test_max_lifetime_of_zero_keeps_connections(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 0, "max_lifetime": "0s", **QUIET}})
    for _ in range(8):
        assert get(proxy.port).status == 200
        time.sleep(0.2)
    assert len(recorder.connections) == 1


CHECKED = {"health_check_interval": "300ms", "health_check_timeout": "300ms", "backoff_max": "300ms"}


def test_tcp_health_check_follows_the_backend(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"pool": {"min_size": 0, **CHECKED}})
    assert proxy.metric("sheaf_upstream_up") == 1
    recorder.stop()
    wait_until(lambda: proxy.admin("/readyz")[0] == 503, 3, "/readyz fails")
    wait_until(lambda: proxy.metric("sheaf_upstream_up") == 0, 2, "the metric says so too")
    assert proxy.admin("/livez")[0] == 200, "/livez depends on the backend"
    assert proxy.metric("sheaf_health_checks_total", result="failed") >= 1
    make_recorder(port=recorder.port)
    wait_until(lambda: proxy.admin("/readyz")[0] == 200, 3, "/readyz recovers")
    assert get(proxy.port).status == 200


def test_http_health_check_asks_the_path_and_believes_the_status(make_recorder, make_sheaf) -> None:
    healthy = [True]

    def script(request: Request) -> bytes:
        if request.target == "/healthz":
            return OK if healthy[0] else b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
        return OK

    recorder: Recorder = make_recorder(script)
    proxy = make_sheaf(recorder.url, {"pool": {"min_size": 0, "health_check_path": "/healthz", **CHECKED}})
    wait_until(lambda: proxy.metric("sheaf_health_checks_total", result="passed") >= 2, 3, "checks pass")
    checks = [request for request in recorder.requests if request.target == "/healthz"]
    assert checks[0].line == "GET /healthz HTTP/1.1" and len(checks[0].all("host")) == 1
    healthy[0] = False
    wait_until(lambda: proxy.admin("/readyz")[0] == 503, 3, "/readyz fails")
    healthy[0] = True
    wait_until(lambda: proxy.admin("/readyz")[0] == 200, 3, "/readyz recovers")


def test_http_health_check_that_is_not_answered_in_time_fails(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"pool": {"min_size": 0, "health_check_path": "/healthz", **CHECKED}})
    recorder.script = lambda _: None
    wait_until(lambda: proxy.admin("/readyz")[0] == 503, 4, "/readyz fails")


def test_health_checks_can_be_off(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"pool": {"min_size": 0, **QUIET}})
    time.sleep(1)
    assert len(recorder.connections) == 0 and proxy.metric("sheaf_health_checks_total") == 0


def test_backoff_spaces_the_attempts_at_a_backend_that_fails(make_sheaf) -> None:
    pool = {"min_size": 4, "backoff_min": "100ms", "backoff_max": "1s", "acquire_timeout": "200ms", **QUIET}
    proxy = make_sheaf(f"http://127.0.0.1:{free_port()}", {"workers": 1, "pool": pool}, ready="/livez")
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        assert get(proxy.port).status == 503  # asking hard must not mean dialling hard
    failed = proxy.metric("sheaf_pool_failed_total")
    assert 3 <= failed <= 60, f"{failed} attempts in 3 s"


def test_backoff_is_over_soon_after_the_backend_is_back(make_recorder, make_sheaf) -> None:
    port = free_port()
    pool = {"min_size": 4, "backoff_min": "100ms", "backoff_max": "500ms", **QUIET}
    proxy = make_sheaf(f"http://127.0.0.1:{port}", {"pool": pool}, ready="/livez")
    time.sleep(1.5)
    make_recorder(port=port)
    began = time.monotonic()
    wait_until(lambda: get(proxy.port).status == 200, 3, "requests are served")
    assert time.monotonic() - began < 2
    wait_until(lambda: links(proxy, "idle") >= 4, 3, "the warm connections stand again")


def test_connect_timeout_ends_an_attempt_at_a_silent_address(make_sheaf) -> None:
    """A listening socket whose queue is full: connecting hangs, as it does behind a firewall."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        port = silent.getsockname()[1]
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        proxy = make_sheaf(
            f"http://127.0.0.1:{port}",
            {"upstream": {"connect_timeout": "500ms"}, "pool": {"min_size": 0, "acquire_timeout": "2s", **QUIET}},
            ready="/livez",
        )
        began = time.monotonic()
        assert get(proxy.port).status in (503, 504)
        assert time.monotonic() - began < 3.5
        assert proxy.metric("sheaf_pool_failed_total") >= 1
        for filler in fillers:
            filler.close()


def test_unix_socket_serves_http_and_websockets(make_backend, make_sheaf) -> None:
    proxy = make_sheaf(make_backend(unix=True).url)
    assert get(proxy.port, "/page").status == 200
    with RawWebSocket(proxy.port) as socket:
        socket.send_frame(TEXT, b"hello")
        assert socket.read_message() == (TEXT, b"hello")


def test_tls_to_the_backend_is_verified_and_serves_http_and_websockets(
    make_backend, make_sheaf, certificate: Pair, authority: Authority
) -> None:
    backend: Backend = make_backend(tls=certificate)
    proxy = make_sheaf(backend.url, {"upstream": {"tls_ca": str(authority.certificate)}})
    assert get(proxy.port, "/page").status == 200
    assert len(get(proxy.port, "/download?bytes=3000000", timeout=20).body) == 3_000_000
    with RawWebSocket(proxy.port) as socket:
        socket.send_frame(TEXT, b"hello" * 10_000)
        assert socket.read_message() == (TEXT, b"hello" * 10_000)


@pytest.mark.parametrize(
    "names,options,works",
    [
        (["127.0.0.1"], {}, True),
        (["backend.example"], {}, False),
        (["backend.example"], {"tls_server_name": "backend.example"}, True),
        (["backend.example"], {"tls_server_name": "other.example"}, False),
        (["backend.example"], {"tls_verify": False}, True),
        (["127.0.0.1"], {"tls_ca": ""}, False),
        (["127.0.0.1"], {"tls_ca": "", "tls_verify": False}, True),
    ],
    ids=[
        "right address",
        "wrong name",
        "right server name",
        "wrong server name",
        "not verified",
        "unknown authority",
        "unknown authority, not verified",
    ],
)
def test_tls_to_the_backend_checks_names_and_authority(
    make_recorder, make_sheaf, authority: Authority, names: list[str], options: dict[str, object], works: bool
) -> None:
    pair = authority.issue(*names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    told: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: told.append(name)
    recorder: Recorder = make_recorder(context=context)
    upstream = {"tls_ca": str(authority.certificate), **options}
    proxy = make_sheaf(
        recorder.url, {"upstream": upstream, "pool": {"min_size": 0, "acquire_timeout": "1s", **QUIET}}, ready="/livez"
    )
    response = get(proxy.port)
    assert response.status in ((200,) if works else (502, 503))
    assert (recorder.received != b"") == works
    if "tls_server_name" in options:
        assert set(told) == {options["tls_server_name"]}
    if not works:
        assert proxy.metric("sheaf_pool_failed_total") >= 1


def test_stats_tell_the_pools_figures(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 2, **QUIET}})
    wait_until(lambda: links(proxy, "idle") == 2, 3, "both are warm")
    for _ in range(10):
        get(proxy.port)
    wait_until(lambda: links(proxy, "active") == links(proxy, "connecting") == 0, 3, "the pool is at rest")
    pool = proxy.stats()["connection_pool"]
    size, statistics = pool["pool_size"], pool["statistics"]
    assert (size["min"], size["active"]) == (2, 0) and size["idle"] == links(proxy, "idle") == size["current"]
    assert pool["connection_states"]["idle"] == size["idle"]
    assert (statistics["total_acquired"], statistics["total_ready"]) == (10, 10)
    # Of the connections that served somebody, each was new once.
    used = len([one for one in recorder.connections if one.received])
    assert statistics["total_reused"] == 10 - used and statistics["total_created"] == len(recorder.connections)
    assert statistics["reuse_rate"] == pytest.approx((10 - used) / 10)


def test_reuse_rate_is_no_more_than_what_was_used_again(make_recorder, make_sheaf) -> None:
    """WebSockets take their connections for good: however warm the pool, none is used again."""
    recorder: Recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 3, **QUIET}})
    assert proxy.stats()["connection_pool"]["statistics"]["reuse_rate"] == 0, "nothing was acquired"
    wait_until(lambda: links(proxy, "idle") == 3, 3, "3 connections stand")
    with RawWebSocket(proxy.port, "/ws"), RawWebSocket(proxy.port, "/ws"):
        statistics = proxy.stats()["connection_pool"]["statistics"]
    assert (statistics["total_acquired"], statistics["total_reused"], statistics["reuse_rate"]) == (2, 0, 0)
    assert statistics["ready_rate"] == 1


def test_websockets_and_requests_share_the_pool_without_starving(make_backend, make_sheaf) -> None:
    proxy = make_sheaf(make_backend().url, {"pool": {"min_size": 2, "max_size": 40}})
    sockets = [RawWebSocket(proxy.port) for _ in range(30)]
    results: list[int] = []

    def ask_often() -> None:
        for _ in range(50):
            results.append(get(proxy.port, "/page").status)

    threads = [threading.Thread(target=ask_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number, one in enumerate(sockets):
        one.send_frame(TEXT, b"%d" % number)
    assert [one.read_message() for one in sockets] == [(TEXT, b"%d" % number) for number in range(30)]
    for thread in threads:
        thread.join()
    assert results == [200] * 200
    for one in sockets:
        one.close()
