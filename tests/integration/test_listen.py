"""Where Sheaf listens: both families, and a Unix socket."""

from __future__ import annotations

import json
import os
import socket
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Pair
from harness.frames import BINARY, RawWebSocket
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
from harness.sheaf import BINARY as SHEAF
from harness.sheaf import Sheaf


def unix_conf(path: Path, **listen: object) -> dict[str, object]:
    return {"listen": {"address": f"unix:{path}", **listen}}


@pytest.fixture
def path(folder: Path) -> Iterator[Path]:
    made = folder / f"listen-{os.getpid()}.sock"
    yield made
    made.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def over_unix(folder: Path, backend: Backend) -> Iterator[tuple[Sheaf, Path]]:
    """A proxy with two workers on a Unix socket."""
    path = folder / f"shared-{os.getpid()}.sock"
    running = Sheaf(folder, backend.url, unix_conf(path))
    yield running, path
    running.stop()
    assert not path.exists(), "the socket's file is left behind"


def refusal(*settings: str) -> str:
    """What Sheaf says as it ends at once with status 1."""
    words = [part for setting in (f"admin.address=127.0.0.1:{free_port()}", *settings) for part in ("--set", setting)]
    run = subprocess.run([SHEAF, *words], capture_output=True, text=True, timeout=20)
    assert run.returncode == 1, run
    return run.stderr


# ---- both families


@pytest.mark.parametrize("form", [":{}", "*:{}", "[::]:{}"])
def test_any_address_and_the_ipv6_one_take_clients_of_both_families(make_sheaf, backend: Backend, form: str) -> None:
    port = free_port()
    proxy = make_sheaf(backend.url, {"listen": {"address": form.format(port)}})
    for host, named in (("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
        response = get(port, "/headers", host=host)
        assert dict(json.loads(response.body)["headers"])["x-forwarded-for"] == named
        proxy.wait_for_log("access", f"client={named}")


def test_ipv6_only_takes_no_ipv4(make_sheaf, backend: Backend) -> None:
    port = free_port()
    make_sheaf(backend.url, {"listen": {"address": f"[::]:{port}", "ipv6_only": True}})
    assert get(port, "/page", host="::1").status == 200
    with pytest.raises(ConnectionRefusedError):
        RawClient(port)


def test_admin_listener_on_any_address_takes_both_families(make_sheaf, backend: Backend) -> None:
    port = free_port()
    make_sheaf(backend.url, {"admin": {"address": f"[::]:{port}"}}, admin_port=port)
    for host in ("127.0.0.1", "::1"):
        with RawClient(port, host=host) as client:
            assert client.request("GET /livez HTTP/1.1\nHost: localhost\n\n").status == 200
    command = [SHEAF, "--healthcheck", "--set", f"admin.address=[::]:{port}"]
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_port_that_one_family_has_already_is_in_use(backend: Backend) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert "another program listens there" in refusal(f"listen.address=:{port}")


# ---- a Unix socket


def test_unix_socket_serves_http_and_websockets(over_unix: tuple[Sheaf, Path]) -> None:
    _, path = over_unix
    assert len(get(path, "/download?bytes=3000000", timeout=20).body) == 3_000_000
    with RawWebSocket(path) as client:
        for size in (1, 70_000, 1_000_000):
            client.send_frame(BINARY, bytes(size))
            assert client.read_message() == (BINARY, bytes(size))


def test_unix_client_is_unix_in_the_log_and_this_machine_to_the_backend(over_unix: tuple[Sheaf, Path]) -> None:
    proxy, path = over_unix
    seen = json.loads(get(path, "/headers?unix-client").body)
    assert dict(seen["headers"])["x-forwarded-for"] == "127.0.0.1"
    assert seen["client"] == "127.0.0.1"
    assert "client=unix" in proxy.wait_for_log("access", "/headers")[-1]
    with RawClient(path) as client:
        assert client.request("TRACE / HTTP/1.1\nHost: a\n\n").status == 405
    proxy.wait_for_log("request refused", "client=unix")


def test_front_proxy_on_a_unix_socket_is_believed_like_one_on_loopback(make_sheaf, backend: Backend, path: Path) -> None:
    proxy = make_sheaf(backend.url, {**unix_conf(path), "forwarded": {"trusted_proxies": ["127.0.0.1"]}})
    fields = "X-Forwarded-For: 203.0.113.9\nX-Forwarded-Proto: https\nX-Forwarded-Host: www.example\n"
    seen = json.loads(get(path, "/headers", fields).body)
    names = dict(seen["headers"])
    assert names["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert (names["x-forwarded-proto"], names["x-forwarded-host"]) == ("https", "www.example")
    assert (seen["client"], seen["scheme"]) == ("203.0.113.9", "https")
    proxy.wait_for_log("access", "client=203.0.113.9")


def test_both_workers_take_clients_of_the_one_unix_socket(over_unix: tuple[Sheaf, Path]) -> None:
    proxy, path = over_unix

    def switches(thread: Path) -> int:
        return int((thread / "status").read_text().split("voluntary_ctxt_switches:")[1].split()[0])

    threads = list(Path(f"/proc/{proxy.process.pid}/task").iterdir())
    before = {thread: switches(thread) for thread in threads}
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: get(path, "/page").status, range(300)))
    assert statuses == [200] * 300
    busy = [thread for thread in threads if switches(thread) - before[thread] > 50]
    assert len(busy) >= 2, "one thread did all the work"


def test_unix_socket_speaks_tls(make_sheaf, backend: Backend, path: Path, certificate: Pair, client_tls: ssl.SSLContext) -> None:
    tls = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    make_sheaf(backend.url, unix_conf(path, **tls))
    seen = json.loads(get(path, "/headers", context=client_tls).body)
    assert seen["scheme"] == "https"


@pytest.mark.parametrize("mode", ["0600", "0666"])
def test_socket_mode_sets_the_permissions_of_the_file(make_sheaf, backend: Backend, path: Path, mode: str) -> None:
    make_sheaf(backend.url, unix_conf(path, socket_mode=mode))
    assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)


def test_umask_decides_without_socket_mode(make_sheaf, backend: Backend, path: Path) -> None:
    make_sheaf(backend.url, unix_conf(path), wrapper=["sh", "-c", 'umask 027; exec "$@"', "sh"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o750


def test_socket_file_of_a_dead_process_is_replaced(make_sheaf, backend: Backend, path: Path) -> None:
    dead = Sheaf(path.parent, backend.url, unix_conf(path))
    dead.process.kill()
    dead.process.wait()
    assert path.exists()
    make_sheaf(backend.url, unix_conf(path))
    assert get(path, "/page").status == 200


def test_socket_file_of_a_living_process_is_in_use_and_stays(over_unix: tuple[Sheaf, Path]) -> None:
    _, path = over_unix
    said = refusal(f"listen.address=unix:{path}")
    assert "in use" in said and str(path) in said
    assert get(path, "/page").status == 200


def test_drain_over_a_unix_socket_closes_sessions_and_ends(make_sheaf, backend: Backend, path: Path) -> None:
    proxy = make_sheaf(backend.url, unix_conf(path))
    with RawWebSocket(path) as client:
        client.check_echo(b"hello")
        proxy.signal()
        assert client.read_close().code == 1012
    assert proxy.wait(10) == 0
    assert not path.exists()


def test_next_process_may_listen_while_the_last_one_drains(make_sheaf, backend: Backend, path: Path) -> None:
    """And the file that the next one has made stays when the last one ends."""
    old = make_sheaf(backend.url, {**unix_conf(path), "drain": {"delay": "0s", "timeout": "20s"}})
    with RawClient(path) as busy:
        busy.send(b"GET /slow?seconds=1.5 HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: old.metric("sheaf_http_requests_active") == 1, 3, "the request is under way")
        old.signal()
        wait_until(lambda: refused(lambda: RawClient(path)), 5, "it has stopped to listen")
        make_sheaf(backend.url, unix_conf(path))
        assert busy.response().status == 200
    assert old.wait(20) == 0
    assert get(path, "/page").status == 200


def refused(dial: Callable[[], RawClient]) -> bool:
    try:
        dial().close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    return False


def test_socket_mode_without_a_unix_socket_is_an_error() -> None:
    run = subprocess.run([SHEAF, "-t", "--set", "listen.socket_mode=0660"], capture_output=True, text=True)
    assert run.returncode != 0 and "listen.socket_mode is for a Unix socket" in run.stderr + run.stdout
