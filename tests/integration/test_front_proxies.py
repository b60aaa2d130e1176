"""Behind a front proxy: whose word is taken for who the client is, what the backend is told, and what the log says."""

from __future__ import annotations

import asyncio
import json
import random
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
from websockets.sync.client import connect

from harness.backend import Backend
from harness.certificates import Pair
from harness.nginx import TlsFront
from harness.raw import RawClient
from harness.recorder import OK, Recorder, Request, upgrade_answer
from harness.sheaf import Sheaf

STRANGER = "127.0.0.2"  # not one of those trusted by default
CLIENT = "198.51.100.7"
FORWARDED = f"X-Forwarded-For: {CLIENT}\nX-Forwarded-Proto: https\nX-Forwarded-Host: www.example\n"
UPGRADE = (
    "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
)


def trusting(*proxies: str, **more: str) -> dict[str, Any]:
    return {"forwarded": {"trusted_proxies": list(proxies), **more}}


@pytest.fixture
def recorder(make_recorder) -> Recorder:
    return make_recorder(lambda request: upgrade_answer(request) if request.get("upgrade") else OK)


def seen_upstream(proxy: Sheaf, recorder: Recorder, fields: str, source: str = "", path: str = "/") -> Request:
    """The request as it arrived upstream."""
    before = len(recorder.requests)
    with RawClient(proxy.port, source=source) as client:
        assert client.request(f"GET {path} HTTP/1.1\nHost: a.example\n{fields}\n").status in (200, 101)
    assert len(recorder.requests) == before + 1
    return recorder.latest


def told(request: Request) -> tuple[list[str], list[str], list[str]]:
    """Address, scheme and host."""
    return request.all("x-forwarded-for"), request.all("x-forwarded-proto"), request.all("x-forwarded-host")


def app_sees(proxy: Sheaf, fields: str, source: str = "") -> tuple[str, str]:
    """Client and scheme as the application has them from uvicorn."""
    with RawClient(proxy.port, source=source) as client:
        seen = json.loads(client.request(f"GET /headers HTTP/1.1\nHost: a.example\n{fields}\n").body)
    return seen["client"], seen["scheme"]


def websocket_sees(proxy: Sheaf, fields: dict[str, str], source: str = "127.0.0.1") -> tuple[str, str]:
    url = f"{proxy.ws_url}/ws/headers"
    with connect(url, additional_headers=fields, source_address=(source, 0)) as socket:
        seen = json.loads(socket.recv())
    return seen["client"], seen["scheme"]


# ---- whose word is taken


@pytest.mark.parametrize("upgrade", ["", UPGRADE], ids=["http", "websocket"])
def test_by_default_127_0_0_1_is_believed_and_its_neighbour_is_not(make_sheaf, recorder: Recorder, upgrade: str) -> None:
    proxy = make_sheaf(recorder.url)
    believed = seen_upstream(proxy, recorder, FORWARDED + upgrade)
    assert told(believed) == ([f"{CLIENT}, 127.0.0.1"], ["https"], ["www.example"])
    replaced = seen_upstream(proxy, recorder, FORWARDED + upgrade, source=STRANGER)
    assert told(replaced) == ([STRANGER], ["http"], ["a.example"])


@pytest.mark.parametrize("nobody", [[], ["none"]])
def test_an_empty_list_and_none_trust_nobody(make_sheaf, recorder: Recorder, nobody: list[str]) -> None:
    proxy = make_sheaf(recorder.url, trusting(*nobody))
    assert told(seen_upstream(proxy, recorder, FORWARDED)) == (["127.0.0.1"], ["http"], ["a.example"])


@pytest.mark.parametrize("word", ["loopback", "private_ranges"])
def test_a_word_stands_for_networks(make_sheaf, recorder: Recorder, word: str) -> None:
    proxy = make_sheaf(recorder.url, trusting(word))
    seen = seen_upstream(proxy, recorder, FORWARDED, source=STRANGER)
    assert told(seen) == ([f"{CLIENT}, {STRANGER}"], ["https"], ["www.example"])


def test_the_access_log_has_the_client_that_trusted_proxies_name(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url, trusting("127.0.0.1", "10.0.0.0/8"))
    chain = f"X-Forwarded-For: 6.6.6.6\nX-Forwarded-For: {CLIENT}:5000, 10.1.2.3\n"
    seen_upstream(proxy, recorder, chain, path="/believed")
    proxy.wait_for_log("access", "/believed", f"client={CLIENT} ")
    seen_upstream(proxy, recorder, chain + UPGRADE, path="/socket")
    proxy.wait_for_log("access", "/socket", "protocol=websocket", f"client={CLIENT} ")
    seen_upstream(proxy, recorder, chain, source=STRANGER, path="/stranger")
    proxy.wait_for_log("access", "/stranger", f"client={STRANGER} ")


# ---- one line of each, the last value, one family


def test_of_several_values_the_last_counts_and_one_line_of_each_goes_upstream(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url)
    fields = "".join(
        f"X-Forwarded-{name}: {forged}\nX-Forwarded-{name}: {forged}, {right}\n"
        for name, forged, right in (
            ("Proto", "http", "https"),
            ("Host", "evil.example", "www.example"),
            ("Port", "666", "443"),
            ("Prefix", "/evil", "/app"),
        )
    )
    fields += f"X-Forwarded-For: 6.6.6.6\nX-Forwarded-For: {CLIENT}\nX-Real-IP: 6.6.6.6\nX-Real-IP: 6.6.6.7\n"
    for request in (fields, fields + UPGRADE):
        seen = seen_upstream(proxy, recorder, request)
        assert told(seen) == ([f"6.6.6.6, {CLIENT}, 127.0.0.1"], ["https"], ["www.example"])
        assert seen.all("x-forwarded-port") == ["443"]
        assert seen.all("x-forwarded-prefix") == ["/app"]
        assert seen.all("x-real-ip") == [CLIENT]


@pytest.mark.parametrize("upgrade", ["", UPGRADE], ids=["http", "websocket"])
def test_with_forwarded_that_field_alone_is_believed_and_written(make_sheaf, recorder: Recorder, upgrade: str) -> None:
    proxy = make_sheaf(recorder.url, trusting("127.0.0.1", "10.0.0.0/8", header="forwarded"))
    told_both = FORWARDED + 'Forwarded: for="\nForwarded: for=6.6.6.6, for="[2001:db8::1]:80";proto=https\n'
    told_both += "Forwarded: for=10.1.2.3\nX-Real-IP: 6.6.6.6\n" + upgrade
    seen = seen_upstream(proxy, recorder, told_both, path="/rfc7239")
    assert seen.all("forwarded") == [
        'for=6.6.6.6, for="[2001:db8::1]:80";proto=https, for=10.1.2.3, for=127.0.0.1;host=a.example;proto=http'
    ]
    assert b"x-forwarded" not in seen.head.lower() and b"x-real-ip" not in seen.head.lower()
    proxy.wait_for_log("access", "/rfc7239", "client=2001:db8::1 ")
    stranger = seen_upstream(proxy, recorder, told_both, source=STRANGER)
    assert stranger.all("forwarded") == [f"for={STRANGER};host=a.example;proto=http"]
    assert b"6.6.6.6" not in stranger.head


def test_with_x_forwarded_the_field_forwarded_is_removed_whoever_sends_it(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url, trusting("127.0.0.1"))
    for source in ("127.0.0.1", STRANGER):
        assert seen_upstream(proxy, recorder, "Forwarded: for=6.6.6.6;proto=https\n", source).all("forwarded") == []


# ---- identity


def test_the_user_is_believed_of_a_named_proxy_only(make_sheaf, recorder: Recorder) -> None:
    user = "X-User-ID: evil\nX-User-ID: kim\n"
    named = make_sheaf(recorder.url, trusting("127.0.0.1"))
    assert seen_upstream(named, recorder, user, path="/named").all("x-user-id") == ["kim"]
    named.wait_for_log("access", "/named", "user=kim")
    seen_upstream(named, recorder, user + UPGRADE, path="/socket")
    named.wait_for_log("access", "/socket", "protocol=websocket", "user=kim")
    assert seen_upstream(named, recorder, user, source=STRANGER, path="/stranger").all("x-user-id") == []
    assert "user=" not in named.wait_for_log("access", "/stranger")[0].replace("user_agent=", "")

    shipped = make_sheaf(recorder.url)
    assert seen_upstream(shipped, recorder, user, path="/shipped").all("x-user-id") == ["evil", "kim"]
    assert "user=" not in shipped.wait_for_log("access", "/shipped")[0].replace("user_agent=", "")


# ---- the warning


def warnings_of(proxy: Sheaf) -> list[str]:
    return proxy.log_lines("a peer that is not trusted")


def test_a_private_peer_that_is_not_trusted_gets_one_warning_with_the_line_to_write(
    make_sheaf, recorder: Recorder
) -> None:
    proxy = make_sheaf(recorder.url)
    for number in range(5):
        seen_upstream(proxy, recorder, FORWARDED, source=f"127.0.0.{2 + number}")
    line = proxy.wait_for_log("a peer that is not trusted", "peer=127.0.0.2")[0]
    assert proxy.metric("sheaf_forwarded_removed_total") == 5
    assert len(warnings_of(proxy)) == 1
    written = re.search(r'conf="(trusted_proxies = [^"]*)"', line)
    assert written, line

    conf = {"forwarded": {"trusted_proxies": re.findall("'([^']*)'", written[1])}}
    assert written[1] == f"trusted_proxies = ['{STRANGER}']"
    mended = make_sheaf(recorder.url, conf)
    assert told(seen_upstream(mended, recorder, FORWARDED, source=STRANGER))[1] == ["https"]
    assert warnings_of(mended) == []
    assert mended.metric("sheaf_forwarded_removed_total") == 0


def test_there_is_no_warning_where_nothing_is_removed_or_where_none_is_written(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url)
    seen_upstream(proxy, recorder, FORWARDED)
    seen_upstream(proxy, recorder, "X-Request-ID: 1\nX-User-ID: kim\n", source=STRANGER)
    assert proxy.metric("sheaf_forwarded_removed_total") == 0
    silent = make_sheaf(recorder.url, trusting("none"))
    seen_upstream(silent, recorder, FORWARDED)
    assert silent.metric("sheaf_forwarded_removed_total") == 1
    assert proxy.count_log_lines("not trusted") == silent.count_log_lines("not trusted") == 0


# ---- real backends and front proxies


def test_uvicorn_shows_client_and_scheme_of_a_trusted_proxy_s_client(make_sheaf, backend: Backend) -> None:
    """Its own default, --proxy-headers for 127.0.0.1, in front of it Sheaf, in front of that a proxy on this machine."""
    proxy = make_sheaf(backend.url)
    fields = {"X-Forwarded-For": f"6.6.6.6, {CLIENT}", "X-Forwarded-Proto": "https"}
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    assert app_sees(proxy, text) == (CLIENT, "https")
    assert websocket_sees(proxy, fields) == (CLIENT, "wss")
    assert app_sees(proxy, text, source=STRANGER) == (STRANGER, "http")
    assert websocket_sees(proxy, fields, source=STRANGER) == (STRANGER, "ws")


def test_uvicorn_shows_the_client_behind_an_ingress_that_it_knows_too(make_sheaf, make_backend) -> None:
    knowing = make_backend(options=("--forwarded-allow-ips", f"127.0.0.1,{STRANGER}"))
    proxy = make_sheaf(knowing.url, trusting(STRANGER))
    fields = {"X-Forwarded-For": f"6.6.6.6, {CLIENT}", "X-Forwarded-Proto": "https"}
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    assert app_sees(proxy, text, source=STRANGER) == (CLIENT, "https")
    assert websocket_sees(proxy, fields, source=STRANGER) == (CLIENT, "wss")


async def socket_io_echo(front: TlsFront, context: ssl.SSLContext, transport: str) -> object:
    """What a page of the front proxy's origin gets: python-socketio compares Origin with scheme and host."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        client = socketio.AsyncClient(http_session=session, reconnection=False)
        try:
            await client.connect(front.url, headers={"Origin": front.url}, transports=[transport])
            return await client.call("echo", "heard")
        finally:
            await client.eio.disconnect(abort=True)


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_socket_io_works_behind_a_proxy_that_ends_tls_on_this_machine(
    folder: Path, sheaf: Sheaf, certificate: Pair, client_tls: ssl.SSLContext, transport: str
) -> None:
    with TlsFront(folder, sheaf.port, certificate) as front:
        assert asyncio.run(asyncio.wait_for(socket_io_echo(front, client_tls, transport), 10)) == "heard"


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_socket_io_behind_an_untrusted_proxy_fails_with_a_warning_and_works_with_the_line_it_names(
    make_sheaf, folder: Path, backend: Backend, certificate: Pair, client_tls: ssl.SSLContext, transport: str
) -> None:
    strict = make_sheaf(backend.url)
    with TlsFront(folder, strict.port, certificate, source=STRANGER) as front:
        with pytest.raises(socketio.exceptions.ConnectionError):
            asyncio.run(asyncio.wait_for(socket_io_echo(front, client_tls, transport), 10))
    line = strict.wait_for_log("a peer that is not trusted")[0]
    mended = make_sheaf(backend.url, {"forwarded": {"trusted_proxies": re.findall(r"'([\d.]+)'", line)}})
    with TlsFront(folder, mended.port, certificate, source=STRANGER) as front:
        assert asyncio.run(asyncio.wait_for(socket_io_echo(front, client_tls, transport), 10)) == "heard"


# ---- whatever an untrusted client makes up

SPOKEN_FOR = ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-User"]
SPOKEN_FOR += ["Forwarded", "X-Real-IP", "X-Request-ID", "X-User-ID"]


def random_fields(source: random.Random) -> Iterator[str]:
    """Lines that claim something, under right names, their twins, and names like them."""
    for _ in range(source.randint(1, 8)):
        name = source.choice(SPOKEN_FOR)
        name = "".join(source.choice("-_") if c == "-" and source.random() < 0.5 else c for c in name)
        name = source.choice([name, name.lower(), name.upper()])
        value = source.choice(["evil", "evil, evil", 'for=evil;proto="evil"', "evil,", '"evil'])
        yield f"{name}: {value}\n"
    if source.random() < 0.3:
        yield f"Connection: keep-alive, {source.choice(SPOKEN_FOR)}\n"


@pytest.mark.parametrize("header", ["x-forwarded", "forwarded"])
def test_nothing_that_an_untrusted_client_makes_up_reaches_the_backend(make_sheaf, make_recorder, header: str) -> None:
    recorder = make_recorder()
    # Identity is Sheaf's affair where somebody is named.
    proxy = make_sheaf(recorder.url, trusting("10.0.0.0/8", header=header))
    source = random.Random(6)
    count = 400
    with RawClient(proxy.port) as client:
        for number in range(count):
            fields = "".join(random_fields(source))
            assert client.request(f"GET /{number} HTTP/1.1\nHost: a.example\n{fields}\n").status == 200, fields
            head = recorder.latest.head.decode()
            assert "evil" not in head, f"sent:\n{fields}\narrived:\n{head}"
            names = [line.partition(":")[0].lower().replace("_", "-") for line in head.split("\r\n")[1:-2]]
            assert len(names) == len(set(names)), f"sent:\n{fields}\narrived:\n{head}"
    assert len(recorder.requests) == count
