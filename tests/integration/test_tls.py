"""Issue item 7 and hardening rows 67 and 68: TLS towards clients."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Authority, Pair
from harness.frames import BINARY, TEXT, RawWebSocket
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.recorder import Recorder
from harness.sheaf import Sheaf


def tls_conf(pair: Pair) -> dict[str, object]:
    return {"listen": {"tls_certificate": str(pair.certificate), "tls_key": str(pair.key)}}


@pytest.fixture(scope="module")
def secure(folder: Path, backend: Backend, certificate: Pair) -> Iterator[Sheaf]:
    """A proxy that speaks TLS to its clients."""
    running = Sheaf(folder, backend.url, tls_conf(certificate))
    yield running
    running.stop()


def client_context(authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that speaks one version only, however old."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if version < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("ALL:@SECLEVEL=0")  # else this side would refuse by itself
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_modern_versions_serve_http_and_websockets(
    secure: Sheaf, authority: Authority, version: ssl.TLSVersion
) -> None:
    context = client_context(authority, version)
    assert get(secure.port, "/page", context=context).status == 200
    assert len(get(secure.port, "/download?bytes=5000000", context=context, timeout=20).body) == 5_000_000
    with RawWebSocket(secure.port, context=context) as client:
        for size in (1, 16_384, 16_385, 1_000_000):
            client.send_frame(BINARY, bytes(size))
            assert client.read_message() == (BINARY, bytes(size))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(secure: Sheaf, authority: Authority, version: ssl.TLSVersion) -> None:
    failures = secure.metric("sheaf_tls_failures_total")
    with pytest.raises(ssl.SSLError) as refused:
        RawClient(secure.port, context=client_context(authority, version))
    assert "PROTOCOL_VERSION" in str(refused.value).upper(), "the client itself refused"
    wait_until(lambda: secure.metric("sheaf_tls_failures_total") == failures + 1, 3, "the failure is counted")


@pytest.mark.parametrize(
    "suite", ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"]
)
def test_ciphers_without_forward_secrecy_or_aead_are_refused(secure: Sheaf, authority: Authority, suite: str) -> None:
    context = client_context(authority, ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(f"{suite}:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        RawClient(secure.port, context=context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_session_is_resumed_on_any_worker(secure: Sheaf, authority: Authority, version: ssl.TLSVersion) -> None:
    context, resumed = client_context(authority, version), secure.metric("sheaf_tls_resumptions_total")
    with RawClient(secure.port, context=context) as first:
        first.request("GET /page HTTP/1.1\nHost: a\n\n")  # TLS 1.3 sends its tickets after the handshake
        session = first.socket.session  # type: ignore[attr-defined]
    for _ in range(8):
        with RawClient(secure.port, context=context, session=session) as again:
            assert again.socket.session_reused, "a full handshake"  # type: ignore[attr-defined]
            response = again.request("GET /page HTTP/1.1\nHost: a\n\n")
            assert response.status == 200
            session = again.socket.session  # type: ignore[attr-defined]
    wait_until(lambda: secure.metric("sheaf_tls_resumptions_total") == resumed + 8, 3, "the resumptions are counted")


@pytest.mark.parametrize("offered,chosen", [(["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), ([], None)])
def test_alpn_chooses_http11(
    secure: Sheaf, client_tls: ssl.SSLContext, authority: Authority, offered: list[str], chosen: str | None
) -> None:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if offered:
        context.set_alpn_protocols(offered)
    with RawClient(secure.port, context=context) as client:
        assert client.socket.selected_alpn_protocol() == chosen  # type: ignore[attr-defined]
        assert client.request("GET /page HTTP/1.1\nHost: a\n\n").status == 200


def test_client_that_speaks_only_h2_gets_no_http11_by_mistake(secure: Sheaf, authority: Authority) -> None:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.set_alpn_protocols(["h2"])
    try:
        with RawClient(secure.port, context=context) as client:
            assert client.socket.selected_alpn_protocol() is None  # type: ignore[attr-defined]
    except ssl.SSLError as refused:
        assert "ALERT" in str(refused).upper()


def s_client(port: int, *options: str, lines: str = "") -> str:
    """openssl's own client; letters at the start of a line are commands (R: renegotiate)."""
    process = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    time.sleep(0.4)
    try:
        process.stdin.write(lines)
        process.stdin.flush()
    except BrokenPipeError:
        pass
    time.sleep(0.6)
    try:
        output, _ = process.communicate(timeout=3)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    return output


def test_renegotiation_is_refused(secure: Sheaf) -> None:
    output = s_client(secure.port, "-tls1_2", "-legacy_renegotiation", lines="R\n")
    assert "RENEGOTIATING" in output, output
    assert any(word in output.lower() for word in ("no renegotiation", "handshake failure", "error", "alert")), output
    assert get_ok(secure)


def get_ok(proxy: Sheaf) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return get(proxy.port, "/page", context=context).status == 200


def test_early_data_is_not_offered(secure: Sheaf) -> None:
    output = s_client(secure.port, "-tls1_3", lines="GET /page HTTP/1.1\nHost: a\n\n")
    assert "Max Early Data: 0" in output, output
    assert "Early data was not sent" in output


def test_http_on_the_tls_port_reaches_nobody(make_recorder, make_sheaf, certificate: Pair) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, tls_conf(certificate))
    with RawClient(proxy.port) as client:
        client.send_quietly(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.read_all()
    assert answer == b"" or b" 400 " in answer.split(b"\r\n")[0] or answer[0] == 21, answer  # 21: a TLS alert
    assert recorder.received == b""


def test_tls_on_the_http_port_reaches_nobody(make_recorder, make_sheaf, authority: Authority) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        RawClient(proxy.port, context=client_context(authority, ssl.TLSVersion.TLSv1_3))
    assert recorder.received == b""
    assert get(proxy.port).status == 200


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\xff\xff", b"\0" * 300, b"\x80\x2e\x01\0\x02", b"\x16\x03\x01\0\x05\x01\0\0\x01\0"]
)
def test_garbage_instead_of_a_handshake_ends_that_connection_only(secure: Sheaf, garbage: bytes) -> None:
    with RawClient(secure.port) as client:
        client.send_quietly(garbage + bytes(2000))
        client.read_all()
    assert get_ok(secure)


def test_truncated_tls_connection_is_no_orderly_end(secure: Sheaf, authority: Authority) -> None:
    """A FIN without close_notify in the middle of a message must not be taken for its end."""
    context = client_context(authority, ssl.TLSVersion.TLSv1_3)
    client = RawClient(secure.port, context=context)
    client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhello")
    client.socket.shutdown(socket.SHUT_RDWR)
    client.close()
    wait_until(lambda: secure.metric("sheaf_http_requests_active") == 0, 3, "the exchange is over")


def test_handshake_timeout_closes_a_silent_client(make_sheaf, backend: Backend, certificate: Pair) -> None:
    proxy = make_sheaf(backend.url, {**tls_conf(certificate), "timeouts": {"handshake": "1s"}})
    with RawClient(proxy.port) as silent, RawClient(proxy.port) as half:
        half.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        began = time.monotonic()
        assert silent.read_all() == b""
        half.read_all()
        assert 0.8 < time.monotonic() - began < 2.5


def test_handshake_timeout_does_not_concern_a_client_that_is_through(
    make_sheaf, backend: Backend, certificate: Pair, client_tls: ssl.SSLContext
) -> None:
    proxy = make_sheaf(backend.url, {**tls_conf(certificate), "timeouts": {"handshake": "500ms"}})
    with RawClient(proxy.port, context=client_tls) as client:
        time.sleep(1.2)
        assert client.request("GET /page HTTP/1.1\nHost: a\n\n").status == 200
    with RawWebSocket(proxy.port, context=client_tls) as client:
        time.sleep(1.2)
        client.send_frame(TEXT, b"hello")
        assert client.read_message() == (TEXT, b"hello")


def test_backend_learns_that_the_client_came_over_https(secure: Sheaf, client_tls: ssl.SSLContext) -> None:
    body = get(secure.port, "/headers", context=client_tls).body
    assert b'["x-forwarded-proto","https"]' in body


def test_many_handshakes_at_once_all_succeed(secure: Sheaf, client_tls: ssl.SSLContext) -> None:
    failures: list[Exception] = []

    def shake() -> None:
        try:
            for _ in range(10):
                assert get(secure.port, "/page", context=client_tls).status == 200
        except (OSError, AssertionError) as failure:
            failures.append(failure)

    threads = [threading.Thread(target=shake) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert secure.metric("sheaf_tls_handshakes_total") >= 160
