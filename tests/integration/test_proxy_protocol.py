"""listen.proxy_protocol: the address that a PROXY header names is the client's, everywhere."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Pair
from harness.frames import CLOSE, RawWebSocket
from harness.ports import wait_until
from harness.proxy_protocol import HAPROXY, LOCAL, PROXY, SIGNATURE, HAProxy, binary, block, line
from harness.raw import RawClient, get
from harness.recorder import Recorder
from harness.sheaf import Conf, Sheaf, merged

CLIENT, CLIENT6 = "203.0.113.7", "2001:db8::7"
CONF: Conf = {"listen": {"proxy_protocol": "on"}, "forwarded": {"trusted_proxies": ["127.0.0.1"]}}
REQUEST = b"GET /headers HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def proxied(folder: Path, backend: Backend) -> Iterator[Sheaf]:
    running = Sheaf(folder, backend.url, CONF)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def secure(folder: Path, backend: Backend, certificate: Pair) -> Iterator[Sheaf]:
    tls = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    running = Sheaf(folder, backend.url, merged(CONF, {"listen": tls}))
    yield running
    running.stop()


def seen_by_backend(body: bytes) -> tuple[str, str]:
    """X-Forwarded-For, and the scheme."""
    seen = json.loads(body)
    return dict(seen["headers"])["x-forwarded-for"], seen["scheme"]


# ---- what the header says


@pytest.mark.parametrize("client", [CLIENT, CLIENT6])
@pytest.mark.parametrize("header", [line, binary], ids=["v1", "v2"])
def test_named_address_is_the_clients(proxied: Sheaf, header, client: str) -> None:
    path = f"/headers?{header.__name__}{client.replace(':', '-')}"
    response = get(proxied.port, path, first=header(client))
    assert seen_by_backend(response.body) == (client, "http")
    assert json.loads(response.body)["client"] == client
    proxied.wait_for_log("access", f"client={client}")


def test_websocket_and_refusals_are_logged_with_the_named_address(proxied: Sheaf) -> None:
    with RawWebSocket(proxied.port, first=binary("203.0.113.8")) as client:
        client.check_echo(b"hello")
    proxied.wait_for_log("access", "client=203.0.113.8", "/ws/echo")
    with RawClient(proxied.port, first=line("203.0.113.9")) as client:
        assert client.request("TRACE / HTTP/1.1\nHost: a\n\n").status == 405
    proxied.wait_for_log("request refused", "client=203.0.113.9")


def test_triples_are_skipped_and_pipelined_requests_served(proxied: Sheaf) -> None:
    request = b"GET /headers HTTP/1.1\r\nHost: a\r\n\r\n"
    with RawClient(proxied.port) as client:
        client.send(binary(CLIENT, b"\x05\x00\x02id\xea\x07\xd0" + bytes(2000)) + request * 3)
        for _ in range(3):
            assert seen_by_backend(client.response().body)[0] == CLIENT


@pytest.mark.parametrize("header", [line(CLIENT), binary(CLIENT, b"\x04\x00\x20" + bytes(32))], ids=["v1", "v2"])
def test_header_may_come_byte_by_byte(proxied: Sheaf, header: bytes) -> None:
    with RawClient(proxied.port) as client:
        for byte in header + REQUEST[:10]:
            client.send(bytes([byte]))
            time.sleep(0.001)
        client.send(REQUEST[10:])
        assert seen_by_backend(client.response().body)[0] == CLIENT


@pytest.mark.parametrize(
    ("header", "logged"),
    [
        (block(LOCAL, 0), "127.0.0.1"),
        (block(LOCAL, 0x11, bytes(12)), "127.0.0.1"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (block(PROXY, 0), "127.0.0.1"),
        (block(PROXY, 0x31, b"/run/client".ljust(216, b"\0")), "127.0.0.1"),
    ],
    ids=["local", "local with address", "unknown", "unspec", "unix"],
)
def test_header_without_a_name_leaves_the_sockets_address(proxied: Sheaf, header: bytes, logged: str) -> None:
    assert seen_by_backend(get(proxied.port, "/headers", first=header).body)[0] == logged


# ---- trust


FORWARDED = "X-Forwarded-For: 198.51.100.1\nX-Forwarded-Proto: https\n"


@pytest.mark.parametrize(
    ("header", "believed"),
    [
        (line(CLIENT), False),
        (binary(CLIENT6), False),
        (line("10.1.2.3"), True),
        (block(LOCAL, 0), True),
        (b"PROXY UNKNOWN\r\n", False),  # it is somebody's, whoever that is
    ],
    ids=["stranger v1", "stranger v2", "trusted", "local", "unknown"],
)
def test_forwarding_fields_are_believed_of_the_named_source_not_of_its_sender(
    make_sheaf, backend: Backend, header: bytes, believed: bool
) -> None:
    proxy = make_sheaf(backend.url, merged(CONF, {"forwarded": {"trusted_proxies": ["127.0.0.1", "10.0.0.0/8"]}}))
    forwarded, scheme = seen_by_backend(get(proxy.port, "/headers", FORWARDED, first=header).body)
    assert forwarded.startswith("198.51.100.1, ") == believed
    assert scheme == ("https" if believed else "http")


def test_stranger_may_send_no_header_and_gets_nothing(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, CONF)
    with RawClient(proxy.port, source="127.0.0.2") as client:
        client.send_quietly(line(CLIENT) + REQUEST)
        assert client.ended(3)
    assert recorder.received == b""
    assert proxy.metric("sheaf_client_closes_total", reason="proxy_untrusted") == 1
    assert proxy.count_log_lines("PROXY header refused", "client=127.0.0.2", "forwarded.trusted_proxies") == 1
    wait_until(lambda: proxy.metric("sheaf_client_connections") == 0, 3, "nothing is left of it")
    assert get(proxy.port, first=line(CLIENT)).status == 200


def test_without_the_option_a_header_is_no_request(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url)
    for header in (line(CLIENT), binary(CLIENT)):
        assert get(proxy.port, first=header).status == 400
    assert recorder.received == b""


# ---- what is wrong


WRONG = {
    "no header": (REQUEST, "no PROXY header"),
    "tls": (b"\x16\x03\x01\x02\x00", "no PROXY header"),
    "half a signature": (SIGNATURE[:8] + b"x", "no PROXY header"),
    "word": (b"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "neither TCP4, TCP6 nor UNKNOWN"),
    "address": (b"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "a malformed address"),
    "line feed": (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "the line does not end in CRLF"),
    "long": (b"PROXY UNKNOWN " + bytes([65]) * 100, "the line is too long"),
    "version 3": (block(0x31, 0x11, bytes(12)), "neither version 1 nor 2"),
    "short": (block(PROXY, 0x11, bytes(11)), "shorter than its addresses"),
    "large": (block(PROXY, 0x11, bytes(5000))[:16], "over 4 KiB"),
    "checksum": (binary(CLIENT, b"\x03\x00\x04\x01\x02\x03\x04"), "the checksum is wrong"),
}


@pytest.mark.parametrize("case", WRONG)
def test_malformed_header_ends_the_connection_with_one_line_and_nothing_upstream(
    make_sheaf, make_recorder, case: str
) -> None:
    header, error = WRONG[case]
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, CONF)
    with RawClient(proxy.port) as client:
        client.send_quietly(header + REQUEST)
        assert client.ended(3)
    assert recorder.received == b""
    assert proxy.count_log_lines("PROXY header refused", "client=127.0.0.1", error) == 1
    assert proxy.metric("sheaf_client_closes_total", reason="proxy_malformed") == 1
    assert proxy.metric("sheaf_client_connections") == 0


def test_header_that_does_not_come_is_waited_for_up_to_the_heads_time(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, merged(CONF, {"timeouts": {"head": "600ms"}}))
    for part in (b"", b"PROXY TCP4 1.2", binary(CLIENT)[:20]):
        with RawClient(proxy.port) as client:
            client.send(part)
            began = time.monotonic()
            assert client.ended(5)
            assert time.monotonic() - began > 0.4
    assert proxy.count_log_lines("PROXY header refused", "timeouts.head") == 3
    assert recorder.received == b""


def test_header_and_head_have_their_time_each(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, merged(CONF, {"timeouts": {"head": "1s"}}))
    with RawClient(proxy.port) as client:
        time.sleep(0.5)
        client.send(line(CLIENT))
        time.sleep(0.6)
        client.send(REQUEST[:20])
        time.sleep(0.6)
        client.send(REQUEST[20:])
        assert client.response().status == 200


def test_client_that_leaves_amid_its_header_leaves_nothing(proxied: Sheaf) -> None:
    before = proxied.metric("sheaf_client_closes_total", reason="client_gone")
    with RawClient(proxied.port) as client:
        client.send(b"PROXY TCP4")
    wait_until(
        lambda: proxied.metric("sheaf_client_closes_total", reason="client_gone") == before + 1, 3, "it is counted"
    )


def test_drain_does_not_wait_long_for_a_header(make_sheaf, backend: Backend) -> None:
    conf = merged(CONF, {"drain": {"delay": "0s", "timeout": "20s"}})
    proxy = make_sheaf(backend.url, conf)
    with RawClient(proxy.port) as late, RawClient(proxy.port) as silent, RawWebSocket(proxy.port, first=line(CLIENT)) as open_one:
        late.send(b"PROXY TCP4 ")
        silent.send(b"PROXY")
        wait_until(lambda: proxy.metric("sheaf_client_connections") == 3, 3, "all three are there")
        began = time.monotonic()
        proxy.signal()
        assert open_one.read_message()[0] == CLOSE
        late.send(f"{CLIENT} {CLIENT} 1 2\r\n".encode() + REQUEST)
        assert late.response().status == 200
        assert silent.ended(5)
    assert proxy.wait(10) == 0
    assert time.monotonic() - began < 8


def test_clients_over_the_limit_are_refused_without_their_header(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, merged(CONF, {"listen": {"max_connections": 1}}))
    with RawWebSocket(proxy.port, first=line(CLIENT)) as client:
        assert get(proxy.port, first=line(CLIENT)).status == 503
        client.check_echo(b"still there")


# ---- with TLS, and over a Unix socket


@pytest.mark.parametrize("header", [line(CLIENT), binary(CLIENT6)], ids=["v1", "v2"])
def test_header_comes_ahead_of_tls(secure: Sheaf, client_tls: ssl.SSLContext, header: bytes) -> None:
    named = CLIENT if header.startswith(b"PROXY") else CLIENT6
    response = get(secure.port, "/headers", context=client_tls, first=header)
    assert seen_by_backend(response.body) == (named, "https")
    with RawWebSocket(secure.port, context=client_tls, first=header) as client:
        client.check_echo(b"x" * 100_000)


@pytest.mark.parametrize("cut", [1, 30, 58, 60, 100])
def test_header_and_hello_may_be_cut_anywhere(secure: Sheaf, client_tls: ssl.SSLContext, cut: int) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_tls.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with RawClient(secure.port) as client:
        first = line(CLIENT)
        for _ in range(20):
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                data = first + outgoing.read()
                client.send(data[:cut])
                if first:
                    time.sleep(0.05)
                client.send(data[cut:])
                first = b""
                assert client.fill()
                incoming.write(client.read(len(client.buffer)))
        tls.write(REQUEST)
        client.send(outgoing.read())
        data = b""
        while client.fill():
            incoming.write(client.read(len(client.buffer)))
            try:
                while part := tls.read(65536):
                    data += part
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                break
    assert seen_by_backend(data.partition(b"\r\n\r\n")[2]) == (CLIENT, "https")


def test_tls_without_a_header_and_plain_text_behind_one_fail(secure: Sheaf, client_tls: ssl.SSLContext) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        RawClient(secure.port, context=client_tls)
    failures = secure.metric("sheaf_tls_failures_total")
    with RawClient(secure.port, first=line(CLIENT)) as client:
        client.send_quietly(REQUEST)
        assert b"HTTP/1.1 200" not in client.read_all()
    wait_until(lambda: secure.metric("sheaf_tls_failures_total") == failures + 1, 3, "the failure is counted")
    secure.wait_for_log("TLS with a client failed", f"client={CLIENT}")


def test_header_over_a_unix_socket(make_sheaf, backend: Backend, folder: Path) -> None:
    path = folder / "proxied.sock"
    proxy = make_sheaf(backend.url, merged(CONF, {"listen": {"address": f"unix:{path}"}}))
    assert seen_by_backend(get(path, "/headers", first=binary(CLIENT)).body)[0] == CLIENT
    assert seen_by_backend(get(path, "/headers?local", first=block(LOCAL, 0)).body)[0] == "127.0.0.1"
    proxy.wait_for_log("access", "client=unix")


# ---- HAProxy


@pytest.mark.skipif(not HAPROXY.exists(), reason="HAProxy is not installed")
@pytest.mark.parametrize("options", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
def test_haproxy_names_its_clients(make_sheaf, backend: Backend, folder: Path, options: str) -> None:
    """HAProxy is 127.0.0.1 to Sheaf, its client 127.0.0.5; its checks are LOCAL."""
    proxy = make_sheaf(backend.url, CONF)
    with HAProxy(folder, f"127.0.0.1:{proxy.port}", f"{options} check inter 100ms") as front:
        response = get(front.port, "/headers", FORWARDED, source="127.0.0.5")
        assert seen_by_backend(response.body) == ("127.0.0.5", "http")
        with RawClient(front.port, source="127.0.0.6") as client:
            upgrade = "GET /ws/echo HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\n"
            upgrade += "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n"
            assert client.request(upgrade).status == 101
            RawWebSocket.over(client).check_echo(b"through HAProxy")
        proxy.wait_for_log("access", "client=127.0.0.6", "/ws/echo")
        time.sleep(0.5)  # some checks
    assert proxy.log_lines("PROXY header refused") == []


@pytest.mark.skipif(not HAPROXY.exists(), reason="HAProxy is not installed")
def test_haproxy_passes_tls_through(secure: Sheaf, client_tls: ssl.SSLContext, folder: Path) -> None:
    with HAProxy(folder, f"127.0.0.1:{secure.port}", "send-proxy-v2") as front:
        response = get(front.port, "/headers", context=client_tls, source="127.0.0.5")
        assert seen_by_backend(response.body) == ("127.0.0.5", "https")
