"""The application's server ends, or is killed, in every mode: what clients see, and that handlers finish first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.closings import Closings
from harness.frames import RawWebSocket
from harness.modes import MODES, Served
from harness.ports import wait_until
from harness.scripts import ACCEPT, scripted


@pytest.fixture(params=MODES)
def own(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    """One whose backend the test may end."""
    with Served(folder, request.param) as running:
        yield running


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_handlers_finish_before_the_lifespan_ends(own: Served, number: signal.Signals) -> None:
    """Thirty of them, each with a farewell that nobody hears."""
    clients = [RawWebSocket(own.port, f"/ws/farewell?tag=f{index}") for index in range(30)]
    for client in clients:
        assert client.read_message()[1] == b"ready"
    with Closings(clients) as closings:
        own.backend.process.send_signal(number)
        closed = closings.wait_for(len(clients), 15)
        own.backend.process.wait(15)
    assert {one.code for one in closed} == {1012}
    assert closings.messages == [[]] * len(clients), "a farewell was heard"
    noted = own.notes.all()
    assert noted[-1] == ("lifespan", "shutdown")
    for index in range(len(clients)):
        assert own.notes.of(f"f{index}") == [1012, "WebSocketDisconnect", "finished"]
    assert "Traceback" not in own.backend.log()


def test_handler_that_does_not_finish_is_cancelled(own: Served) -> None:
    """After --timeout-graceful-shutdown, which is 1 s here; the lifespan ends in order all the same."""
    with scripted(own, "stubborn", "receive", ACCEPT, "hang") as client:
        own.backend.process.send_signal(signal.SIGTERM)
        assert client.read_close().code == 1012
        own.backend.process.wait(15)
    assert own.notes.of("stubborn")[-1] == "cancelled"
    assert own.notes.of("lifespan") == ["shutdown"]


def test_kill_and_start_again(own: Served) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(RawWebSocket(own.port)) for _ in range(30)]
        for client in clients:
            client.check_echo(b"here")
        own.backend.kill()
        for client in clients:
            received = client.read_frame()
            assert (received and received.code) == (None if own.mode == "direct" else 1012)
    own.backend.start()
    wait_until(lambda: is_served(own), 15, "clients are served again")


def is_served(served: Served) -> bool:
    """Whether a new client has its echo."""
    try:
        with RawWebSocket(served.port) as client:
            client.check_echo(b"again")
    except AssertionError:
        return False
    return True
