"""What a reload does to [admin], [drain] and listen.max_connections, and what waits for a restart."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.frames import RawWebSocket
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
from harness.reloading import TOKEN, ReloadableSheaf, live, options_of, restart
from harness.sheaf import Conf


def asked(proxy: ReloadableSheaf, fields: str) -> int:
    """Status of the statistics, for a request with these fields."""
    with RawClient(proxy.admin_port) as client:
        return client.request(f"GET /metrics HTTP/1.1\n{fields}Connection: close\n\n").status


@live("admin.token")
def test_token(make_reloadable, backend: Backend) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    old, new = ({"Authorization": f"Bearer {token}"} for token in (TOKEN, "another"))
    proxy.reload({"admin": {"token": "another"}})
    assert proxy.admin("/metrics", headers=old)[0] == 401
    assert proxy.admin("/metrics", headers=new)[0] == 200
    assert proxy.admin("/reload", "POST", old)[0] == 401
    proxy.token = "another"
    proxy.reload()
    assert proxy.admin("/metrics", headers=new)[0] == 401


@live("admin.token_file")
def test_token_file(make_reloadable, backend: Backend, tmp_path: Path) -> None:
    """What is in the file is read anew with each reload, of whatever else."""
    file = tmp_path / "token"
    file.write_text("first\n")
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    from_file: Conf = {"admin": {"token": None, "token_file": str(file)}}
    proxy.reload(from_file)
    proxy.token = "first"
    file.write_text("  second\n")
    assert proxy.admin("/metrics")[0] == 200, "the file alone changes nothing"
    proxy.reload(from_file)
    assert proxy.admin("/metrics")[0] == 401
    proxy.token = "second"
    assert proxy.admin("/metrics")[0] == 200
    for wrong in (None, "", "\n"):
        file.unlink() if wrong is None else file.write_text(wrong)
        assert "admin.token_file" in proxy.refuse(from_file)
        assert proxy.admin("/metrics")[0] == 200, "the token that was in force is"


@live("admin.allowed_hosts")
def test_allowed_hosts(make_reloadable, backend: Backend) -> None:
    """A token that is taken away by a reload leaves the hosts as the only guard, and reloads by signal."""
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    proxy.reload({"admin": {"token": None}})
    assert asked(proxy, "Host: sheaf-admin\n") == 403
    proxy.put({"admin": {"token": None, "allowed_hosts": ["sheaf-admin"]}})
    proxy.hang_up()
    assert asked(proxy, "Host: sheaf-admin\n") == 200
    assert proxy.admin("/reload", "POST")[0] in (401, 403), "without a token nothing is changed over TCP"


@live("admin.address")
def test_address(make_reloadable, backend: Backend, tmp_path: Path) -> None:
    """Who has asked for the reload has its answer over the listener that goes."""
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    first, second, path = proxy.admin_port, free_port(), tmp_path / "admin.sock"
    before = proxy.metric("sheaf_loop_turns_total")
    assert proxy.reload({"admin": {"address": f"127.0.0.1:{second}"}})["generation"] == 2
    proxy.admin_port = second
    assert proxy.metric("sheaf_loop_turns_total") >= before and proxy.admin("/readyz")[0] == 200
    wait_until(lambda: is_refused(first), 3, "the former listener has gone, soon after its answer")
    proxy.reload({"admin": {"address": f"unix:{path}", "token": None}})
    with RawClient(path) as client:
        assert client.request("POST /reload HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n").status == 200
    proxy.put({"admin": {"address": ""}})
    proxy.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not path.exists(), 3, "there is no admin listener")
    with socket.create_server(("127.0.0.1", first)):
        proxy.put()
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_for_log("reload failed", f"127.0.0.1:{first}")
    proxy.process.send_signal(signal.SIGHUP)
    proxy.admin_port = first
    wait_until(lambda: answers(proxy), 3, "it listens at its first address again")


def is_refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def answers(proxy: ReloadableSheaf) -> bool:
    try:
        return proxy.admin("/metrics")[0] == 200
    except OSError:
        return False


@live("listen.max_connections")
def test_max_connections(make_reloadable, backend: Backend) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    with RawWebSocket(proxy.port) as old, RawWebSocket(proxy.port) as other:
        proxy.reload({"listen": {"max_connections": 2}})
        assert get(proxy.port, "/page").status == 503
        for one in (old, other):
            one.check_echo(b"still here")
        proxy.reload({"listen": {"max_connections": 3}})
        assert get(proxy.port, "/page").status == 200
        proxy.reload({"listen": {"max_connections": 1}})
        old.check_echo(b"over the limit, and still here")


# ---- the way out


@pytest.mark.parametrize("delay,least,most", [("0s", 0.0, 1.5), ("2s", 1.9, 3.5)])
@live("drain.delay")
def test_drain_delay(make_reloadable, backend: Backend, delay: str, least: float, most: float) -> None:
    other = "2s" if delay == "0s" else "0s"
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"drain": {"delay": other, "timeout": "10s"}})
    with RawWebSocket(proxy.port) as session:
        proxy.reload({"drain": {"delay": delay}})
        began = time.monotonic()
        proxy.signal()
        assert session.read_close().code == 1012
        assert least <= time.monotonic() - began <= most


@live("drain.timeout")
def test_drain_timeout(make_reloadable, backend: Backend) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"drain": {"timeout": "1m"}})
    with RawClient(proxy.port) as client:
        client.send(b"GET /slow?seconds=30 HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: proxy.metric("sheaf_http_requests_active") == 1, 3, "it is under way")
        proxy.reload({"drain": {"timeout": "1s"}})
        began = time.monotonic()
        proxy.signal()
        proxy.wait(10)
        assert time.monotonic() - began < 4


# ---- what waits for a restart

NEEDS_RESTART: dict[str, Conf] = {"workers": {"workers": 3}}


@pytest.mark.parametrize("option", NEEDS_RESTART)
@restart(*NEEDS_RESTART)
def test_what_needs_a_restart_is_named_and_the_rest_is_taken_up(make_reloadable, backend: Backend, option: str) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    conf = NEEDS_RESTART[option]
    also: Conf = {"limits": {"max_request_line": 300}}
    answer = proxy.reload({**conf, **also})
    assert answer["needs_restart"] == [option]
    assert (proxy.stats()["workers"], answer["generation"]) == (2, 2)
    assert get(proxy.port, "/" + "a" * 400).status == 414
    assert proxy.wait_for_log(" warning ", "restart", option)
    assert proxy.reload({**conf, **also})["needs_restart"] == [option], "it is told as long as it holds"
    assert proxy.reload()["needs_restart"] == []
    proxy.put(conf)
    proxy.hang_up()
    assert proxy.count_log_lines(" warning ", "restart", option) == 3


def test_all_that_needs_a_restart_is_in_the_list() -> None:
    assert {name for name, takes in options_of().items() if takes == "restart"} == set(NEEDS_RESTART)
