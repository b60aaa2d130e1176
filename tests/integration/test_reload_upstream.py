"""What a reload does to [upstream]: living sessions stay where they are, all else goes where the file says now."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Authority, Pair
from harness.frames import RawWebSocket
from harness.name_server import NAME, Names, skip_without_namespaces
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
from harness.recorder import OK, Recorder, Request, upgrade_answer
from harness.reloading import ReloadableSheaf, live, new_sessions
from harness.sheaf import Conf

QUIET: Conf = {"workers": 2, "pool": {"min_size": 0, "health_check_interval": "0s"}}


def named(name: str) -> Callable[[Request], bytes]:
    """A backend's script: says its name, upgrades what asks for it, and echoes nothing."""

    def script(request: Request) -> bytes:
        if request.get("upgrade"):
            return upgrade_answer(request, f"X-Backend: {name}\r\n".encode())
        return f"HTTP/1.1 200 OK\r\nX-Backend: {name}\r\nContent-Length: 0\r\n\r\n".encode()

    return script


@pytest.fixture
def unix_backend(folder: Path) -> Iterator[Backend]:
    running = Backend(folder, unix=True)
    yield running
    running.stop()


@live("upstream.url")
def test_url(make_reloadable, make_recorder) -> None:
    one, two = make_recorder(named("one"), at_head=True), make_recorder(named("two"), at_head=True)
    proxy: ReloadableSheaf = make_reloadable(one.url, QUIET)
    with RawClient(proxy.port) as kept:
        assert kept.request("GET / HTTP/1.1\nHost: a\n\n").get("x-backend") == "one"
        proxy.reload({"upstream": {"url": two.url}})
        assert kept.request("GET / HTTP/1.1\nHost: a\n\n").get("x-backend") == "two", "on a connection that stands"
        assert [get(proxy.port).get("x-backend") for _ in range(10)] == ["two"] * 10
        wait_until(lambda: not one.open_connections, 5, "idle connections to the former backend are closed")
        proxy.reload()
        assert [get(proxy.port).get("x-backend") for _ in range(10)] == ["one"] * 10


@live("upstream.url")
def test_sessions_stay_at_their_backend(make_reloadable, backend: Backend, unix_backend: Backend) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url, QUIET)
    with RawWebSocket(proxy.port) as old:
        proxy.reload({"upstream": {"url": unix_backend.url}})
        with RawWebSocket(proxy.port) as new:
            for number in range(20):
                old.check_echo(b"old %d" % number)
                new.check_echo(b"new %d" % number)
            assert proxy.metric("sheaf_pool_links", state="active") == 2
            unix_backend.kill()
            assert new.read_close().code == 1012
            old.check_echo(b"still here")
    wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 0, 5, "both are given back")


@live("upstream.url")
def test_request_under_way_and_one_that_waits(make_reloadable, make_recorder) -> None:
    """The one is answered by the former backend. The other, which waits for that one's only connection, is answered by
    whichever of the two, but it is answered."""

    def slowly(request: Request) -> bytes:
        time.sleep(1.5)
        return named("one")(request)

    one, two = make_recorder(slowly), make_recorder(named("two"))
    proxy: ReloadableSheaf = make_reloadable(one.url, {"workers": 1, "pool": {**QUIET["pool"], "max_size": 1}})
    with RawClient(proxy.port) as first, RawClient(proxy.port) as second:
        for client in (first, second):
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 1, 3, "the connection is in use")
        proxy.reload({"upstream": {"url": two.url}})
        assert first.response().get("x-backend") == "one"
        assert second.response().status == 200


@live("upstream.url")
def test_from_a_backend_that_is_down(make_reloadable, backend: Backend) -> None:
    down = f"http://127.0.0.1:{free_port()}"
    proxy: ReloadableSheaf = make_reloadable(down, {"workers": 2}, ready="/livez")
    assert get(proxy.port, "/page").status in (502, 503)
    proxy.reload({"upstream": {"url": backend.url}})
    assert get(proxy.port, "/page").status == 200, "the new backend is punished for the former one"
    wait_until(lambda: proxy.admin("/readyz")[0] == 200, 5, "/readyz follows")
    assert proxy.metric("sheaf_upstream_up") == 1
    proxy.reload()
    assert get(proxy.port, "/page").status in (502, 503)


@pytest.mark.parametrize(
    "bad,good",
    [
        ({"tls_ca": ""}, {}),
        ({"tls_server_name": "other.example"}, {"tls_server_name": "localhost"}),
        ({"tls_ca": ""}, {"tls_ca": "", "tls_verify": False}),
    ],
    ids=["tls_ca", "tls_server_name", "tls_verify"],
)
@live("upstream.tls_ca", "upstream.tls_server_name", "upstream.tls_verify")
def test_tls(
    folder: Path, make_reloadable, make_backend, authority: Authority, certificate: Pair, bad: Conf, good: Conf
) -> None:
    tls_backend: Backend = make_backend(tls=certificate)
    conf = {**QUIET, "upstream": {"tls_ca": str(authority.certificate)}}
    proxy: ReloadableSheaf = make_reloadable(tls_backend.url, conf)
    with RawWebSocket(proxy.port) as old:
        proxy.reload({"upstream": bad})
        assert get(proxy.port, "/page").status in (502, 503), "a connection of the former terms is used"
        old.check_echo(b"still here")
        proxy.reload({"upstream": good})
        wait_until(lambda: get(proxy.port, "/page").status == 200, 5, "it is taken up")
        old.check_echo(b"still here, too")


@live("upstream.resolve_interval")
def test_resolve_interval(make_reloadable, tmp_path: Path, make_recorder) -> None:
    skip_without_namespaces(tmp_path)
    names = Names(tmp_path)
    recorder: Recorder = make_recorder(lambda _: OK)
    names.point_to("127.0.0.1")
    conf = {**QUIET, "upstream": {"resolve_interval": "1h"}}
    proxy: ReloadableSheaf = make_reloadable(f"http://{NAME}:{recorder.port}", conf, wrapper=names.wrapper)
    assert get(proxy.port).status == 200
    proxy.reload({"upstream": {"resolve_interval": "200ms"}})
    names.point_to("127.0.0.7")
    assert proxy.wait_for_log("the backend has another address", "127.0.0.7", seconds=5)


MUX: Conf = {"mode": "mux", "token": "0123456789abcdef"}


@new_sessions("upstream.mode", "upstream.token")
def test_mode(make_reloadable, backend: Backend) -> None:
    """The backend has no mux, so that its sessions have tunnels whatever the mode."""
    proxy: ReloadableSheaf = make_reloadable(backend.url, QUIET)
    with RawWebSocket(proxy.port) as old:
        for upstream in (MUX, {**MUX, "token": "fedcba9876543210"}, {"mode": "tunnel"}):
            proxy.reload({"upstream": upstream})
            old.check_echo(b"still here")
            with RawWebSocket(proxy.port) as new:
                new.check_echo(json.dumps({"new": True}).encode())
        assert "upstream.mode" in proxy.refuse({"upstream": {"mode": "mux-of-tomorrow"}})
        assert "upstream.token" in proxy.refuse({"upstream": {"mode": "mux"}})
        old.check_echo(b"still here")


@new_sessions("upstream.token_file")
def test_token_file(make_reloadable, backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "token"
    proxy: ReloadableSheaf = make_reloadable(backend.url, QUIET)
    from_file: Conf = {"upstream": {"mode": "mux", "token_file": str(file)}}
    with RawWebSocket(proxy.port) as old:
        for token in ("0123456789abcdef", "fedcba9876543210"):
            file.write_text(token + "\n")
            proxy.reload(from_file)
        for wrong in ("", "two words"):
            file.write_text(wrong)
            assert "upstream.token_file" in proxy.refuse(from_file)
        old.check_echo(b"still here")
        with RawWebSocket(proxy.port) as new:
            new.check_echo(json.dumps({"new": True}).encode())
