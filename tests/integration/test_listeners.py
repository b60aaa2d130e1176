"""Issue 14: several listeners at once, each with terms of its own."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Authority, Pair
from harness.frames import BINARY, RawWebSocket
from harness.ports import free_port
from harness.proxy_protocol import binary, line
from harness.raw import RawClient, get
from harness.sheaf import BINARY as SHEAF
from harness.sheaf import Sheaf

CLIENT = "203.0.113.7"
PROXIED = {"forwarded": {"trusted_proxies": ["127.0.0.1"]}}


@dataclass
class Entries:
    """One proxy with two workers and a listener of each kind; what leads to each."""

    proxy: Sheaf
    plain: int
    second: int
    unix: Path
    secure: int
    proxied: int
    both: int
    tls: ssl.SSLContext

    def all(self) -> dict[str, dict[str, object]]:
        """By its name, how a client comes in (arguments of RawClient)."""
        return {
            "plain": {"target": self.plain},
            "second": {"target": self.second},
            "unix": {"target": self.unix},
            "secure": {"target": self.secure, "context": self.tls},
            "proxied": {"target": self.proxied, "first": binary(CLIENT)},
            "proxied and secure": {"target": self.both, "first": line(CLIENT), "context": self.tls},
        }

    def websocket(self, name: str, path: str = "/ws/echo") -> RawWebSocket:
        """A WebSocket through the listener of this name."""
        way = dict(self.all()[name])
        return RawWebSocket(way.pop("target"), path, **way)

    def get(self, name: str, path: str) -> bytes:
        """The body of a GET through the listener of this name."""
        way = dict(self.all()[name])
        response = get(way.pop("target"), path, **way)
        assert response.status == 200
        return response.body


def start(folder: Path, backend: Backend, certificate: Pair, tls: ssl.SSLContext) -> Entries:
    """A proxy as Entries has it, with ports and a socket of its own."""
    ports = [free_port() for _ in range(5)]
    unix = folder / f"listeners-{ports[0]}.sock"
    pair = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    conf = {
        "listen": {"address": [f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", f"unix:{unix}"], "socket_mode": "0600"},
        "listener": [
            {"address": f"127.0.0.1:{ports[2]}", **pair},
            {"address": f"127.0.0.1:{ports[3]}", "proxy_protocol": "on"},
            {"address": f"127.0.0.1:{ports[4]}", "proxy_protocol": "on", **pair},
        ],
        **PROXIED,
    }
    return Entries(Sheaf(folder, backend.url, conf), ports[0], ports[1], unix, ports[2], ports[3], ports[4], tls)


NAMES = ["plain", "second", "unix", "secure", "proxied", "proxied and secure"]


@pytest.fixture(scope="module")
def entries(folder: Path, backend: Backend, certificate: Pair, client_tls: ssl.SSLContext) -> Iterator[Entries]:
    running = start(folder, backend, certificate, client_tls)
    yield running
    running.proxy.stop()
    assert not running.unix.exists()


@pytest.mark.parametrize("name", NAMES)
def test_each_listener_serves_http_and_websockets(entries: Entries, name: str) -> None:
    assert len(entries.get(name, "/download?bytes=300000")) == 300_000
    with entries.websocket(name) as client:
        for size in (1, 70_000, 300_000):
            client.send_frame(BINARY, bytes(size))
            assert client.read_message() == (BINARY, bytes(size))


@pytest.mark.parametrize("name", NAMES)
def test_backend_is_told_of_each_listeners_own_scheme_and_client(entries: Entries, name: str) -> None:
    seen = json.loads(entries.get(name, "/headers"))
    assert seen["scheme"] == ("https" if "secure" in name else "http")
    assert dict(seen["headers"])["x-forwarded-for"] == (CLIENT if "proxied" in name else "127.0.0.1")


def test_many_clients_of_all_listeners_are_served_at_once(entries: Entries) -> None:
    def echo(number: int) -> bool:
        with entries.websocket(NAMES[number % len(NAMES)]) as client:
            client.check_echo(b"%d" % number * 100)
        return True

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(echo, range(120)))


def test_terms_of_one_listener_do_not_hold_at_another(entries: Entries) -> None:
    assert get(entries.plain, "/page", first=line(CLIENT)).status == 400
    with RawClient(entries.proxied) as client:
        client.send_quietly(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.ended(3)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        RawClient(entries.plain, context=entries.tls)
    with RawClient(entries.secure) as client:
        client.send_quietly(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"HTTP/1.1 200" not in client.read_all()


def test_log_names_all_addresses_and_which_speak_tls(entries: Entries) -> None:
    (said,) = entries.proxy.wait_for_log(" listening ")
    ports = f"127.0.0.1:{entries.plain}, 127.0.0.1:{entries.second}, unix:{entries.unix}, 127.0.0.1:{entries.secure}"
    assert f'address="{ports}, 127.0.0.1:{entries.proxied}, 127.0.0.1:{entries.both}"' in said
    assert f'tls="127.0.0.1:{entries.secure}, 127.0.0.1:{entries.both}"' in said


def test_each_listener_shows_its_own_certificate(
    make_sheaf, backend: Backend, authority: Authority, client_tls: ssl.SSLContext
) -> None:
    pairs = [authority.issue("localhost"), authority.issue("localhost")]
    ports = [free_port(), free_port()]
    tls = [{"tls_certificate": str(pair.certificate), "tls_key": str(pair.key)} for pair in pairs]
    make_sheaf(
        backend.url,
        {"listen": {"address": f"127.0.0.1:{ports[0]}", **tls[0]}, "listener": [{"address": f"127.0.0.1:{ports[1]}", **tls[1]}]},
    )
    for port, pair in zip(ports, pairs, strict=True):
        with RawClient(port, context=client_tls) as client:
            shown = client.socket.getpeercert(binary_form=True)  # type: ignore[attr-defined]
            assert ssl.DER_cert_to_PEM_cert(shown) in pair.certificate.read_text()


def test_plain_text_beside_tls_that_is_inherited(
    make_sheaf, backend: Backend, certificate: Pair, client_tls: ssl.SSLContext
) -> None:
    pair = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    secure, inherits, plain = free_port(), free_port(), free_port()
    make_sheaf(
        backend.url,
        {
            "listen": {"address": f"127.0.0.1:{secure}", **pair},
            "listener": [
                {"address": f"127.0.0.1:{inherits}"},
                {"address": f"127.0.0.1:{plain}", "tls_certificate": ""},
            ],
        },
    )
    assert get(secure, "/page", context=client_tls).status == get(inherits, "/page", context=client_tls).status == 200
    assert get(plain, "/page").status == 200


def test_most_connections_are_of_all_listeners_together(make_sheaf, backend: Backend) -> None:
    one, other = free_port(), free_port()
    make_sheaf(backend.url, {"listen": {"address": [f"127.0.0.1:{one}", f"127.0.0.1:{other}"], "max_connections": 1}})
    with RawWebSocket(one) as client:
        assert get(other, "/page").status == 503
        client.check_echo(b"still there")


def test_drain_takes_in_who_waits_at_each_listener_and_ends_the_sessions_of_all(
    folder: Path, backend: Backend, certificate: Pair, client_tls: ssl.SSLContext
) -> None:
    entries = start(folder, backend, certificate, client_tls)
    sessions = [entries.websocket(name) for name in NAMES]
    for session in sessions:
        session.check_echo(b"hello")
    with entries.proxy.suspended():
        # They have connected, as far as they know, when the signal comes.
        waiting = [RawClient(entries.plain), RawClient(entries.second), RawClient(entries.unix)]
        for client in waiting:
            client.send(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
        entries.proxy.signal()
    assert [client.response().status for client in waiting] == [200] * 3
    assert [session.read_close().code for session in sessions] == [1012] * len(NAMES)
    for client in [*waiting, *sessions]:
        client.close()
    assert entries.proxy.wait(10) == 0
    for port in (entries.plain, entries.second, entries.secure, entries.proxied, entries.both):
        with pytest.raises(ConnectionRefusedError):
            RawClient(port)
    assert not entries.unix.exists()


def test_where_one_address_cannot_be_had_nothing_starts_and_no_file_stays(folder: Path) -> None:
    path, taken, free = folder / f"halfway-{os.getpid()}.sock", free_port(), free_port()
    with socket.create_server(("127.0.0.1", taken)):
        addresses = f"127.0.0.1:{free},unix:{path},127.0.0.1:{taken}"
        words = ["--set", f"listen.address={addresses}", "--set", "admin.address="]
        run = subprocess.run([SHEAF, *words], capture_output=True, text=True, timeout=20)
    assert run.returncode == 1
    assert f"listener 127.0.0.1:{taken}: cannot bind to 127.0.0.1:{taken}: Address already in use" in run.stderr
    assert not path.exists()


def test_healthcheck_and_check_know_lists(folder: Path) -> None:
    conf = folder / "lists.conf"
    ports = [free_port() for _ in range(3)]
    conf.write_text(
        f'[listen]\naddress = ["127.0.0.1:{ports[0]}", "unix:{folder}/lists.sock"]\n'
        f'[admin]\naddress = "127.0.0.1:{ports[1]}"\n[[listener]]\naddress = "127.0.0.1:{ports[2]}"\n'
    )
    check = subprocess.run([SHEAF, "-t", "-c", conf], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr
    assert f"clients:  127.0.0.1:{ports[0]}, unix:{folder}/lists.sock, 127.0.0.1:{ports[2]}\n" in check.stdout
    health = subprocess.run([SHEAF, "--healthcheck", "-c", conf], capture_output=True, text=True)
    assert health.returncode == 1 and f"127.0.0.1:{ports[1]}" in health.stderr
