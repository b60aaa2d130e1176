"""One of four processes dies, hangs, or says that it is unwell: only its own sessions notice."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack

import pytest

from harness.backend import Backend
from harness.closings import Closings
from harness.endpoints import by_pid, endpoints_of, open_sockets, pid_of, pids_of, state_of
from harness.frames import TEXT, RawWebSocket, frame
from harness.helpers import Helper
from harness.ports import wait_until
from harness.processes import Processes, name_of
from harness.raw import RawClient, get
from harness.requests_load import RequestsLoad
from harness.sheaf import Conf, Sheaf

CHECKED: Conf = {"pool": {"health_check_interval": "100ms", "health_check_timeout": "300ms"}}


def conf_of(processes: Processes, **options: object) -> Conf:
    """Sheaf's, with frequent health checks."""
    return {**CHECKED, **processes.conf(**options)}


def check_that_all_echo(watched: Closings, but: set[int] = frozenset()) -> None:  # type: ignore[assignment]
    """All that are open echo, without those of these indices."""
    open_now = set(range(len(watched.clients))) - set(watched.indices) - but
    before = {index: len(watched.messages[index]) for index in open_now}
    for index in open_now:
        watched.clients[index].send(frame(TEXT, b"still here"))
    wait_until(lambda: all(len(watched.messages[i]) > before[i] for i in open_now), 10, "all that are open echo")


@pytest.mark.parametrize("index", [0, 1], ids=["tcp", "unix"])
def test_kill_of_one_ends_its_sessions_alone(make_sheaf, make_processes, index: int) -> None:
    processes: Processes = make_processes()
    proxy: Sheaf = make_sheaf("", processes.conf())
    pid = processes.pids[index]
    with Closings(open_sockets(proxy, 80)) as watched, Helper("sessions", port=proxy.port, upgrade=20) as clients:
        clients.tell("ask")
        processes[index].process.kill()  # a Unix socket's file stays
        processes[index].process.wait()
        with RawWebSocket(proxy.port, "/ws") as first:
            assert pid_of(first.handshake) != pid
        closed = watched.wait_for(20, 10)
        assert {one.code for one in closed} == {1012}
        assert {pid_of(watched.clients[one.index].handshake) for one in closed} == {pid}
        assert pid not in pids_of(proxy, 24)
        check_that_all_echo(watched)
        assert len(watched.closed) == 20
        wait_until(lambda: clients.tell("ask")["open"] == 15, 10, "the clients of that process know")
        seen = clients.tell("open")
        assert (seen["open"], seen["moved"], seen["refused"]) == (20, 0, {}), seen
        assert str(pid) not in clients.tell("ask")["by_pid"]
        assert state_of(proxy, name_of(processes[index])) == "down"


def test_polling_sessions_of_one_that_died_begin_anew_elsewhere(make_sheaf, make_processes) -> None:
    processes: Processes = make_processes()
    proxy: Sheaf = make_sheaf("", processes.conf())
    with Helper("sessions", port=proxy.port, polling=20) as clients:
        clients.tell("ask")
        processes[0].kill()
        wait_until(lambda: clients.tell("report")["open"] == 15, 10, "their polls have failed")
        seen = clients.tell("open")
        assert (seen["open"], seen["ended"], seen["moved"]) == (20, 5, 0), seen
        seen = clients.tell("ask 2")
        assert sum(seen["by_pid"].values()) == 20 and len(seen["by_pid"]) == 3


def test_requests_go_elsewhere_while_one_is_down_from_the_start(make_sheaf, make_processes) -> None:
    """With and without health checks. A POST with a body goes as well, since nothing of it was sent."""
    processes: Processes = make_processes()
    processes[1].kill()
    processes[2].kill()
    for interval in ("0s", "100ms"):
        proxy: Sheaf = make_sheaf("", {"pool": {"health_check_interval": interval}, **processes.conf()})
        assert set(pids_of(proxy, 40)) == {processes.pids[0], processes.pids[3]}
        for _ in range(10):
            with RawClient(proxy.port) as client:
                assert client.request("POST / HTTP/1.1\nHost: a\nContent-Length: 5\n\nhello").status == 200
            with RawWebSocket(proxy.port, "/ws") as socket:
                socket.check_echo(b"hello")


def test_get_that_the_dead_process_had_may_fail_and_no_other(make_sheaf, make_processes) -> None:
    """kill -9 under load: what the process was working at is lost (it may have done it); what was not sent is not."""
    processes: Processes = make_processes()
    proxy: Sheaf = make_sheaf("", conf_of(processes))
    with RequestsLoad(proxy.port, clients=6) as load:
        load.wait_for_more(200)
        processes[0].kill()
        load.wait_for_more(300)
    assert load.failed.total() <= 6, load.failed
    assert str(processes.pids[0]) not in load.recent_pids()


def test_all_are_down_and_come_back(make_sheaf, make_processes) -> None:
    processes: Processes = make_processes(2)
    proxy: Sheaf = make_sheaf("", conf_of(processes))
    for one in processes.all:
        one.kill()
    wait_until(lambda: get(proxy.port, "/").status == 503, 10, "requests are refused")
    answer = get(proxy.port, "/")
    assert json.loads(answer.body)["reason"].startswith("upstream_"), answer.body
    assert answer.get("retry-after")
    assert proxy.admin("/readyz")[0] == 503
    processes[1].start()
    wait_until(lambda: proxy.admin("/readyz")[0] == 200, 10, "one is up")
    assert pids_of(proxy, 10) == {processes.pids[1]: 10}


def test_one_that_comes_back_gets_at_most_twice_what_others_get(make_sheaf, make_processes) -> None:
    processes: Processes = make_processes()
    proxy: Sheaf = make_sheaf("", {"workers": 1, **conf_of(processes, slow_start="1h")})
    name = name_of(processes[0])
    with ExitStack() as stack:
        for one in open_sockets(proxy, 80):
            stack.enter_context(one)
        # One that is back before Sheaf has seen it be away has not come back to it, and gets what the fewest sessions give.
        processes[0].kill()
        wait_until(lambda: state_of(proxy, name) == "down", 10, "it is down")
        processes[0].start()
        wait_until(lambda: state_of(proxy, name) == "up" and endpoints_of(proxy)[name]["sessions"] == 0, 10, "it is back")
        new = [stack.enter_context(one) for one in open_sockets(proxy, 50)]
        seen = by_pid(new)
        others = [seen[pid] for pid in processes.pids[1:]]
        assert seen[processes.pids[0]] > max(others), seen
        assert seen[processes.pids[0]] <= 2 * sum(others) / 3 + 2, seen


def test_max_fails_and_a_health_check_that_says_no(make_sheaf, make_processes) -> None:
    processes: Processes = make_processes(3)
    pool = {**CHECKED["pool"], "health_check_path": "/health"}
    proxy: Sheaf = make_sheaf("", {"pool": pool, **processes.conf(max_fails=3)})
    name, pid = name_of(processes[0]), processes.pids[0]
    wait_until(lambda: all(one["up"] for one in endpoints_of(proxy).values()), 10, "all are up")
    set_health(processes[0], 503)
    with Closings(open_sockets(proxy, 12)) as watched:
        wait_until(lambda: state_of(proxy, name) == "down", 10, "it is down")
        assert endpoints_of(proxy)[name]["failures"] >= 3
        assert pid not in pids_of(proxy, 12)
        check_that_all_echo(watched)
        assert watched.closed == [], "its WebSockets are well"
        set_health(processes[0], 200)
        wait_until(lambda: state_of(proxy, name) == "up", 10, "it is up after one success")
        wait_until(lambda: pid in pids_of(proxy, 6), 10, "it is used again")


def set_health(backend: Backend, status: int) -> None:
    """How the process answers GET /health from now on."""
    with RawClient(backend.path or backend.port) as client:
        assert client.request(f"PUT /health?{status} HTTP/1.1\nHost: a\n\n").status == 200


def test_process_that_hangs_is_found_out_by_a_health_check_with_a_path(make_sheaf, make_processes) -> None:
    """Its kernel goes on accepting. Others go on meanwhile; its own sessions do as well, once it does."""
    processes: Processes = make_processes()
    proxy: Sheaf = make_sheaf("", {"pool": {**CHECKED["pool"], "health_check_path": "/health"}, **processes.conf()})
    name, pid = name_of(processes[1]), processes.pids[1]
    with Closings(open_sockets(proxy, 40)) as watched:
        its = {number for number, one in enumerate(watched.clients) if pid_of(one.handshake) == pid}
        processes[1].suspend()
        wait_until(lambda: state_of(proxy, name) == "down", 10, "it is down")
        assert pid not in pids_of(proxy, 24)
        assert pid not in by_pid(open_sockets(proxy, 8))
        check_that_all_echo(watched, but=its)
        processes[1].resume()
        wait_until(lambda: state_of(proxy, name) == "up", 10, "it is up")
        check_that_all_echo(watched)
        assert watched.closed == []
        wait_until(lambda: pid in pids_of(proxy, 8), 10, "it is used again")


def test_endpoint_that_nobody_serves_at_all_costs_nobody_anything(make_sheaf, make_processes, folder) -> None:
    """A Unix socket that never was there, and a port on which nobody listens, beside one that works."""
    processes: Processes = make_processes(1)
    urls = [f"unix:{folder}/never.sock", "http://127.0.0.1:9", processes.urls[0]]
    proxy: Sheaf = make_sheaf("", {"upstream": {"url": None, "urls": urls}})
    assert pids_of(proxy, 30) == Counter({processes.pids[0]: 30})
    assert endpoints_of(proxy)["127.0.0.1:9"]["state"] == "down"
