"""Certificates that are replaced while clients shake hands: each gets the old one or the new one, whole."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509

from harness.backend import Backend
from harness.certificates import Authority, Pair
from harness.frames import RawWebSocket
from harness.raw import get
from harness.reloading import ReloadableSheaf
from harness.sheaf import Conf


class Files:
    """The certificate and the key that a conf file names; put() replaces both, and the pairs are those of `count`."""

    def __init__(self, folder: Path, authority: Authority, count: int = 2) -> None:
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.pairs = [authority.issue("localhost", "127.0.0.1") for _ in range(count)]
        self.serials = [serial_of(pair.certificate.read_bytes()) for pair in self.pairs]
        self.put(self.pairs[0])

    def put(self, pair: Pair) -> None:
        shutil.copy(pair.certificate, self.certificate)
        shutil.copy(pair.key, self.key)

    @property
    def conf(self) -> Conf:
        return {"listen": {"tls_certificate": str(self.certificate), "tls_key": str(self.key)}}


def serial_of(pem: bytes) -> int:
    return x509.load_pem_x509_certificate(pem).serial_number


@pytest.fixture
def files(tmp_path: Path, authority: Authority) -> Files:
    return Files(tmp_path, authority)


def shake_hands(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    """A connection whose certificate has been verified; its tickets have come."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    client = context.wrap_socket(plain, server_hostname="localhost", session=session)
    client.sendall(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
    assert client.recv(100).startswith(b"HTTP/1.1 200")
    return client


def serial_at(port: int, context: ssl.SSLContext) -> int:
    with shake_hands(port, context) as client:
        der = client.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).serial_number


@dataclass
class Handshakes:
    """By serial number of the certificate; a failure counts by its text."""

    seen: Counter[int | str] = field(default_factory=Counter)


@contextmanager
def handshakes(port: int, context: ssl.SSLContext, threads: int = 3) -> Iterator[Handshakes]:
    """Clients that shake hands, one time after another, until the end; then all of them are accounted for."""
    noted, stop, lock = Handshakes(), threading.Event(), threading.Lock()

    def go_on() -> None:
        while not stop.is_set():
            try:
                outcome: int | str = serial_at(port, context)
            except (OSError, AssertionError) as failure:
                outcome = f"{type(failure).__name__}: {failure}"
            with lock:
                noted.seen[outcome] += 1

    running = [threading.Thread(target=go_on) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield noted
    finally:
        stop.set()
        for thread in running:
            thread.join()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_swap_amid_handshakes(
    make_reloadable, backend: Backend, files: Files, client_tls: ssl.SSLContext, version: ssl.TLSVersion,
    authority: Authority,
) -> None:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.minimum_version = context.maximum_version = version
    proxy: ReloadableSheaf = make_reloadable(backend.url, files.conf)
    with RawWebSocket(proxy.port, context=client_tls) as session, handshakes(proxy.port, context) as noted:
        for number in range(1, 41):
            files.put(files.pairs[number % 2])
            if number % 4 < 2:
                proxy.reload()
            else:
                proxy.hang_up()
            # From here on nobody gets the one before.
            assert serial_at(proxy.port, context) == files.serials[number % 2]
            session.check_echo(b"%d" % number)
    assert set(noted.seen) == set(files.serials), noted.seen
    assert min(noted.seen.values()) > 10


def test_key_and_certificate_that_do_not_fit_leave_the_old_pair(
    make_reloadable, backend: Backend, files: Files, client_tls: ssl.SSLContext
) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url, files.conf)
    with handshakes(proxy.port, client_tls) as noted:
        shutil.copy(files.pairs[1].certificate, files.certificate)
        began = time.monotonic()
        error = proxy.refuse()
        assert time.monotonic() - began < 3, "who asks for a reload waits for nobody's second file"
        assert str(files.key) in error or str(files.certificate) in error, error
        assert serial_at(proxy.port, client_tls) == files.serials[0]
        shutil.copy(files.pairs[1].key, files.key)
        proxy.reload()
        assert serial_at(proxy.port, client_tls) == files.serials[1]
    assert set(noted.seen) <= set(files.serials), noted.seen


def resumes(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> bool:
    with shake_hands(port, context, session) as client:
        return bool(client.session_reused)


def test_tickets_outlive_reloads_that_leave_the_certificate(
    make_reloadable, backend: Backend, files: Files, client_tls: ssl.SSLContext
) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"workers": 2, **files.conf})
    with shake_hands(proxy.port, client_tls) as client:
        ticket = client.session
    for number in range(5):
        proxy.reload({"limits": {"max_fields": 60 + number}})
        assert resumes(proxy.port, client_tls, ticket), "a reload that has nothing to do with it"
    files.put(files.pairs[0])  # written anew, with the same in it
    proxy.reload()
    assert resumes(proxy.port, client_tls, ticket)
    files.put(files.pairs[1])
    proxy.reload()
    for _ in range(4):
        assert not resumes(proxy.port, client_tls, ticket), "a session of the former certificate goes on"
    with shake_hands(proxy.port, client_tls) as client:
        assert resumes(proxy.port, client_tls, client.session)


def test_chain_and_name_are_those_of_the_new_file(
    make_reloadable, backend: Backend, tmp_path: Path, client_tls: ssl.SSLContext
) -> None:
    """A certificate of another authority: who trusts the old one alone fails, and who trusts the new one does not."""
    folder = tmp_path / "other"
    folder.mkdir()
    old, new = Authority(tmp_path), Authority(folder)
    first, second = old.issue("localhost"), new.issue("localhost")
    trusts_old, trusts_new = (ssl.create_default_context(cafile=str(one.certificate)) for one in (old, new))

    def listen(pair: Pair) -> Conf:
        return {"listen": {"tls_certificate": str(pair.certificate), "tls_key": str(pair.key)}}

    proxy: ReloadableSheaf = make_reloadable(backend.url, listen(first))
    with RawWebSocket(proxy.port, context=trusts_old) as session:
        proxy.reload(listen(second))
        with pytest.raises(ssl.SSLCertVerificationError):
            serial_at(proxy.port, trusts_old)
        assert get(proxy.port, "/page", context=trusts_new).status == 200
        session.check_echo(b"with the old certificate to its end")


def test_handshake_under_way_ends_with_what_it_began_with(
    make_reloadable, backend: Backend, files: Files, client_tls: ssl.SSLContext
) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url, files.conf)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_tls.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as plain:
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing.read()
        plain.sendall(hello[: len(hello) // 2])
        time.sleep(0.1)
        files.put(files.pairs[1])
        proxy.process.send_signal(signal.SIGHUP)
        proxy.wait_for_log("reloaded")
        plain.sendall(hello[len(hello) // 2 :])
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                data = plain.recv(65536)
                assert data, "the handshake was broken off"
                incoming.write(data)
        der = tls.getpeercert(binary_form=True)
        assert der is not None and x509.load_der_x509_certificate(der).serial_number in files.serials
