"""The application's end of mux under every server that it is for: tokens, shutdown, siblings, and the environment."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from harness import mux_records as records
from harness.mux_driver import ENVIRONMENT, MuxDriver, connect_link
from harness.ports import free_port, wait_until
from harness.raw import get
from harness.ws_servers import SERVERS, Running, is_old, serving

@pytest.fixture(scope="module", params=SERVERS)
def server(folder: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    with serving(folder, request.param) as running:
        yield running


def test_sessions_work_and_all_else_is_the_applications(server: Running) -> None:
    with MuxDriver(server.port) as link, connect(f"ws://127.0.0.1:{server.port}/echo?direct") as direct:
        direct.send("straight")
        assert direct.recv(timeout=10) == "straight"
        stream = link.accepted("/echo?linked")
        link.text(stream, "by link")
        assert link.messages(stream, 1) == ["by link"]
        assert link.app.traits == 0
    assert get(server.port, "/.sheaf/mux").status == 200  # no WebSocket, so the application's


@pytest.mark.parametrize("token, subprotocol, status", [
    ("another", "sheaf-mux", 401), ("", "sheaf-mux", 401), (None, "sheaf-mux", 401), ("a secret", "chat", 400),
    ("a secret", None, 400),
])  # fmt: skip
def test_a_link_needs_the_token_and_the_subprotocol(
    server: Running, token: str | None, subprotocol: str | None, status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused, connect_link(server.port, token, subprotocol):
        pass
    assert refused.value.response.status_code == (403 if is_old(server.name) else status)


def end(server: Running) -> str:
    """What the server's log says in the end, after SIGTERM with a session open that echoes."""
    with MuxDriver(server.port) as link:
        stream = link.accepted("/echo?shut")
        link.text(stream, "hello")
        assert link.messages(stream, 1) == ["hello"]
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(Exception):
            link.next("PONG")
    server.process.wait(15)
    return server.log()


@pytest.mark.parametrize("name", [name for name in SERVERS if is_old(name)] + ["uvicorn"])
def test_starlette_of_debian_12_and_of_today(folder: Path, name: str) -> None:
    with serving(folder, name, app="harness.starlette_app:app") as server, MuxDriver(server.port) as link:
        stream = link.accepted("/echo", [("sec-websocket-protocol", "chat.v1, chat.v2")])
        link.text(stream, "hello")
        assert link.messages(stream, 1) == ["hello"]
        link.text(stream, "bye")
        assert records.read_close(link.next("CLOSE", stream)) == (4001, "")
        refused = link.next("REFUSE", link.open("/refuse"))
        assert int.from_bytes(refused.payload[:2], "little") == 403
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("name", [name for name in SERVERS if name != "hypercorn"])
def test_at_shutdown_handlers_finish_before_the_application_ends(folder: Path, name: str) -> None:
    with serving(folder, name) as server:
        log = end(server)
    # granian ends the link a moment before or after it says that it shuts down, old uvicorn by a Close that it does not tell.
    if name in ("granian", "uvicorn-debian12"):
        log = log.replace("NOTE shut disconnect 1006 -", "NOTE shut disconnect 1012 -")
    order = ["NOTE shut disconnect 1012 -", "NOTE shut farewell raised ClientGone OSError", "NOTE shut finished",
             "NOTE  lifespan shutdown"]  # fmt: skip
    # Two processes may write into one line.
    assert re.findall("|".join(map(re.escape, order)), log) == order
    assert "Traceback" not in log


def test_hypercorn_cancels_what_has_not_ended_and_nothing_is_logged_for_each_session(folder: Path) -> None:
    with serving(folder, "hypercorn") as server, MuxDriver(server.port) as link:
        for number in range(20):
            link.accepted(f"/echo?{number}")
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(Exception):
            link.next("PONG")
        server.process.wait(15)
        assert server.log().count("in the application") == 0 and server.log().count("Traceback") <= 1


@pytest.mark.parametrize("name", SERVERS)
def test_workers_that_share_a_socket_have_siblings_and_process_ids_of_their_own(folder: Path, name: str) -> None:
    with serving(folder, name, workers=2) as server:
        wait_until(lambda: siblings(server), 15, "a link says that there are siblings")
        seen: set[int] = set()
        wait_until(lambda: seen.add(process(server)) or len(seen) == 2, 20, "both workers have taken a link")


def siblings(server: Running) -> bool:
    with MuxDriver(server.port) as link:
        return link.app.traits == 1


def process(server: Running) -> int:
    with MuxDriver(server.port) as link:
        return link.app.process


def test_one_process_that_reloads_itself_has_no_siblings(folder: Path) -> None:
    with serving(folder, "uvicorn", "--reload", "--reload-dir", str(folder)) as server, MuxDriver(server.port) as link:
        first = link.app
        with MuxDriver(server.port) as again:
            assert first.traits == 0 and again.app.process == first.process > 0


def test_the_environment_names_the_application(folder: Path) -> None:
    environment = {"SHEAF_APP": "harness.mux_app:serve"}
    with serving(folder, "uvicorn", app="sheaf_asgi:app", environment=environment) as server, MuxDriver(server.port) as link:
        stream = link.accepted("/echo?environment")
        link.text(stream, "hello")
        assert link.messages(stream, 1) == ["hello"]


@pytest.mark.parametrize("environment, error", [
    ({}, "SHEAF_APP is '': set it to the application, as in SHEAF_APP=main:app"),
    ({"SHEAF_APP": "main"}, "SHEAF_APP is 'main': set it"),
    ({"SHEAF_APP": "nowhere.main:app"}, "SHEAF_APP is 'nowhere.main:app': there is no module 'nowhere'"),
    ({"SHEAF_APP": "harness.mux_app:nothing"}, "SHEAF_APP is 'harness.mux_app:nothing': module 'harness.mux_app' has no"),
    ({"SHEAF_APP": "broken:app"}, "No module named 'not_installed'"),
    ({"SHEAF_APP": "harness.mux_records:decode", "SHEAF_TOKEN": ""}, "needs a token, the same as Sheaf's upstream.token"),
])  # fmt: skip
def test_what_is_wrong_with_the_environment_is_said(environment: dict[str, str], error: str, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import not_installed\n")
    command = [sys.executable, "-m", "uvicorn", "sheaf_asgi:app", "--port", str(free_port())]
    ended = subprocess.run(command, env={**os.environ, **ENVIRONMENT, **environment}, capture_output=True, text=True,
                           cwd=tmp_path, timeout=30)  # fmt: skip
    assert ended.returncode != 0 and error in ended.stderr
