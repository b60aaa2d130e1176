"""A lack of descriptors: at start, while clients come, and the limits that keep from it."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from harness.backend import Backend
from harness.frames import TEXT, RawWebSocket, upgrade
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
from harness.recorder import Recorder, upgrade_answer
from harness.sheaf import BINARY as SHEAF
from harness.sheaf import Conf, is_sanitized, scaled, write_conf


def test_descriptors_that_run_out_pause_accepting_and_nothing_else(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(
        backend.url,
        {"workers": 1, "pool": {"min_size": 1, "health_check_interval": "0s"}, "listen": {"max_connections": 5000}},
        wrapper=["prlimit", "--nofile=96:96"],
    )
    with RawWebSocket(proxy.port) as session:
        crowd = [RawClient(proxy.port) for _ in range(100)]  # the kernel completes these; Sheaf cannot take them all
        wait_until(lambda: proxy.metric("sheaf_client_accept_pauses_total") >= 1, 5, "accepting pauses")
        session.send_frame(TEXT, b"still here")
        assert session.read_message() == (TEXT, b"still here")
        cpu, began = proxy.cpu_seconds(), time.monotonic()
        time.sleep(2)
        used = (proxy.cpu_seconds() - cpu) / (time.monotonic() - began)
        assert used < 0.05, f"{used:.0%} CPU while out of descriptors"
        assert proxy.admin("/livez")[0] == 200, "the admin listener does not answer"
        for client in crowd:
            client.close()
        wait_until(lambda: get(proxy.port, "/page").status == 200, 5, "accepting goes on")


def test_max_connections_refuses_with_503_and_recovers(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"listen": {"max_connections": 10}})
    held = [RawClient(proxy.port) for _ in range(10)]
    for client in held:
        assert client.request("GET /page HTTP/1.1\nHost: a\n\n").status == 200
    with RawClient(proxy.port) as extra:
        response = extra.request("GET /page HTTP/1.1\nHost: a\n\n")
        assert response.status == 503 and int(response.get("retry-after") or "") >= 1
        assert extra.ended(3)
    with RawClient(proxy.port) as extra:
        assert extra.request(upgrade("/ws/echo")).status == 503
    assert held[0].request("GET /page HTTP/1.1\nHost: a\n\n").status == 200
    held[0].close()
    wait_until(lambda: get(proxy.port, "/page").status == 200, 3, "a free place is given to the next")


def started_with(folder: Path, limit: int, conf: Conf) -> subprocess.CompletedProcess[str]:
    """Runs it with so many descriptors until it ends by itself; a limit that is too low is seen at start."""
    file = write_conf(folder / f"descriptors-{limit}.conf", conf, [])
    command = ["prlimit", f"--nofile={limit}:{limit}", str(SHEAF), "-c", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, stdin=subprocess.DEVNULL, check=False)


def test_limit_of_descriptors_too_low_to_serve_anybody_is_an_error_at_start(
    folder: Path, make_sheaf, backend: Backend
) -> None:
    """The error names the least limit; with that one a client is served, REST and WebSocket."""
    conf: Conf = {"workers": 3, "pool": {"min_size": 20}}
    addresses = {
        "listen": {"address": f"127.0.0.1:{free_port()}"},
        "upstream": {"url": backend.url},
        "admin": {"address": f"127.0.0.1:{free_port()}"},
    }
    ended = started_with(folder, 64, {**conf, **addresses})
    assert ended.returncode == 1
    error = ended.stderr + ended.stdout
    assert "limit of open files is 64" in error and "3 workers and 20 warm connections" in error
    assert "ulimit" in error and "LimitNOFILE" in error
    found = re.search(r"at least (\d+)", error)
    assert found, error
    least = int(found[1])
    assert started_with(folder, least - 1, {**conf, **addresses}).returncode == 1

    proxy = make_sheaf(backend.url, conf, wrapper=["prlimit", f"--nofile={least}:{least}"])
    wait_until(lambda: proxy.metric("sheaf_pool_links", state="idle") == 20, 5, "all warm connections are there")
    with RawWebSocket(proxy.port) as session:
        session.check_echo(b"served")
    wait_until(lambda: proxy.metric("sheaf_client_connections") == 0, 5, "its place is free")
    assert get(proxy.port, "/page").status == 200
    assert proxy.metric("sheaf_client_accept_pauses_total") == 0


def test_refused_clients_give_their_descriptors_back_at_once(make_sheaf, backend: Backend) -> None:
    """Ten times as many as there are descriptors, all of which stay; whom there is room for is served meanwhile."""
    proxy = make_sheaf(
        backend.url,
        {"workers": 1, "pool": {"min_size": 0, "health_check_interval": "0s"}, "listen": {"max_connections": 5}},
        wrapper=["prlimit", "--nofile=160:160"],
    )
    held = [RawClient(proxy.port) for _ in range(5)]
    for client in held:
        assert client.request("GET /page HTTP/1.1\nHost: a\n\n").status == 200
    before = proxy.descriptors()
    crowd = []
    for _ in range(1600):
        crowd.append(RawClient(proxy.port))
        crowd[-1].send_quietly(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
    assert proxy.descriptors() <= before + 40, "refused clients hold descriptors"
    assert proxy.metric("sheaf_client_accept_pauses_total") == 0, "they ran out"
    assert held[0].request("GET /page HTTP/1.1\nHost: a\n\n").status == 200
    answers = [client.response().status for client in crowd]
    assert answers == [503] * len(crowd), "an answer was lost"
    assert proxy.metric("sheaf_refusals_total", reason="overloaded") == len(crowd)
    for client in crowd:
        client.close()
    held[0].close()
    wait_until(lambda: get(proxy.port, "/page").status == 200, 5, "a free place is given to the next")


def test_half_open_handshakes_do_not_keep_others_out(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url)
    count = scaled(2000, 500)
    silent = [RawClient(proxy.port) for _ in range(count)]
    for number, client in enumerate(silent):
        client.send(b"GET / HT"[: number % 8])
    before = proxy.memory_kib()
    succeeded = 0
    for _ in range(100):
        with RawClient(proxy.port) as client:
            succeeded += client.request(upgrade("/ws")).status == 101
    assert succeeded == 100
    assert is_sanitized() or proxy.memory_kib() - before < 4 * 1024
    for client in silent:
        client.close()
