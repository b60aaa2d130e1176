"""Links of mux in front of a real uvicorn: how many, for how long, what they are refused, and what becomes of them."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from harness.backend import Backend
from harness.clients_js import node
from harness.closings import Closings
from harness.frames import RawWebSocket, upgrade
from harness.modes import APP, APP_FOLDER, MUX_CONF, MUX_PATH, MUX_TOKEN, Served, accepted_paths, mux_environment
from harness.ports import wait_until
from harness.processes import APP as PROCESS_APP
from harness.raw import RawClient
from harness.reloading import ReloadableSheaf
from harness.sheaf import Conf, merged

NO_MUX = "the backend does not speak mux"


@pytest.fixture
def make_served(folder: Path) -> Iterator[Callable[..., Served]]:
    """make_served(...): in mux, see Served."""
    with ExitStack() as running:
        yield lambda **options: running.enter_context(Served(folder, "mux", **options))


def links_of(backend: Backend) -> int:
    """How many there have been."""
    return len(re.findall(rf'"WebSocket {MUX_PATH}" \[accepted\]', backend.log()))


# ---- how many, and for how long


def test_sessions_share_links_one_after_another(make_served: Callable[..., Served]) -> None:
    """Two workers, one link each; fifty sessions that come and go need no other."""
    served = make_served()
    for _number in range(50):
        with RawWebSocket(served.port) as client:
            client.check_echo(b"one after another")
    assert links_of(served.backend) <= 2


def test_sessions_per_link_makes_as_many_links_as_needed(make_served: Callable[..., Served]) -> None:
    served = make_served(conf={"workers": 1, "pool": {"sessions_per_link": 10}})
    with ExitStack() as stack:
        for number in range(35):
            stack.enter_context(RawWebSocket(served.port)).check_echo(b"%d" % number)
        assert links_of(served.backend) == 4


def test_links_age_and_their_sessions_stay(make_served: Callable[..., Served]) -> None:
    """pool.max_lifetime: GOAWAY, and newcomers come by a new link; the old ends with its last session."""
    served = make_served(conf={"workers": 1, "pool": {"max_lifetime": "1s"}})
    with RawWebSocket(served.port) as old:
        old.check_echo(b"old")
        first = links_of(served.backend)
        wait_until(lambda: links_of(served.backend) > first, 20, "a new link comes")
        with RawWebSocket(served.port) as new:
            new.check_echo(b"new")
            old.check_echo(b"still there")
    assert served.sheaf.metric("sheaf_websocket_closes_total", reason="upstream_gone") == 0


# ---- who may


@pytest.mark.parametrize("path", [MUX_PATH, "/.sheaf/%6dux", "/.sheaf//mux", "/x/../.sheaf/mux", "/.sheaf/mux?x=1"])
def test_path_of_links_is_refused_to_clients(make_served: Callable[..., Served], path: str) -> None:
    """Whatever its spelling, and with the right token."""
    served = make_served()
    wait_until(lambda: links_of(served.backend) == 2, 20, "each worker has its link")
    fields = f"Authorization: Bearer {MUX_TOKEN}\nSec-WebSocket-Protocol: sheaf-mux\n"
    for request in (upgrade(path, fields), f"GET {path} HTTP/1.1\nHost: a\n{fields}\n"):
        with RawClient(served.port) as client:
            assert client.request(request).status in (403, 404)
    assert links_of(served.backend) == 2


def served_by_tunnel(proxy: ReloadableSheaf, backend: Backend) -> None:
    """Clients are served, each by a WebSocket of its own."""
    for number in range(3):
        with RawWebSocket(proxy.port) as client:
            client.check_echo(b"%d" % number)
    assert "/ws/echo" in accepted_paths(backend) and MUX_PATH not in accepted_paths(backend)


def test_backend_without_the_middleware(make_backend, make_reloadable) -> None:
    """One line says so, and the tunnel is used."""
    backend = make_backend(app=APP, app_folder=APP_FOLDER, loud=True)
    proxy = make_reloadable(backend.url, merged(MUX_CONF, {"workers": 1}))
    served_by_tunnel(proxy, backend)
    assert proxy.count_log_lines(NO_MUX) == 1
    assert proxy.log_lines(NO_MUX, "no middleware is there")


def test_wrong_token(make_backend, make_reloadable) -> None:
    """The same with words of its own; and as soon as the token is right, links."""
    backend = make_backend(
        app="sheaf_asgi:app", app_folder=APP_FOLDER, loud=True, environment=mux_environment(APP, "another-token-than-sheafs")
    )
    proxy = make_reloadable(backend.url, merged(MUX_CONF, {"workers": 1}))
    served_by_tunnel(proxy, backend)
    assert proxy.count_log_lines(NO_MUX) == 1
    assert proxy.log_lines(NO_MUX, "upstream.token is not the middleware's")
    assert MUX_TOKEN not in proxy.log() and "another-token" not in proxy.log()
    proxy.reload({"upstream": {"token": "another-token-than-sheafs"}})
    wait_until(lambda: links_of(backend) > 0, 10, "a link comes")


def test_backend_that_gets_the_middleware(folder: Path, make_backend, make_reloadable) -> None:
    """A rolling update: the address is the same, and what answers there speaks mux now."""
    old = make_backend(app=APP, app_folder=APP_FOLDER, loud=True)
    proxy = make_reloadable(old.url, merged(MUX_CONF, {"workers": 1}))
    served_by_tunnel(proxy, old)
    old.stop()
    new = make_backend(
        app="sheaf_asgi:app", app_folder=APP_FOLDER, loud=True, environment=mux_environment(APP), port=old.port
    )
    wait_until(lambda: is_served_by_link(proxy, new), 20, "a link comes", every=0.2)
    assert proxy.log_lines("the backend speaks mux now")


def is_served_by_link(proxy: ReloadableSheaf, backend: Backend) -> bool:
    """Whether a client that comes now shares a link."""
    before = backend.log().count('"WebSocket /ws/echo')
    try:
        with RawWebSocket(proxy.port) as client:
            client.check_echo(b"is there a link")
    except AssertionError:
        return False
    return links_of(backend) > 0 and backend.log().count('"WebSocket /ws/echo') == before


def test_backend_without_websockets_at_all(make_backend, make_reloadable) -> None:
    """uvicorn --ws none: clients hear what they would hear without mux."""
    backend = make_backend(app="sheaf_asgi:app", app_folder=APP_FOLDER, environment=mux_environment(APP), options=("--ws", "none"))
    proxy = make_reloadable(backend.url, merged(MUX_CONF, {"workers": 1}))
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{proxy.ws_url}/ws/echo")
    assert refused.value.response.status_code in (404, 426, 502)


# ---- its end


def test_kill_of_the_backend_closes_all_spread_and_new_links_come(make_served: Callable[..., Served]) -> None:
    served = make_served(conf={"workers": 1})
    with Closings([RawWebSocket(served.port) for _number in range(200)]) as closings:
        served.backend.kill()
        closed = closings.wait_for(200, 20)
    assert Counter(one.code for one in closed) == {1012: 200}
    times = sorted(one.at for one in closed)
    assert times[-1] - times[0] > 0.2, "they were all closed at once"
    served.backend.start()
    wait_until(lambda: is_served_by_link(served.sheaf, served.backend), 20, "a link comes", every=0.2)


def test_drain_of_sheaf_ends_its_links_in_order(make_served: Callable[..., Served]) -> None:
    served = make_served(conf={"workers": 1})
    with Closings([RawWebSocket(served.port) for _number in range(5)]) as closings:
        served.sheaf.signal(signal.SIGTERM)
        closings.wait_for(5, 20)
        assert served.sheaf.wait(15) == 0
    assert "1002" not in served.backend.log() and "Traceback" not in served.backend.log()


# ---- several processes at one address


def test_workers_of_uvicorn_share_the_sessions_and_engineio_goes_by_the_tunnel(folder: Path, make_reloadable) -> None:
    """WebSockets come to both processes by links; Socket.IO's polling and its upgrade need one process, and one line says
    what that means."""
    backend = Backend(
        folder, app="sheaf_asgi:app", app_folder=APP_FOLDER, loud=True, environment=mux_environment(PROCESS_APP["app"]),
        options=("--workers", "2"),
    )  # fmt: skip
    try:
        wait_until(lambda: backend.log().count("Application startup complete") == 2, 30, "both workers accept")
        proxy = make_reloadable(backend.url, merged(MUX_CONF, {"workers": 1}))
        with ExitStack() as stack:
            pids: set[str | None] = set()

            def both_have_sessions() -> bool:
                client = stack.enter_context(RawWebSocket(proxy.port))
                client.check_echo(b"here")
                pids.add(client.handshake.get("x-pid"))
                return len(pids) == 2

            wait_until(both_have_sessions, 20, "sessions come to both processes", every=0.1)
        assert "/ws/echo" not in accepted_paths(backend)
        seen = node("sessions.cjs", proxy.url, "10", "websocket", "3")
        assert (seen["failed"], seen["moved"], seen["transports"]) == ([], 0, {"websocket": 10})
        assert any(path.startswith("/socket.io") for path in accepted_paths(backend))
        assert proxy.count_log_lines("several processes take links at one address") == 1
    finally:
        backend.stop()


def test_engineio_shares_links_where_there_is_one_process(make_served: Callable[..., Served]) -> None:
    served = make_served(app="harness.process_app:app", conf={"workers": 1})
    for transports in ("websocket", "polling,websocket"):
        seen = node("sessions.cjs", served.url, "10", transports, "3")
        assert (seen["failed"], seen["moved"], seen["transports"]) == ([], 0, {"websocket": 10})


def test_mode_is_a_backend_s_own(make_backend, make_reloadable) -> None:
    """Of two backends one shares links, the other has the tunnel; a reload changes it for new sessions."""
    backend = make_backend(app="sheaf_asgi:app", app_folder=APP_FOLDER, loud=True, environment=mux_environment(APP))
    conf: Conf = {"workers": 1, "upstream": {"mode": "tunnel", "token": MUX_TOKEN}}
    proxy = make_reloadable(backend.url, conf)
    with RawWebSocket(proxy.port) as tunnelled:
        tunnelled.check_echo(b"by the tunnel")
        assert accepted_paths(backend) == {"/ws/echo"}
        proxy.reload({"upstream": {"mode": "mux"}})
        wait_until(lambda: is_served_by_link(proxy, backend), 10, "a link comes")
        proxy.reload({"upstream": {"mode": "tunnel"}})
        before = links_of(backend)
        wait_until(lambda: not is_served_by_link(proxy, backend), 10, "the tunnel is used")
        tunnelled.check_echo(b"all the time")
        assert links_of(backend) == before
