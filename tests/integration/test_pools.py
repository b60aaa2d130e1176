"""GET /pools: what connections there are to each endpoint, who waits for one, and what was counted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.backend import Backend
from harness.endpoints import endpoints_of, open_sockets, set_draining
from harness.frames import RawWebSocket
from harness.modes import Served
from harness.ports import free_port, wait_until
from harness.processes import Processes, name_of
from harness.raw import RawClient, get
from harness.recorder import OK, Recorder, Request
from harness.reloading import ReloadableSheaf
from harness.sheaf import Sheaf
from harness.stopped import each_stopped

Row = dict[str, Any]
QUIET = {"health_check_interval": "0s", "min_size": 0}  # every connection is a client's


def pools(proxy: Sheaf) -> list[Row]:
    status, body = proxy.admin("/pools")
    answer = json.loads(body)
    assert status == 200 and answer["late_workers"] == [], answer
    return answer["pools"]


def pool(proxy: Sheaf) -> Row:
    """That to the only endpoint."""
    (only,) = pools(proxy)
    return only


def test_requests_and_sessions(make_sheaf, backend: Backend) -> None:
    proxy: Sheaf = make_sheaf(backend.url, {"pool": QUIET})
    row = pool(proxy)
    assert (row["backend"], row["endpoint"], row["mode"]) == ("default", f"127.0.0.1:{backend.port}", "tunnel")
    assert (row["created"], row["requests"], row["acquire_p50_ms"], row["acquire_p99_ms"]) == (0, 0, 0, 0)
    with RawClient(proxy.port) as client:
        for _ in range(3):
            assert client.request("GET /page HTTP/1.1\nHost: a\n\n").status == 200
        row = pool(proxy)
        assert (row["state"], row["created"], row["reused"], row["requests"]) == ("up", 1, 2, 3)
        assert row["connections"]["idle"] == 1 and row["sessions"] == 0
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(RawWebSocket(proxy.port))
        row = pool(proxy)
        assert (row["sessions"], row["requests"], row["connections"]["active"]) == (4, 7, 4)
        assert 0 < row["acquire_p50_ms"] <= row["acquire_p99_ms"] < 1000
        assert (row["waiting"], row["longest_wait_seconds"], row["failed"]) == (0, 0, 0)
    wait_until(lambda: pool(proxy)["sessions"] == 0, 3, "the sessions are over")


def test_min_and_max_size_are_those_in_force(make_reloadable, backend: Backend) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"pool": {"min_size": 3, "max_size": 50}})
    wait_until(lambda: pool(proxy)["connections"]["idle"] == 3, 5, "three are warm")
    assert (pool(proxy)["min_size"], pool(proxy)["max_size"]) == (3, 50)
    proxy.reload({"pool": {"min_size": "auto", "max_size": 60}})
    assert (pool(proxy)["min_size"], pool(proxy)["max_size"]) == (0, 60), "auto is none to loopback"


def test_exhausted_pool(make_sheaf, make_recorder) -> None:
    """Two connections, both in use: who waits, and for how long, in whichever worker."""
    done: list[bool] = []

    def script(_: Request) -> bytes:
        wait_until(lambda: done, 20, "the test lets it answer")
        return OK

    recorder: Recorder = make_recorder(script)
    proxy: Sheaf = make_sheaf(recorder.url, {"workers": 2, "pool": {"max_size": 2, "acquire_timeout": "20s", **QUIET}})
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(proxy.port)) for _ in range(10)]
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        row = wait_until(lambda: [one for one in pools(proxy) if one["waiting"] == 8], 5, "eight wait")[0]
        assert row["connections"]["active"] == 2 and row["sessions"] == 10
        began = time.monotonic()
        first = pool(proxy)["longest_wait_seconds"]
        wait_until(lambda: pool(proxy)["longest_wait_seconds"] > first + 0.2, 5, "they wait longer and longer")
        assert pool(proxy)["longest_wait_seconds"] <= first + (time.monotonic() - began) + 0.2
        done.append(True)
        assert [client.response().status for client in clients] == [200] * 10
    row = pool(proxy)
    assert (row["waiting"], row["longest_wait_seconds"]) == (0, 0)
    assert row["acquire_p99_ms"] > 200, "it tells of those that waited"


def test_endpoint_that_cannot_be_reached(make_sheaf) -> None:
    proxy: Sheaf = make_sheaf(f"http://127.0.0.1:{free_port()}", {"pool": QUIET}, ready="/livez")
    assert get(proxy.port, "/").status == 503
    row = pool(proxy)
    assert (row["state"], row["created"]) == ("down", 0) and row["failed"] >= 1


def test_idle_connections_that_are_closed(make_sheaf, backend: Backend) -> None:
    proxy: Sheaf = make_sheaf(backend.url, {"pool": {**QUIET, "idle_timeout": "300ms"}})
    assert get(proxy.port, "/page").status == 200
    wait_until(lambda: pool(proxy)["evicted"] == 1, 5, "the idle one is closed")
    assert pool(proxy)["connections"]["idle"] == 0


def test_several_endpoints(make_reloadable, processes: Processes) -> None:
    proxy: ReloadableSheaf = make_reloadable("", processes.conf())
    drained = name_of(processes[0])
    set_draining(proxy, drained)
    sockets = open_sockets(proxy, 9)
    rows = {row["endpoint"]: row for row in pools(proxy)}
    assert list(rows) == sorted(rows) and set(rows) == {name_of(one) for one in processes.all}
    told = endpoints_of(proxy)
    assert {name: row["state"] for name, row in rows.items()} == {name: one["state"] for name, one in told.items()}
    assert rows[drained]["state"] == "draining" and rows[drained]["sessions"] == 0
    assert sum(row["sessions"] for row in rows.values()) == 9
    for name in set(rows) - {drained}:
        assert rows[name]["created"] >= rows[name]["sessions"] > 0
    size = proxy.stats()["connection_pool"]["pool_size"]
    assert size["active"] == 9 and size["utilization"] * size["max"] == pytest.approx(
        max(row["connections"]["active"] for row in rows.values())
    )
    for socket in sockets:
        socket.close()


@pytest.fixture
def mux(folder: Path) -> Iterator[Served]:
    with Served(folder, "mux", conf={"workers": 2}) as running:
        yield running


def test_mux_links(mux: Served) -> None:
    """A link a worker, and all sessions on the two."""
    with ExitStack() as stack:
        for number in range(20):
            stack.enter_context(RawWebSocket(mux.port)).check_echo(b"%d" % number)
        row = pool(mux.sheaf)
        assert (row["mode"], row["min_size"], row["sessions"], row["mux_sessions"]) == ("mux", 2, 20, 20)
        assert row["mux_links"] == {"opening": 0, "ready": 2, "leaving": 0}
        assert row["connections"]["active"] == 2
    wait_until(lambda: pool(mux.sheaf)["mux_sessions"] == 0, 5, "all have left")


def test_it_answers_while_a_worker_hangs(make_sheaf, backend: Backend) -> None:
    """And so do the others that only look."""
    proxy: Sheaf = make_sheaf(backend.url, {"workers": 2})
    late = set()
    for _ in each_stopped(proxy.process.pid):
        try:
            status, body = proxy.admin("/pools")
        except TimeoutError:
            continue  # the admin thread itself
        assert status == 200 and len(json.loads(body)["pools"]) == 1
        late |= set(json.loads(body)["late_workers"])
        for path in ("/config", "/routes", "/events"):
            assert proxy.admin(path)[0] == 200
    assert late == {0, 1}
