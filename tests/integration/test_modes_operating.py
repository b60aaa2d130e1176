"""Operating Sheaf, in tunnel and in mux alike: drain, reload, time limits, and memory that runs short."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.closings import Closings
from harness.frames import PING, RawWebSocket, close_frame
from harness.leaky import IDLE, ReloadableLeaky, grow_old, shed
from harness.modes import MODES, Served, served_in
from harness.ports import wait_until
from harness.raw import get
from harness.scripts import ACCEPT, scripted

served = served_in("tunnel", "mux", conf={"memory": IDLE, "workers": 1}, kind=ReloadableLeaky)
PROXIED = [mode for mode in MODES if mode != "direct"]


@pytest.fixture(params=PROXIED)
def own(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    """One whose Sheaf the test may end."""
    with Served(folder, request.param) as running:
        yield running


def test_drain_closes_all_and_handlers_are_told(own: Served) -> None:
    clients = [RawWebSocket(own.port, f"/ws/closed?tag=d{index}") for index in range(30)]
    for client in clients:
        client.check_echo(b"here")
    with Closings(clients) as closings:
        own.sheaf.signal(signal.SIGTERM)
        closed = closings.wait_for(len(clients), 20)
        assert own.sheaf.wait(15) == 0
    assert {one.code for one in closed} == {1012}
    assert {own.notes.wait_for(f"d{index}")[0][0] for index in range(len(clients))} == {1012}


def test_sigkill_of_sheaf_is_told_to_handlers(own: Served) -> None:
    with ExitStack() as stack:
        for index in range(10):
            client = stack.enter_context(RawWebSocket(own.port, f"/ws/closed?tag=k{index}"))
            client.check_echo(b"here")
        own.sheaf.process.kill()
        own.sheaf.exit_codes = (-9,)
        assert {own.notes.wait_for(f"k{index}")[0][0] for index in range(10)} <= {1005, 1006}


def test_reload_leaves_sessions_alone(served: Served) -> None:
    with RawWebSocket(served.port) as client:
        client.check_echo(b"before")
        for number in range(3):
            served.sheaf.put({"limits": {"max_fields": 100 + number}})
            served.sheaf.hang_up()
            client.check_echo(b"after %d" % number)
            with RawWebSocket(served.port) as other:
                other.check_echo(b"new")
    served.sheaf.reload()


def test_ping_time_out_of_a_client_is_told_to_the_handler(own: Served) -> None:
    own.sheaf.reload({"websocket": {"ping_interval": "300ms", "ping_timeout": "500ms"}})
    with RawWebSocket(own.port, "/ws/closed?tag=dead") as client:
        client.check_echo(b"here")
        assert client.read_frame().opcode == PING  # type: ignore[union-attr]
        (noted,) = own.notes.wait_for("dead")
    assert noted[0] in (1001, 1005, 1006, 1011)


def test_close_that_the_client_does_not_answer(own: Served) -> None:
    own.sheaf.reload({"websocket": {"close_timeout": "500ms"}})
    with scripted(own, "unanswered", "receive", ACCEPT, {"type": "websocket.close", "code": 4000}, "receive") as client:
        assert client.read_close().code == 4000
        assert client.ended(10)
    assert own.notes.wait_for("unanswered", 3)[1]["code"] == 4000


def test_idle_sessions_are_shed_when_memory_runs_short(served: Served) -> None:
    sheaf = served.sheaf
    assert isinstance(sheaf, ReloadableLeaky)
    clients = [RawWebSocket(served.port, f"/ws/closed?tag=m{index}") for index in range(10)]
    for client in clients:
        client.check_echo(b"here")
    try:
        with Closings(clients) as closings:
            grow_old(sheaf)
            sheaf.go_to("high")
            closed = closings.wait_for(len(clients), 30)
            assert {(one.code, one.reason) for one in closed} == {(1013, "memory is short; try again later")}
        assert shed(sheaf) == len(clients)
        assert {served.notes.wait_for(f"m{index}")[0][0] for index in range(len(clients))} == {1013}
    finally:
        sheaf.go_to("normal")
    with RawWebSocket(served.port) as client:
        client.check_echo(b"all is well again")


def test_critical_memory_refuses_newcomers(served: Served) -> None:
    sheaf = served.sheaf
    assert isinstance(sheaf, ReloadableLeaky)
    try:
        sheaf.go_to("critical")
        with pytest.raises(AssertionError):
            RawWebSocket(served.port)
    finally:
        sheaf.go_to("normal")
    wait_until(lambda: get(served.port, "/pid").status == 200, 5, "all is well again")
    with RawWebSocket(served.port) as client:
        client.check_echo(b"here")
        client.send(close_frame(1000))
        assert client.read_close().code == 1000
