"""Issue item 9 and hardening row 69: the admin listener."""

from __future__ import annotations

import json

import pytest
from websockets.sync.client import connect

from harness.backend import Backend
from harness.frames import TEXT, RawWebSocket
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.sheaf import Sheaf


def test_probes_answer(sheaf: Sheaf) -> None:
    assert sheaf.admin("/livez")[0] == sheaf.admin("/readyz")[0] == 200


def test_counters_follow_what_happens(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    for path in ("/page", "/page", "/status/404", "/status/500"):
        get(proxy.port, path)
    assert [proxy.metric("sheaf_http_requests_total", status=status) for status in ("2xx", "4xx", "5xx")] == [2, 1, 1]
    assert proxy.metric("sheaf_client_connections_accepted_total") == 4
    with RawWebSocket(proxy.port) as socket:
        socket.send_frame(TEXT, b"hello")
        assert socket.read_message() == (TEXT, b"hello")
        assert proxy.metric("sheaf_websocket_sessions") == proxy.metric("sheaf_websocket_sessions_opened_total") == 1
        assert (
            proxy.metric("sheaf_message_bytes_to_upstream_total")
            == proxy.metric("sheaf_message_bytes_to_clients_total")
            == 5
        )
    wait_until(lambda: proxy.metric("sheaf_websocket_sessions") == 0, 3, "the session is over")
    assert proxy.metric("sheaf_websocket_closes_total") == 1
    wait_until(lambda: proxy.metric("sheaf_client_connections") == 0, 3, "all clients are gone")
    assert proxy.metric("sheaf_client_received_bytes_total") > 300
    assert proxy.metric("sheaf_upstream_sent_bytes_total") > 300


def test_stats_are_json(sheaf: Sheaf) -> None:
    with RawClient(sheaf.admin_port) as client:
        response = client.request(
            "GET /api/performance/websocket/stats HTTP/1.1\nHost: localhost\nConnection: close\n\n"
        )
    assert response.status == 200 and (response.get("content-type") or "").startswith("application/json")
    assert isinstance(json.loads(response.body), dict)


def test_compression_ratio_is_before_by_after(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    text = "the quick brown fox jumps over the lazy dog " * 100
    with RawWebSocket(proxy.port) as socket:
        socket.check_echo(text.encode())
        assert proxy.stats()["message_batcher"]["deflate"]["compression_ratio"] == 1, "nothing was compressed"
    with connect(f"{proxy.ws_url}/ws/echo") as socket:
        socket.send(text)
        assert socket.recv(timeout=10) == text
        told = proxy.stats()["message_batcher"]
    for way in ("deflate", "inflate"):
        assert told[way]["plain_bytes"] == len(text) and told[way]["messages"] == 1
        assert told[way]["compression_ratio"] == pytest.approx(len(text) / told[way]["compressed_bytes"])
        assert told[way]["compression_ratio"] > 5
    summary = json.loads(proxy.admin("/api/performance/websocket/summary")[1])
    assert summary["compression_ratio"] == told["deflate"]["compression_ratio"]


def test_history_tells_of_sessions_rates_and_batches(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"workers": 1, "memory": {"check_interval": "50ms"}})

    def history() -> list[dict[str, float]]:
        return json.loads(proxy.admin("/api/performance/websocket/metrics")[1])["metrics"]

    with RawWebSocket(proxy.port) as socket:
        for number in range(20):
            socket.check_echo(f"message {number}".encode())
        done = len(history())
        wait_until(lambda: len(history()) > done + 1, 5, "there is a sample after the last message")
    samples = history()

    def passed(rate: str) -> float:
        """How much went through in all, as the samples' rates say."""
        pairs = zip(samples, samples[1:], strict=False)
        return sum(after[rate] * (after["timestamp"] - before["timestamp"]) for before, after in pairs)

    assert passed("messages_to_clients_per_second") == pytest.approx(20, rel=0.2)
    assert passed("messages_to_upstream_per_second") == pytest.approx(20, rel=0.2)
    batches = passed("batches_per_second")
    assert 0 < batches < 25
    sizes = {sample["avg_batch_size"] for sample in samples if sample["batches_per_second"] > 0}
    assert sizes and min(sizes) >= 1
    assert all(0 <= sample["avg_batch_delay_ms"] < 1000 for sample in samples)
    assert all(0 <= sample["delay_p50_ms"] <= sample["delay_p99_ms"] < 1000 for sample in samples)
    assert any(sample["delay_p99_ms"] > 0 for sample in samples)
    assert 0 < passed("frames_to_clients_per_second") <= passed("messages_to_clients_per_second") * 1.001
    assert passed("payload_bytes_per_second") == pytest.approx(10 * 9 + 10 * 10, rel=0.2)
    assert passed("sent_bytes_per_second") > passed("payload_bytes_per_second")
    assert samples[0]["active_sessions"] == 0 and samples[-1]["active_sessions"] == 1
    assert max(sample["active_connections"] for sample in samples) == 1
    middle = samples[len(samples) // 2]["timestamp"]
    since = json.loads(proxy.admin(f"/api/performance/websocket/metrics?since={middle}")[1])["metrics"]
    assert since[0]["timestamp"] == middle and len(since) < len(history())
    summary = json.loads(proxy.admin("/api/performance/websocket/summary")[1])
    assert summary["peak_active_sessions"] == 1 and 0 < summary["average_active_sessions"] < 1
    assert 0 < summary["average_active_connections"] < 1


@pytest.mark.parametrize(
    "fields",
    [
        "Host: evil.example",
        "Host: 127.0.0.1.evil.example",
        "Host: 127.0.0.1\nOrigin: http://127.0.0.1",
        "Host: localhost\nOrigin: null",
        "Host: 127.0.0.1\nOrigin: https://evil.example",
    ],
)
@pytest.mark.parametrize("path", ["/metrics", "/api/performance/websocket/stats"])
def test_foreign_host_or_any_origin_is_refused(sheaf: Sheaf, fields: str, path: str) -> None:
    with RawClient(sheaf.admin_port) as client:
        assert client.request(f"GET {path} HTTP/1.1\n{fields}\nConnection: close\n\n").status == 403


def ask(proxy: Sheaf, path: str, host: str, fields: str = "") -> tuple[int, str]:
    with RawClient(proxy.admin_port) as client:
        response = client.request(f"GET {path} HTTP/1.1\nHost: {host}\n{fields}Connection: close\n\n")
    return response.status, response.body.decode()


def test_names_of_a_compose_file_and_a_service_are_served_where_they_are_allowed(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"admin": {"allowed_hosts": ["sheaf", "*.svc"]}})
    for host in ("sheaf:9901", "Sheaf", "sheaf.default.svc:9901"):
        assert ask(proxy, "/metrics", host)[0] == 200
    for host in ("sheaf.example", "svc", "evil.example"):
        assert ask(proxy, "/metrics", host)[0] == 403
    assert ask(proxy, "/metrics", "sheaf", "Origin: http://sheaf\n")[0] == 403


def test_right_token_is_proof_enough_whatever_the_host(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"admin": {"token": "correct-horse"}})
    token = "Authorization: Bearer correct-horse\n"
    for path in ("/metrics", "/api/performance/websocket/stats"):
        assert ask(proxy, path, "sheaf:9901", token)[0] == 200
        assert ask(proxy, path, "sheaf:9901")[0] == 403
        assert ask(proxy, path, "sheaf:9901", "Authorization: Bearer wrong-horse\n")[0] == 403
        assert ask(proxy, path, "sheaf:9901", token + "Origin: http://sheaf:9901\n")[0] == 403
    assert "correct-horse" not in proxy.log()


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
def test_probes_answer_by_any_name(sheaf: Sheaf, path: str) -> None:
    assert ask(sheaf, path, "sheaf-admin.default.svc.cluster.local:9901")[0] == 200
    assert ask(sheaf, path, "sheaf", "Origin: http://sheaf\n")[0] == 403


def test_refusal_for_the_host_is_told_once_with_the_remedy(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    for _ in range(3):
        status, body = ask(proxy, "/metrics?token=s3cr3t", "sheaf-admin:9901")
        assert status == 403 and "admin.allowed_hosts" in body and "admin.token" in body
        assert json.loads(body)["status"] == 403
    ask(proxy, "/metrics", "other.example")
    proxy.wait_for_log("host=sheaf-admin")
    assert proxy.count_log_lines("admin listener refused") == 1
    (line,) = proxy.log_lines("admin listener refused")
    assert " warning " in line and "s3cr3t" not in line
    assert "allowed_hosts = ['sheaf-admin']" in line, line
    remedied = make_sheaf(backend.url, {"admin": {"allowed_hosts": ["sheaf-admin"]}})
    assert ask(remedied, "/metrics", "sheaf-admin:9901")[0] == 200
    assert remedied.log_lines("admin listener refused") == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.0.0.1:{port}", "localhost:{port}"])
def test_own_hosts_are_served(sheaf: Sheaf, host: str) -> None:
    with RawClient(sheaf.admin_port) as client:
        text = f"GET /metrics HTTP/1.1\nHost: {host.format(port=sheaf.admin_port)}\nConnection: close\n\n"
        assert client.request(text).status == 200


def test_probe_by_pod_address_is_served(sheaf: Sheaf) -> None:
    """A kubelet asks with the pod's address as Host; the probes tell nothing worth stealing."""
    with RawClient(sheaf.admin_port) as client:
        assert client.request("GET /livez HTTP/1.1\nHost: 10.1.2.3:9901\nConnection: close\n\n").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/api/performance/websocket/stats"])
def test_other_methods_are_refused(sheaf: Sheaf, method: str, path: str) -> None:
    with RawClient(sheaf.admin_port) as client:
        response = client.request(
            f"{method} {path} HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 0\nConnection: close\n\n"
        )
    assert response.status == 405 and "GET" in (response.get("allow") or "")


def test_unknown_path_is_404(sheaf: Sheaf) -> None:
    assert sheaf.admin("/nothing")[0] == 404


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\nHost: a\n\n",
        b"POST /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_garbage_ends_that_connection_only(sheaf: Sheaf, garbage: bytes) -> None:
    with RawClient(sheaf.admin_port, timeout=5) as client:
        client.send_quietly(garbage)
        answer = client.read_until(b"\r\n")
    assert answer == b"" or b" 4" in answer or b" 5" in answer
    assert sheaf.admin("/livez")[0] == 200


def test_token_guards_all_but_the_probes(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"admin": {"token": "correct-horse"}})
    assert proxy.admin("/livez")[0] == proxy.admin("/readyz")[0] == 200
    for path in ("/metrics", "/api/performance/websocket/stats"):
        assert proxy.admin(path)[0] == 401
        assert proxy.admin(path, headers={"Authorization": "Bearer wrong-horse"})[0] == 401
        assert proxy.admin(path, headers={"Authorization": "Bearer correct-hors"})[0] == 401
        assert proxy.admin(path, headers={"Authorization": "Basic correct-horse"})[0] == 401
        assert proxy.admin(path, headers={"Authorization": "Bearer correct-horse"})[0] == 200
    assert "correct-horse" not in proxy.log()


def test_admin_paths_are_not_served_to_clients(sheaf: Sheaf) -> None:
    for path in ("/metrics", "/livez", "/api/performance/websocket/stats"):
        assert get(sheaf.port, path).status == 404


def test_admin_answers_while_clients_keep_the_workers_busy(sheaf: Sheaf) -> None:
    clients = [RawClient(sheaf.port) for _ in range(8)]
    for client in clients:
        client.send(b"GET /download?bytes=300000000 HTTP/1.1\r\nHost: a\r\n\r\n")
    for _ in range(20):
        assert sheaf.admin("/livez")[0] == 200
    for client in clients:
        client.close()
