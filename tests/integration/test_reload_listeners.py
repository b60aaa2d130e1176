"""Listeners that come, go, stay and change while clients use them."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Authority, Pair
from harness.frames import RawWebSocket
from harness.helpers import Helper
from harness.ports import free_port, wait_until
from harness.proxy_protocol import line
from harness.raw import RawClient, get
from harness.reloading import ReloadableSheaf, live
from harness.sheaf import Conf

PAGE = "GET /page HTTP/1.1\nHost: a\n\n"


def at(*ports: int | Path, **more: object) -> Conf:
    """[listen] with these addresses, ports of 127.0.0.1 and paths of Unix sockets."""
    addresses = [f"unix:{port}" if isinstance(port, Path) else f"127.0.0.1:{port}" for port in ports]
    return {"listen": {"address": addresses, **more}}


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def proxy(make_reloadable, backend: Backend) -> ReloadableSheaf:
    """Who tells of clients in PROXY headers must have been named."""
    return make_reloadable(backend.url, {"forwarded": {"trusted_proxies": ["loopback"]}})


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "listen.sock"


@live("listen.address")
def test_addresses_that_come_and_go(proxy: ReloadableSheaf) -> None:
    other, third = free_port(), free_port()
    with RawWebSocket(proxy.port) as first:
        proxy.reload(at(proxy.port, other))
        assert get(other, "/page").status == 200
        with RawWebSocket(other) as second:
            proxy.reload(at(third))
            assert (listens(proxy.port), listens(other), listens(third)) == (False, False, True)
            for session in (first, second):
                session.check_echo(b"its listener is gone")
            with RawWebSocket(third) as last:
                proxy.reload()
                assert (listens(proxy.port), listens(third)) == (True, False)
                for session in (first, second, last):
                    session.check_echo(b"still here")


def test_who_waits_at_a_listener_that_goes_is_served(proxy: ReloadableSheaf) -> None:
    other = free_port()
    proxy.reload(at(proxy.port, other))
    proxy.put()
    with ExitStack() as stack:
        with proxy.suspended():
            waiting = [stack.enter_context(RawClient(other)) for _ in range(60)]
            for client in waiting:
                client.send(PAGE.replace("\n", "\r\n").encode())
            proxy.process.send_signal(signal.SIGHUP)
        assert [client.response().status for client in waiting] == [200] * len(waiting)
    wait_until(lambda: not listens(other), 3, "it is gone")


def test_nobody_notices_at_the_listener_that_stays(proxy: ReloadableSheaf, path: Path) -> None:
    """300 new connections a second and 100 WebSockets, while 150 reloads add and remove others, and change the
    backlog."""
    others = [free_port() for _ in range(3)]
    paths = "/ws/echo"
    with (
        Helper("steady", port=proxy.port, clients=100, period=0.5, paths=paths) as steady,
        Helper("steady", port=proxy.port, arrivals=300, paths=paths) as arrivals,
    ):
        descriptors = proxy.descriptors()
        for number in range(150):
            more = [*others[: number % 4], *([path] if number % 3 else [])]
            proxy.reload(at(*more, proxy.port, backlog=1000 + number))
            assert path.exists() == bool(number % 3)
            time.sleep(0.01)
        proxy.reload()
        for one in (steady, arrivals):
            assert one.tell("settle")["failed"] == {}
        assert arrivals.latest["arrived"] > 200 and steady.latest["open"] == 100
        wait_until(lambda: proxy.descriptors() <= descriptors + 5, 5, "sockets of listeners are closed")


@live("listen.backlog")
def test_backlog_of_a_listener_that_stays(make_reloadable, backend: Backend) -> None:
    """While nobody accepts, the kernel holds as many connections as the backlog says, and one more."""
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"workers": 1})

    def held() -> int:
        with proxy.suspended(), ExitStack() as stack:
            for count in range(40):
                client = stack.enter_context(socket.socket())
                client.settimeout(0.3)
                try:
                    client.connect(("127.0.0.1", proxy.port))
                except TimeoutError:
                    return count
        return 40

    assert held() == 40
    proxy.reload({"listen": {"backlog": 5}})
    assert held() == 6
    proxy.reload()
    assert held() == 40


@live("listen.ipv6_only")
def test_ipv6_only(make_reloadable, backend: Backend) -> None:
    port = free_port()
    conf: Conf = {"listen": {"address": f"[::]:{port}"}}
    proxy: ReloadableSheaf = make_reloadable(backend.url, conf)
    with RawWebSocket(port) as session:
        for number in range(4):
            proxy.reload({"listen": {"ipv6_only": number % 2 == 0}})
            assert listens(port) == bool(number % 2)
            assert get(port, "/page", host="::1").status == 200
            session.check_echo(b"still here")


@live("listen.socket_mode")
def test_unix_socket(proxy: ReloadableSheaf, path: Path) -> None:
    proxy.reload(at(proxy.port, path, socket_mode="0600"))
    file = os.stat(path)
    assert stat.S_IMODE(file.st_mode) == 0o600
    with RawWebSocket(path) as session:
        proxy.reload(at(proxy.port, path, socket_mode="0660"))
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        assert os.stat(path).st_ino == file.st_ino, "the socket is another one"
        assert get(path, "/page").status == 200
        proxy.reload()
        assert not path.exists()
        session.check_echo(b"its file is gone")
    proxy.reload(at(path))
    assert get(path, "/page").status == 200


def test_unix_socket_that_somebody_else_has(proxy: ReloadableSheaf, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        assert str(path) in proxy.refuse(at(proxy.port, path))
        assert path.exists(), "the file of another program's socket is gone"
    proxy.reload(at(proxy.port, path))
    assert get(path, "/page").status == 200


# ---- what holds at an address


@live("listen.proxy_protocol")
def test_proxy_protocol_of_a_listener_that_stays(proxy: ReloadableSheaf) -> None:
    with RawClient(proxy.port) as kept, RawWebSocket(proxy.port) as session:
        assert kept.request(PAGE).status == 200
        proxy.reload({"listen": {"proxy_protocol": "on"}})
        assert kept.request(PAGE).status == 200, "a connection that stands has had its beginning"
        session.check_echo(b"still here")
        with RawClient(proxy.port) as new:
            new.send_quietly(PAGE.replace("\n", "\r\n").encode())
            assert new.ended(3)
        with RawClient(proxy.port, first=line("192.0.2.9")) as named:
            assert named.request(PAGE).status == 200
        proxy.wait_for_log("access", "client=192.0.2.9")
        proxy.reload()
        assert get(proxy.port, "/page").status == 200


@live("listen.tls_certificate", "listen.tls_key")
def test_tls_of_a_listener_that_stays(
    proxy: ReloadableSheaf, certificate: Pair, client_tls: ssl.SSLContext
) -> None:
    tls: Conf = {"listen": {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}}
    with RawWebSocket(proxy.port) as plain:
        proxy.reload(tls)
        plain.check_echo(b"plain all along")
        with RawWebSocket(proxy.port, context=client_tls) as secret:
            with RawClient(proxy.port) as new:
                new.send_quietly(PAGE.replace("\n", "\r\n").encode())
                assert b"200 OK" not in new.read_all()
            proxy.reload()
            secret.check_echo(b"secret all along")
            plain.check_echo(b"plain all along")
            assert get(proxy.port, "/page").status == 200


@live("listen.tls_groups")
def test_key_exchanges(proxy: ReloadableSheaf, certificate: Pair, authority: Authority, client_tls: ssl.SSLContext) -> None:
    only_p384 = ssl.create_default_context(cafile=str(authority.certificate))
    only_p384.set_ecdh_curve("secp384r1")
    tls = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    proxy.reload({"listen": tls})
    with RawWebSocket(proxy.port, context=only_p384) as session:
        proxy.reload({"listen": {**tls, "tls_groups": ["X25519", "P-256"]}})
        with pytest.raises(ssl.SSLError):
            RawClient(proxy.port, context=only_p384)
        assert get(proxy.port, "/page", context=client_tls).status == 200
        session.check_echo(b"on the former terms")
        proxy.reload({"listen": {**tls, "tls_groups": ["P-384"]}})
        assert get(proxy.port, "/page", context=only_p384).status == 200


def test_listener_tables_with_terms_of_their_own(
    proxy: ReloadableSheaf, certificate: Pair, client_tls: ssl.SSLContext
) -> None:
    """One more address gets TLS, then a PROXY header instead, then goes; the first one never changes."""
    other = free_port()
    address = {"address": f"127.0.0.1:{other}"}
    secret = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    with RawWebSocket(proxy.port) as session:
        proxy.reload({"listener": [{**address, **secret}]})
        assert get(other, "/page", context=client_tls).status == 200
        proxy.reload({"listener": [{**address, "proxy_protocol": "on"}]})
        with RawClient(other, first=line("192.0.2.5")) as named:
            assert named.request(PAGE).status == 200
        assert get(proxy.port, "/page").status == 200
        proxy.reload()
        assert not listens(other)
        session.check_echo(b"still here")
