"""Socket.IO in front of four processes: all requests of a session come to the process that opened it."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.clients_js import node
from harness.endpoints import endpoints_of, state_of
from harness.frames import RawWebSocket
from harness.helpers import Helper
from harness.polling import PollingSession
from harness.ports import wait_until
from harness.processes import Processes, name_of
from harness.raw import get
from harness.reloading import ReloadableSheaf
from harness.sheaf import ROOT, Sheaf, scaled

EIO3 = ROOT / "build/eio3"
COMPRESSED = "the answer to a Socket.IO handshake is compressed"


def refused(processes: Processes) -> dict[str, int]:
    """Engine.IO requests that the processes answered with anything but 200."""
    return {what: count for what, count in processes.answers().items() if not what.endswith("200")}


def check_even(sessions: Counter[int], processes: Processes, total: int) -> None:
    """Within 5 percent, and all of them."""
    assert sum(sessions.values()) == total and set(sessions) == set(processes.pids), sessions
    fair = total / len(processes.pids)
    assert all(abs(count - fair) <= max(0.05 * fair, 1) for count in sessions.values()), sessions


def wait_for_affinity(proxy: Sheaf, what: str, count: int) -> None:
    """The table's figures are read once a second."""
    name = f"sheaf_affinity_{what}_total"
    wait_until(lambda: proxy.metric(name) >= count, 5, f"{name} is {count}")
    assert proxy.metric(name) == count


@pytest.mark.parametrize("kind", ["polling", "upgrade", "websocket"])
def test_python_clients_stay_in_their_process(make_sheaf, processes: Processes, kind: str) -> None:
    proxy: Sheaf = make_sheaf("", processes.conf())
    before = refused(processes)
    count = scaled(400, 80)
    with Helper("sessions", port=proxy.port, **{kind: count}) as clients:
        seen = clients.tell("ask 3")
        assert (seen["open"], seen["answered"], seen["unanswered"]) == (count, 3 * count, 0), seen
        assert (seen["moved"], seen["ended"], seen["refused"]) == (0, 0, {})
        assert seen["transports"] == {"polling" if kind == "polling" else "websocket": count}
        assert refused(processes) == before
        sessions = Counter({int(pid): number for pid, number in seen["by_pid"].items()})
        check_even(sessions, processes, count)
        told = endpoints_of(proxy)
        for one in processes.all:
            assert told[name_of(one)]["sessions"] == sessions[one.process.pid], "Sheaf counts each session once"
    learnt = 0 if kind == "websocket" else count
    wait_for_affinity(proxy, "learnt", learnt)
    assert proxy.metric("sheaf_affinity_unknown_total") == 0


@pytest.mark.parametrize("transports", ["polling", "polling,websocket", "websocket"])
def test_javascript_clients_stay_in_their_process(
    make_sheaf, processes: Processes, transports: str
) -> None:
    proxy: Sheaf = make_sheaf("", processes.conf())
    before = refused(processes)
    count = scaled(100, 40)
    seen = node("sessions.cjs", proxy.url, str(count), transports, "3")
    assert (seen["failed"], seen["moved"]) == ([], 0)
    check_even(Counter({int(pid): number for pid, number in seen["byPid"].items()}), processes, count)
    assert refused(processes) == before


def test_jsonp(make_sheaf, processes: Processes) -> None:
    proxy: Sheaf = make_sheaf("", processes.conf(balance="round_robin"))
    sessions = [PollingSession(proxy, f"EIO=4&transport=polling&j={number}") for number in range(12)]
    assert set(one.pid for one in sessions) == set(processes.pids)
    for number, one in enumerate(sessions):
        assert one.opened.body.startswith(f"___eio[{number}](".encode())
        answers = one.join(form=True)
        assert [answer.status for answer in answers] == [200, 200], answers
        assert {int(answer.get("x-pid") or 0) for answer in answers} == {one.pid}


@pytest.mark.parametrize("form", ["binary", "text", "jsonp"])
def test_engine_io_3(make_sheaf, make_processes, form: str) -> None:
    """Of python-socketio 4. A ping is answered by the next poll."""
    if not EIO3.exists():
        pytest.skip(f"{EIO3} is not there: run tests/install.sh")
    processes: Processes = make_processes(3, PYTHONPATH=str(EIO3))
    proxy: Sheaf = make_sheaf("", {"workers": 2, **processes.conf(balance="round_robin")})
    more = {"binary": "", "text": "&b64=1", "jsonp": "&j=0"}[form]
    sessions = [PollingSession(proxy, f"EIO=3&transport=polling{more}") for _ in range(18)]
    assert {one.pid for one in sessions} == set(processes.pids)
    for one in sessions:
        answers = [one.post("6:2probe", form == "jsonp"), one.poll()]
        assert [answer.status for answer in answers] == [200, 200], answers
        assert b"3probe" in answers[1].body
        assert {int(answer.get("x-pid") or 0) for answer in answers} == {one.pid}
    assert refused(processes) == {}


def test_every_request_of_a_session_on_a_connection_of_its_own(make_sheaf, processes: Processes) -> None:
    """Whichever of the workers takes it; and the upgrade as well."""
    proxy: Sheaf = make_sheaf("", {"workers": 4, **processes.conf(balance="round_robin")})
    sessions = [PollingSession(proxy) for _ in range(24)]
    for one in sessions:
        assert {int(answer.get("x-pid") or 0) for answer in one.join()} == {one.pid}
    for one in sessions:
        with RawWebSocket(proxy.port, f"/socket.io/?EIO=4&transport=websocket&sid={one.sid}") as socket:
            assert int(socket.handshake.get("x-pid") or 0) == one.pid


def test_compressed_handshake_is_told_once_and_not_learnt(make_sheaf, make_processes) -> None:
    processes: Processes = make_processes(2, SHEAF_TEST_COMPRESS="1")
    proxy: Sheaf = make_sheaf("", processes.conf(balance="round_robin"))
    for _ in range(5):
        opened = get(proxy.port, "/socket.io/?EIO=4&transport=polling", "Accept-Encoding: gzip\r\n")
        assert (opened.status, opened.get("content-encoding")) == (200, "gzip")
    PollingSession(proxy)
    wait_for_affinity(proxy, "learnt", 1)
    assert proxy.count_log_lines("warning", COMPRESSED) == 1


def test_without_affinity_requests_go_as_balance_says(make_sheaf, processes: Processes) -> None:
    proxy: Sheaf = make_sheaf("", processes.conf(balance="round_robin", affinity="none"))
    one = PollingSession(proxy)
    answers = [one.post("40") for _ in range(8)]
    assert {int(answer.get("x-pid") or 0) for answer in answers} > {one.pid}
    assert {answer.status for answer in answers if answer.get("x-pid") != str(one.pid)} == {400}


def test_sid_that_nobody_knows_is_answered_by_a_backend(make_sheaf, processes: Processes) -> None:
    proxy: Sheaf = make_sheaf("", processes.conf())
    one = PollingSession(proxy)
    one.sid = "made-up"
    answer = one.poll()
    assert (answer.status, answer.body) == (400, b'"Invalid session made-up"')
    assert int(answer.get("x-pid") or 0) in processes.pids
    wait_for_affinity(proxy, "unknown", 1)


def test_sessions_outlive_reloads_that_remove_their_endpoint(make_reloadable, make_processes) -> None:
    processes: Processes = make_processes(5)
    urls = processes.urls
    proxy: ReloadableSheaf = make_reloadable("", processes.conf(urls=urls[:4]))
    name = name_of(processes[0])
    with Helper("sessions", port=proxy.port, polling=20, upgrade=20) as clients:
        clients.tell("ask")
        for kept in (urls[1:], urls[2:], urls[4:]):
            proxy.reload({"upstream": {"url": None, "urls": kept}})
            seen = clients.tell("ask 3")
        assert (seen["open"], seen["unanswered"], seen["moved"], seen["ended"]) == (40, 0, 0, 0), seen
        assert state_of(proxy, name) == "removed"
        assert endpoints_of(proxy)[name]["sessions"] == 10
        fresh = [PollingSession(proxy) for _ in range(8)]
        assert {one.pid for one in fresh} == {processes.pids[4]}
        with RawWebSocket(proxy.port, "/ws") as socket:
            assert socket.handshake.get("x-pid") == str(processes.pids[4])
        proxy.reload()
        seen = clients.tell("ask 3")
        assert (seen["open"], seen["moved"], seen["ended"], refused(processes)) == (40, 0, 0, {})
        assert endpoints_of(proxy)[name]["sessions"] == 10, "it is the endpoint of before"


def test_session_that_nobody_asks_for_is_forgotten_and_one_that_lives_is_not(make_sheaf, make_processes) -> None:
    processes: Processes = make_processes(2, SHEAF_TEST_PING_INTERVAL="0.4", SHEAF_TEST_PING_TIMEOUT="0.6")
    proxy: Sheaf = make_sheaf("", processes.conf())
    with Helper("sessions", port=proxy.port, polling=2, upgrade=2) as clients:
        left = PollingSession(proxy)
        wait_for_affinity(proxy, "expired", 1)
        assert left.post("40").status == 400
        wait_for_affinity(proxy, "unknown", 1)
        seen = clients.tell("ask 2")
        assert (seen["open"], seen["moved"], seen["ended"]) == (4, 0, 0), seen
        assert proxy.metric("sheaf_affinity_sessions") == 4
    wait_until(lambda: proxy.metric("sheaf_affinity_sessions") == 0, 10, "those that have ended are forgotten")
    assert sum(one["sessions"] for one in endpoints_of(proxy).values()) == 0
