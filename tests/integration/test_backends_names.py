"""A backend whose endpoints come and go all the time, by its name's addresses and by reloads."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.closings import Closings
from harness.endpoints import by_pid, endpoints_of, open_sockets, pid_of, pids_of, state_of
from harness.frames import TEXT, RawWebSocket, frame
from harness.helpers import Helper
from harness.name_server import NAME, Names, skip_without_namespaces
from harness.polling import PollingSession
from harness.ports import wait_until
from harness.processes import Processes, name_of
from harness.reloading import ReloadableSheaf
from harness.requests_load import RequestsLoad
from harness.sheaf import Conf, scaled

ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]
SEED = 15


@pytest.fixture
def names(tmp_path: Path) -> Names:
    skip_without_namespaces(tmp_path)
    return Names(tmp_path)


@pytest.fixture(scope="module")
def at_addresses(folder: Path) -> Iterator[Processes]:
    """A process at each of ADDRESSES, all on one port."""
    with Processes(folder, addresses=ADDRESSES) as running:
        yield running


def conf_of(processes: Processes) -> Conf:
    """The name, looked up all the time."""
    return processes.conf(url=f"http://{NAME}:{processes[0].port}", urls=None, resolve_interval="20ms")


def listed(proxy: ReloadableSheaf) -> set[str]:
    """The endpoints that may get something new."""
    return {name for name, one in endpoints_of(proxy).items() if one["state"] in ("up", "down")}


def lead(proxy: ReloadableSheaf, names: Names, *backends: object) -> None:
    """The name leads to these, and Sheaf knows."""
    names.point_to(*(one.host for one in backends))  # type: ignore[attr-defined]
    wanted = {name_of(one) for one in backends}  # type: ignore[arg-type]
    wait_until(lambda: listed(proxy) == wanted, 10, f"the endpoints are {wanted}")


def test_endpoints_follow_the_name(make_reloadable, names: Names, at_addresses: Processes) -> None:
    names.point_to(*ADDRESSES[:2])
    proxy: ReloadableSheaf = make_reloadable("", conf_of(at_addresses), wrapper=names.wrapper)
    one, two, three, _ = at_addresses.all
    pids = at_addresses.pids
    lead(proxy, names, one, two)
    assert set(pids_of(proxy, 12)) == set(pids[:2])
    lead(proxy, names, one, two, three)
    with Closings(open_sockets(proxy, 12)) as watched:
        assert by_pid(list(watched.clients)) == {pid: 4 for pid in pids[:3]}
        sessions = [PollingSession(proxy) for _ in range(9)]
        assert {session.pid for session in sessions} == set(pids[:3])
        with proxy.unchanged_sessions():
            lead(proxy, names, three)
            assert pids_of(proxy, 12) == {pids[2]: 12}
            assert state_of(proxy, name_of(one)) == "unlisted"
            for client in watched.clients:
                client.send(frame(TEXT, b"still here"))
            wait_until(lambda: all(watched.messages), 5, "all of them echo")
            for session in sessions:
                assert {int(answer.get("x-pid") or 0) for answer in session.join()} == {session.pid}
        lead(proxy, names, two, three)
        with RawWebSocket(proxy.port, "/ws") as socket:
            assert pid_of(socket.handshake) in pids[1:3]
        assert endpoints_of(proxy)[name_of(two)]["sessions"] >= 4 + 3, "the same address is the same endpoint"


def test_name_that_is_lost_removes_nothing(make_reloadable, names: Names, at_addresses: Processes) -> None:
    names.point_to(*ADDRESSES[:3])
    proxy: ReloadableSheaf = make_reloadable("", conf_of(at_addresses), wrapper=names.wrapper)
    before = listed(proxy)
    assert len(before) == 3
    names.point_to(None)
    proxy.wait_for_log("the backend's name cannot be looked up", seconds=5)
    assert set(pids_of(proxy, 24)) == set(at_addresses.pids[:3])
    names.point_to(*ADDRESSES[:3])
    proxy.wait_for_log("the backend's name can be looked up again", seconds=5)
    assert listed(proxy) == before


def bear(proxy: ReloadableSheaf, processes: Processes, change: Callable[[list[int]], None]) -> None:
    """Changes which processes are endpoints again and again, while WebSockets, Socket.IO sessions and requests go on."""
    rounds = scaled(100, 30)
    chance = random.Random(SEED)
    with (
        Closings(open_sockets(proxy, 40)) as watched,
        Helper("sessions", port=proxy.port, polling=20, upgrade=20) as clients,
        RequestsLoad(proxy.port) as load,
    ):
        seen = clients.tell("ask")
        assert seen["open"] == 40, seen
        for number in range(rounds):
            change(sorted(chance.sample(range(4), chance.randint(1, 4))))
            load.wait_for_more(5)
            if number % 10 == 0:
                seen = clients.tell("ask")
        seen = clients.tell("ask")
        assert (seen["open"], seen["unanswered"], seen["moved"], seen["ended"], seen["refused"]) == (40, 0, 0, 0, {})
        for client in watched.clients:
            client.send(frame(TEXT, b"still here"))
        wait_until(lambda: all(watched.messages), 5, "all of them echo")
        assert watched.closed == []
        load.wait_for_more(10)
    assert load.failed == {}, load.failed
    assert load.answered > 5 * rounds
    assert all(key.endswith("200") for key in processes.answers()), processes.answers()


def test_many_changes_of_the_name(make_reloadable, names: Names, at_addresses: Processes) -> None:
    names.point_to(*ADDRESSES)
    proxy: ReloadableSheaf = make_reloadable("", conf_of(at_addresses), wrapper=names.wrapper)
    bear(proxy, at_addresses, lambda chosen: lead(proxy, names, *(at_addresses[i] for i in chosen)))


def test_many_reloads(make_reloadable, processes: Processes) -> None:
    proxy: ReloadableSheaf = make_reloadable("", processes.conf())

    def change(chosen: list[int]) -> None:
        proxy.reload({"upstream": {"urls": [processes.urls[i] for i in chosen]}})
        assert listed(proxy) == {name_of(processes[i]) for i in chosen}

    bear(proxy, processes, change)
