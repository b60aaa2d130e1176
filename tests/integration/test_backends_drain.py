"""An endpoint that is drained, by hand or by a reload: nothing new comes there, and what is there stays or leaves spread
out; and processes that are restarted one after another, which nobody notices."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from harness.closings import Closings
from harness.endpoints import by_pid, endpoints_of, open_sockets, pid_of, pids_of, set_draining, state_of
from harness.frames import TEXT, RawWebSocket, frame
from harness.helpers import Helper
from harness.polling import PollingSession
from harness.ports import wait_until
from harness.processes import Processes, name_of
from harness.raw import get
from harness.reloading import ReloadableSheaf
from harness.requests_load import RequestsLoad

CLOSED_WITHIN = 2.0  # seconds, reload.max_age


@pytest.mark.parametrize("index", [0, 1], ids=["tcp", "unix"])
def test_drained_endpoint_gets_nothing_new_and_keeps_what_it_has(
    make_reloadable, processes: Processes, index: int
) -> None:
    proxy: ReloadableSheaf = make_reloadable("", processes.conf())
    name, pid = name_of(processes[index]), processes.pids[index]
    old = [PollingSession(proxy) for _ in range(8)]
    with Closings(open_sockets(proxy, 8)) as watched, Helper("sessions", port=proxy.port, upgrade=8) as clients:
        clients.tell("ask")
        set_draining(proxy, name)
        assert state_of(proxy, name) == "draining"
        assert proxy.metric("sheaf_endpoint_draining", endpoint=name) == 1
        assert pid not in pids_of(proxy, 24)
        assert pid not in by_pid(open_sockets(proxy, 12))
        assert pid not in {PollingSession(proxy).pid for _ in range(12)}
        assert [one.post("40").get("x-pid") for one in old] == [str(one.pid) for one in old]
        its = next(one for one in old if one.pid == pid)
        with RawWebSocket(proxy.port, f"/socket.io/?EIO=4&transport=websocket&sid={its.sid}") as upgraded:
            assert pid_of(upgraded.handshake) == pid
        for client in watched.clients:
            client.send(frame(TEXT, b"still here"))
        wait_until(lambda: all(watched.messages), 5, "all of them echo")
        seen = clients.tell("ask 2")
        assert (seen["open"], seen["moved"], seen["ended"]) == (8, 0, 0)
        assert watched.closed == []
        set_draining(proxy, name, False)
        assert state_of(proxy, name) == "up"
        assert pid in by_pid(open_sockets(proxy, 24))


def test_with_max_age_its_websockets_leave_spread_out(make_reloadable, processes: Processes) -> None:
    conf = {**processes.conf(), "reload": {"max_age": f"{CLOSED_WITHIN:g}s"}}
    proxy: ReloadableSheaf = make_reloadable("", conf)
    with Closings(open_sockets(proxy, 120)) as watched:
        set_draining(proxy, name_of(processes[1]))
        times = sorted(one.at for one in watched.wait_for(30, 10))
        assert times[-1] - times[0] > CLOSED_WITHIN / 4, times
        closed = watched.closed
        assert {one.code for one in closed} == {1012}
        assert {watched.clients[one.index].handshake.get("x-pid") for one in closed} == {str(processes.pids[1])}
        drained = name_of(processes[1])
        wait_until(lambda: endpoints_of(proxy)[drained]["sessions"] == 0, 5, "their sessions are over")
        assert proxy.metric("sheaf_websocket_closes_total") == 30


def test_removal_by_a_reload_is_the_same(make_reloadable, processes: Processes) -> None:
    proxy: ReloadableSheaf = make_reloadable("", processes.conf())
    left = {"upstream": {"urls": processes.urls[1:]}}
    with Closings(open_sockets(proxy, 80)) as watched:
        with proxy.unchanged_sessions():
            proxy.reload(left)
            assert state_of(proxy, name_of(processes[0])) == "removed"
            assert processes.pids[0] not in pids_of(proxy, 24)
            for client in watched.clients:
                client.send(frame(TEXT, b"still here"))
            wait_until(lambda: all(watched.messages), 5, "all of them echo")
        proxy.reload({**left, "reload": {"max_age": "1s"}})
        closed = watched.wait_for(20, 10)
        assert {one.code for one in closed} == {1012}
        assert {watched.clients[one.index].handshake.get("x-pid") for one in closed} == {str(processes.pids[0])}
        wait_until(lambda: state_of(proxy, name_of(processes[0])) == "", 5, "nothing is left of it")


def test_when_all_are_drained_new_requests_are_refused(make_reloadable, processes: Processes) -> None:
    proxy: ReloadableSheaf = make_reloadable("", processes.conf())
    old = PollingSession(proxy)
    with RawWebSocket(proxy.port, "/ws") as socket:
        for one in processes.all:
            set_draining(proxy, name_of(one))
        answer = get(proxy.port, "/")
        assert (answer.status, json.loads(answer.body)["reason"]) == (503, "upstream_drained")
        assert answer.get("retry-after")
        socket.check_echo(b"still here")
        assert old.post("40").status == 200
        set_draining(proxy, name_of(processes[2]), False)
        assert pids_of(proxy, 8) == {processes.pids[2]: 8}


def test_draining_is_asked_for_with_the_token_and_by_a_name_that_there_is(
    make_reloadable, processes: Processes
) -> None:
    proxy: ReloadableSheaf = make_reloadable("", processes.conf())
    name = name_of(processes[0])
    assert proxy.admin(f"/backends/default/{name}/drain", "POST", {"Authorization": "Bearer wrong"})[0] == 401
    assert proxy.admin(f"/backends/default/{name}/drain")[0] == 405
    for unknown in (f"other/{name}", "default/127.0.0.1:1"):
        assert proxy.admin(f"/backends/{unknown}/drain", "POST")[0] == 404
    assert proxy.admin(f"/backends/default/{name}/dry", "POST")[0] == 404
    assert state_of(proxy, name) == "up"


@pytest.mark.parametrize("drained", [True, False], ids=["drained", "plain"])
def test_restart_of_all_in_turn_under_load(make_reloadable, make_processes, drained: bool) -> None:
    """SIGTERM, as systemd and Kubernetes send it. GETs go on all the time and none fails."""
    processes: Processes = make_processes()
    proxy: ReloadableSheaf = make_reloadable("", {**processes.conf(), "pool": {"health_check_interval": "500ms"}})
    with RequestsLoad(proxy.port, clients=6) as load:
        for one in processes.all:
            if drained:
                set_draining(proxy, name_of(one))
                wait_until(lambda: endpoints_of(proxy)[name_of(one)]["sessions"] == 0, 10, "its requests are over")
            one.stop()
            load.wait_for_more(100)
            one.start()
            if drained:
                set_draining(proxy, name_of(one), False)
            wait_until(lambda: str(one.process.pid) in load.recent_pids(), 20, "the new process is used")
        load.wait_for_more(200)
    assert load.failed == Counter(), load.failed
    assert load.answered > 1000
    assert set(load.recent_pids()) == {str(pid) for pid in processes.pids}
