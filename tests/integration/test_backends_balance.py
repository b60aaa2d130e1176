"""Which of several real processes, on ports and Unix sockets, gets a new WebSocket or request, and who says so."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest

from harness.endpoints import by_pid, endpoints_of, open_sockets, pid_of, pids_of
from harness.frames import RawWebSocket
from harness.ports import wait_until
from harness.processes import Processes, name_of
from harness.raw import RawClient, get
from harness.reloading import ReloadableSheaf
from harness.sheaf import Conf, Sheaf

EVENLY = {"least_sessions": 0, "round_robin": 2}  # by how many of 80 two processes may differ; see below


def hold(stack: ExitStack, clients: list[RawWebSocket]) -> list[RawWebSocket]:
    """They are closed when the stack is left."""
    for one in clients:
        stack.enter_context(one)
    return clients


@pytest.mark.parametrize("balance", list(EVENLY))
def test_websockets_are_even_over_all_workers(make_sheaf, processes: Processes, balance: str) -> None:
    """By turns each worker counts for itself, so that two may be one apart in the same direction."""
    proxy: Sheaf = make_sheaf("", processes.conf(balance=balance))
    with ExitStack() as stack:
        clients = hold(stack, open_sockets(proxy, 80))
        seen = by_pid(clients)
        assert set(seen) == set(processes.pids)
        assert max(seen.values()) - min(seen.values()) <= EVENLY[balance], seen
        for number, client in enumerate(clients):
            client.check_echo(str(number).encode())


def test_least_sessions_fills_up_where_sessions_have_left(make_sheaf, processes: Processes) -> None:
    proxy: Sheaf = make_sheaf("", processes.conf())
    with ExitStack() as stack:
        clients = hold(stack, open_sockets(proxy, 80))
        home = pid_of(clients[0].handshake)
        for client in clients:
            if pid_of(client.handshake) == home:
                client.close()
        name = name_of(processes[processes.pids.index(home)])
        wait_until(lambda: endpoints_of(proxy)[name]["sessions"] == 0, 5, "their ends are known")
        assert by_pid(hold(stack, open_sockets(proxy, 20))) == {home: 20}


def test_requests_are_spread_on_one_connection_and_on_many(make_sheaf, processes: Processes) -> None:
    proxy: Sheaf = make_sheaf("", processes.conf())
    seen = pids_of(proxy, 40)
    assert set(seen) == set(processes.pids) and min(seen.values()) >= 5, seen
    with RawClient(proxy.port) as client:
        kept = Counter(pid_of(client.request("GET / HTTP/1.1\nHost: a\n\n")) for _ in range(40))
    assert set(kept) == set(processes.pids) and min(kept.values()) >= 5, kept


KEYS = {
    "header:X-Room": lambda key: ("/", f"X-Room: {key}\r\n"),
    "query:room": lambda key: (f"/?a=1&room={key}", ""),
    "cookie:room": lambda key: ("/", f"Cookie: a=1; room={key}\r\n"),
}
ROOMS = range(120)


def homes(proxy: Sheaf, key: str) -> list[int]:
    """The process of each room."""
    return [pid_of(get(proxy.port, *KEYS[key](room))) for room in ROOMS]


@pytest.mark.parametrize("key", list(KEYS))
def test_hash_keeps_a_key_where_it_is_and_moves_only_the_share_of_one_that_goes(
    make_reloadable, processes: Processes, key: str
) -> None:
    options = {"balance": "hash", "balance_key": key}
    proxy: ReloadableSheaf = make_reloadable("", processes.conf(**options))
    before = homes(proxy, key)
    assert min(Counter(before)[pid] for pid in processes.pids) >= 10, "all of them have a share"
    assert homes(proxy, key) == before
    with RawWebSocket(proxy.port, "/ws" + KEYS[key](7)[0][1:], KEYS[key](7)[1]) as socket:
        assert pid_of(socket.handshake) == before[7], "WebSockets go by the same key"
    gone = processes.pids[2]
    left = {"upstream": {**processes.conf(**options)["upstream"], "urls": [*processes.urls[:2], processes.urls[3]]}}
    proxy.reload(left)
    after = homes(proxy, key)
    assert gone not in after
    assert [new for old, new in zip(before, after) if old != gone] == [old for old in before if old != gone]
    proxy.reload()
    assert homes(proxy, key) == before


def test_hash_of_the_address(make_sheaf, processes: Processes) -> None:
    """Of the client, whom a trusted proxy (the loopback) tells by X-Forwarded-For."""
    proxy: Sheaf = make_sheaf("", processes.conf(balance="hash"))
    assert len(pids_of(proxy, 12)) == 1

    def home(number: int) -> int:
        return pid_of(get(proxy.port, "/", f"X-Forwarded-For: 198.51.100.{number}\r\n"))

    before = [home(number) for number in range(60)]
    assert set(before) == set(processes.pids)
    assert [home(number) for number in range(60)] == before


def test_routes_go_to_backends_of_their_own(make_sheaf, processes: Processes) -> None:
    urls, pids = processes.urls, processes.pids
    conf: Conf = {
        "upstream": {"url": urls[0]},
        "backend": [{"name": "pair", "urls": urls[1:3], "balance": "round_robin"}, {"name": "one", "url": urls[3]}],
    }
    routes: list[Conf] = [{"path": "/pair", "backend": "pair"}, {"path": "/ws", "backend": "one"}]
    proxy: Sheaf = make_sheaf("", {**conf, "workers": 1}, routes)
    assert pids_of(proxy, 10) == {pids[0]: 10}
    assert pids_of(proxy, 10, "/pair/a") == {pids[1]: 5, pids[2]: 5}
    with RawWebSocket(proxy.port, "/ws") as socket:
        assert pid_of(socket.handshake) == pids[3]
        assert list(endpoints_of(proxy, "one")) == [name_of(processes[3])]
    assert set(endpoints_of(proxy, "pair")) == {name_of(processes[1]), name_of(processes[2])}


def test_what_is_told_agrees_with_what_is_open(make_sheaf, processes: Processes) -> None:
    proxy: Sheaf = make_sheaf("", processes.conf())
    names = [name_of(one) for one in processes.all]
    with ExitStack() as stack:
        hold(stack, open_sockets(proxy, 22))
        told = endpoints_of(proxy)
        assert set(told) == set(names)
        for one, name in zip(processes.figures(), names):
            assert told[name]["sessions"] == one["sockets"] in (5, 6)
            assert told[name]["connections"]["active"] == one["sockets"]
            assert (told[name]["state"], told[name]["up"]) == ("up", True)
            of = {"backend": "default", "endpoint": name}
            assert proxy.metric("sheaf_endpoint_sessions", **of) == one["sockets"]
            assert proxy.metric("sheaf_endpoint_links", state="active", **of) == one["sockets"]
            assert proxy.metric("sheaf_endpoint_requests_total", **of) == told[name]["requests"] == one["sockets"]
            assert proxy.metric("sheaf_endpoint_up", **of) == 1
            assert proxy.metric("sheaf_endpoint_draining", **of) == 0
    wait_until(lambda: all(one["sessions"] == 0 for one in endpoints_of(proxy).values()), 5, "none is open")
    wait_until(lambda: all(one["sockets"] == 0 for one in processes.figures()), 5, "their ends are known")


def test_access_log_names_the_endpoint(make_sheaf, processes: Processes) -> None:
    proxy: Sheaf = make_sheaf("", processes.conf())
    pids = {name_of(one): one.process.pid for one in processes.all}
    for number in range(8):
        home = pid_of(get(proxy.port, f"/request-{number}"))
        line = proxy.wait_for_log("access", f"/request-{number}")[0]
        assert [pid for name, pid in pids.items() if f"upstream={name}" in line] == [home], line
        with RawWebSocket(proxy.port, f"/ws/{number}") as socket:
            home = pid_of(socket.handshake)
        line = proxy.wait_for_log("access", f"/ws/{number}")[0]
        assert [pid for name, pid in pids.items() if f"upstream={name}" in line] == [home], line


def test_access_log_names_the_endpoint_that_gave_no_answer(make_sheaf, make_processes) -> None:
    """They hang, until the client or Sheaf has had enough."""
    processes: Processes = make_processes(2)
    names = {one.process.pid: name_of(one) for one in processes.all}
    conf: Conf = {**processes.conf(balance="round_robin"), "timeouts": {"response": "300ms"}, "workers": 1}
    proxy: Sheaf = make_sheaf("", conf)
    for _ in range(2):
        assert get(proxy.port, "/slow?30").status == 504
    lines = wait_until(lambda: len(seen := proxy.log_lines("access", "status=504")) == 2 and seen, 5, "both are told")
    assert {name for name in names.values() if any(f"upstream={name}" in line for line in lines)} == set(names.values())
    with RawClient(proxy.port) as client:
        client.send(b"GET /slow?30 HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: sum(one["sessions"] for one in endpoints_of(proxy).values()) == 1, 5, "it is asked")
        client.reset()
    assert "upstream=" in proxy.wait_for_log("access", "target=/slow", "status=499")[0]
