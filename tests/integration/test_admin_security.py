"""Issue 18, line 5, and hardening row 69: what the admin listener answers to whom, however it is asked."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Pair
from harness.openapi import Json, Operation, ask, operations
from harness.ports import free_port, wait_until
from harness.frames import RawWebSocket
from harness.raw import RawClient, Response
from harness.reloading import TOKEN, ReloadableSheaf
from harness.sheaf import BINARY, Sheaf
from harness.stopped import Stopped

WITH_TOKEN = f"Authorization: Bearer {TOKEN}\n"
PROBES = {"/livez", "/readyz", "/startupz"}
# Of paths; whom there is not, where it does not matter.
NAMES: Json = {"backend": "nobody", "endpoint": "127.0.0.1:1", "id": "9-9", "file": "nothing.js"}


@pytest.fixture(scope="module")
def guarded(folder: Path, backend: Backend) -> Iterator[ReloadableSheaf]:
    """It asks for TOKEN."""
    running = ReloadableSheaf(folder, backend.url)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def document(guarded: ReloadableSheaf) -> Json:
    return json.loads(ask(guarded.admin_port, "GET", "/openapi.json", fields=WITH_TOKEN).body)


@pytest.fixture(scope="module")
def all_of(document: Json) -> list[Operation]:
    found = operations(document)
    assert {one.access for one in found} == {"open", "reads", "always"}
    assert {one.template for one in found} >= PROBES
    assert all(one.access == "always" for one in found if one.method == "POST" or one.template == "/drain")
    return found


def looks(all_of: list[Operation]) -> list[Operation]:
    """The GETs that change nothing."""
    return [one for one in all_of if one.method == "GET" and one.template != "/drain"]


def asked(port: int, one: Operation, fields: str = "") -> Response:
    response = ask(port, one.method, one.path(NAMES), fields=fields, body=b"{}" if one.takes_body else None)
    one.check(response)
    return response


# Who may ask


def test_the_default_address_is_loopback() -> None:
    dumped = subprocess.run([BINARY, "--dump-config"], capture_output=True, text=True, check=True, env={}).stdout
    assert 'address = "127.0.0.1:9901"  # default' in dumped.partition("[admin]")[2].partition("\n[")[0]


def test_without_the_token_only_what_is_open_is_answered(guarded: ReloadableSheaf, all_of: list[Operation]) -> None:
    for one in all_of:
        response = asked(guarded.admin_port, one)
        if one.access == "open":
            assert response.status in (200, 404), one
        else:
            assert response.status == 401 and response.get("www-authenticate") == "Bearer", one
            assert "admin.token" in one.check(response)["message"]


@pytest.mark.parametrize(
    "fields",
    [
        f"Authorization: Bearer {TOKEN[:-1]}\n",
        f"Authorization: Bearer {TOKEN}x\n",
        f"Authorization: Bearer {TOKEN.upper()}\n",
        f"Authorization: Bearer  {TOKEN}\n",
        f"Authorization: Basic {TOKEN}\n",
        f"Authorization: {TOKEN}\n",
        "Authorization: Bearer \n",
        "Authorization:\n",
        f"{WITH_TOKEN}{WITH_TOKEN}",
        f"{WITH_TOKEN}Authorization: Bearer wrong\n",
        f"Proxy-Authorization: Bearer {TOKEN}\n",
        f"Cookie: token={TOKEN}\n",
    ],
)
def test_a_wrong_token_is_none(guarded: ReloadableSheaf, all_of: list[Operation], fields: str) -> None:
    for one in all_of:
        if one.access != "open":
            assert asked(guarded.admin_port, one, fields).status == 401, one


def test_a_token_in_the_query_is_none(guarded: ReloadableSheaf, all_of: list[Operation]) -> None:
    for one in all_of:
        if one.access != "open":
            path = one.path(NAMES, token=TOKEN, access_token=TOKEN)
            assert ask(guarded.admin_port, one.method, path).status == 401, one


def test_where_there_is_no_token_nothing_changes_and_nobody_is_shown(
    sheaf: Sheaf, all_of: list[Operation], backend: Backend
) -> None:
    """On loopback, too; with the remedy."""
    endpoint = backend.url.removeprefix("http://")
    for one in all_of:
        names = {**NAMES, "backend": "default", "endpoint": endpoint}
        for fields in ("", "Authorization: Bearer \n", "Authorization: Bearer x\n"):
            response = ask(sheaf.admin_port, one.method, one.path(names), fields=fields)
            if one.access == "always":
                assert response.status == 403 and "set admin.token" in one.check(response)["message"], one
            else:
                assert response.status in (200, 404), one
    assert json.loads(sheaf.admin("/backends")[1])["backends"][0]["endpoints"][0]["state"] == "up"
    assert sheaf.stats()["configuration"]["generation"] == 1


def test_any_origin_is_refused_but_the_pages_own(guarded: ReloadableSheaf, all_of: list[Operation]) -> None:
    """A browser names the page's origin when it asks for the page's modules, which ask for no token."""
    for one in all_of:
        is_page = one.access == "open" and one.template not in PROBES
        for origin in ("null", "https://evil.example", f"http://127.0.0.1:{guarded.admin_port}", "127.0.0.1", ""):
            assert asked(guarded.admin_port, one, f"{WITH_TOKEN}Origin: {origin}\n").status == 403, one
        for fields in (WITH_TOKEN, ""):
            status = asked(guarded.admin_port, one, f"{fields}Origin: http://127.0.0.1\n").status
            assert (status != 403) == is_page, one


def test_a_foreign_host_needs_the_token(guarded: ReloadableSheaf, sheaf: Sheaf, all_of: list[Operation]) -> None:
    for one in all_of:
        for proxy, token, expected in ((sheaf, "", 403), (guarded, "", 403), (guarded, WITH_TOKEN, 0)):
            head = f"{one.method} {one.path(NAMES)} HTTP/1.1\nHost: evil.example\n{token}Connection: close\n\n"
            rebound = head.replace("Connection", "Origin: http://evil.example\nConnection")
            if one.template == "/drain" and token:
                continue
            with RawClient(proxy.admin_port) as client:
                status = client.request(head).status
            if not token:
                with RawClient(proxy.admin_port) as client:
                    assert client.request(rebound).status == 403, one
            if one.template in PROBES:
                assert status == 200, one
            elif expected:
                assert status == expected, one
            else:
                assert status in (200, 400, 404, 409, 422), one


def test_a_token_from_a_file_is_taken_up_by_a_reload(make_sheaf, backend: Backend, folder: Path) -> None:
    file = folder / "admin-token"
    file.write_text("first\n")
    proxy = make_sheaf(backend.url, {"admin": {"token_file": str(file)}})

    def status(token: str, method: str = "GET", path: str = "/metrics") -> int:
        return ask(proxy.admin_port, method, path, fields=f"Authorization: Bearer {token}\n").status

    assert (status("first"), status("second"), status("first\n".strip() + " x")) == (200, 401, 401)
    file.write_text("  second")
    assert status("first") == 200, "taken up by a reload only"
    assert status("first", "POST", "/reload") == 200
    wait_until(lambda: status("second") == 200, 3, "the new token holds")
    assert status("first") == 401
    file.write_text("\n")
    assert status("second", "POST", "/reload") == 422, "an empty file is no token"
    assert status("second") == 200
    assert "first" not in proxy.log() and "second" not in proxy.log()


class OverUnix(Sheaf):
    """Its admin listener is a Unix socket, made under a umask that leaves all permissions."""

    def __init__(self, folder: Path, upstream: str, admin: Json) -> None:
        self.path = folder / f"admin-{len(list(folder.iterdir()))}.sock"
        before = os.umask(0)
        try:
            super().__init__(folder, upstream, {"admin": {**admin, "address": f"unix:{self.path}"}})
        finally:
            os.umask(before)

    def ask(self, method: str, path: str) -> int:
        """The status of an answer."""
        with RawClient(self.path) as client:
            return client.request(f"{method} {path} HTTP/1.1\nHost: whatever\nConnection: close\n\n").status

    def admin(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, str]:
        return self.ask(method, path), ""


@pytest.mark.parametrize("token", ["", TOKEN], ids=["plain", "token"])
def test_a_unix_socket_is_its_owners_alone_and_stands_for_the_token(
    folder: Path, backend: Backend, all_of: list[Operation], token: str
) -> None:
    proxy = OverUnix(folder, backend.url, {"token": token})
    try:
        assert stat.S_IMODE(proxy.path.stat().st_mode) == 0o600
        for one in all_of:
            if one.template == "/drain" and not token:
                continue
            status = proxy.ask(one.method, one.path(NAMES))
            assert (status == 401) == bool(token and one.access != "open"), one
            assert status in (200, 400, 401, 404, 409), one
    finally:
        proxy.stop()
    assert not proxy.path.exists()


# How it is asked

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
PUSH = b"POST /api/messages HTTP/1.1\r\nHost: localhost\r\n" + WITH_TOKEN.replace("\n", "\r\n").encode()
CHUNKED = PUSH + b"Transfer-Encoding: chunked\r\n\r\n"
BEHIND = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


def statuses(port: int, data: bytes) -> list[int]:
    """Of all answers to `data`, until the listener closes."""
    with RawClient(port, timeout=15) as client:
        client.send_quietly(data)
        return [int(one) for one in re.findall(rb"HTTP/1\.1 (\d{3}) ", client.read_all())]


REFUSED: dict[str, tuple[int, bytes]] = {
    "length and chunks": (400, PUSH + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunks and length": (400, PUSH + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    "two lengths": (400, PUSH + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "list of lengths": (400, PUSH + b"Content-Length: 2, 3\r\n\r\n{}"),
    "length with a sign": (400, PUSH + b"Content-Length: +2\r\n\r\n{}"),
    "negative length": (400, PUSH + b"Content-Length: -0\r\n\r\n"),
    "hexadecimal length": (400, PUSH + b"Content-Length: 0x2\r\n\r\n{}"),
    "empty length": (400, PUSH + b"Content-Length:\r\n\r\n"),
    "length beyond all": (400, PUSH + b"Content-Length: 99999999999999999999\r\n\r\n{}"),
    "length beyond the limit": (413, PUSH + b"Content-Length: 1048577\r\n\r\n{}"),
    "chunked twice": (400, PUSH + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "gzip": (400, PUSH + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "another coding": (400, PUSH + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "no coding": (400, PUSH + b"Transfer-Encoding:\r\n\r\n"),
    "coding with a control": (400, PUSH + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    "chunks by HTTP/1.0": (400, CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n"),
    "chunk size 0x": (400, CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n"),
    "chunk size +": (400, CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n"),
    "chunk size -": (400, CHUNKED + b"-1\r\n{}\r\n0\r\n\r\n"),
    "chunk size beyond all": (400, CHUNKED + b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    "chunk longer than said": (400, CHUNKED + b"2\r\n{}{}\r\n0\r\n\r\n"),
    "chunk size with a bare LF": (400, CHUNKED + b"2\n{}\r\n0\r\n\r\n"),
    "obs-fold": (400, LIVEZ + b"A: b\r\n c\r\n\r\n"),
    "space before the colon": (400, LIVEZ + b"A : b\r\n\r\n"),
    "bare LF": (400, b"GET /livez HTTP/1.1\nHost: localhost\n\n"),
    "bare CR": (400, LIVEZ + b"A: b\rc\r\n\r\n"),
    "NUL in a value": (400, LIVEZ + b"A: b\0c\r\n\r\n"),
    "two hosts": (400, LIVEZ + b"Host: localhost\r\n\r\n"),
    "no host": (400, b"GET /livez HTTP/1.1\r\n\r\n"),
    "NUL in the target": (400, b"GET /livez\0 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "fragment": (400, b"GET /livez#x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "space in the target": (400, b"GET /li vez HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "not ASCII": (400, b"GET /livez\xff HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "no slash": (400, b"GET livez HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "HTTP/0.9": (400, b"GET /livez\r\n\r\n"),
    "HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "TLS": (400, bytes.fromhex("1603010200010001fc0303") + bytes(500) + b"\r\n\r\n"),
    "CONNECT": (405, b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n"),
    "long target": (414, b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "long field": (431, LIVEZ + b"A: " + b"a" * 70_000 + b"\r\n\r\n"),
    "many fields": (431, LIVEZ + b"A: b\r\n" * 250 + b"\r\n"),
    "unknown expectation": (417, PUSH + b"Expect: the-best\r\nContent-Length: 2\r\n\r\n{}"),
    "a body where there is none": (400, LIVEZ + b"Content-Length: 2\r\n\r\n{}"),
    "chunks where there is no body": (400, LIVEZ + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused_and_ends_the_connection(guarded: ReloadableSheaf, name: str) -> None:
    """One answer, and none to what stands behind."""
    status, data = REFUSED[name]
    assert statuses(guarded.admin_port, data) == [status]
    assert statuses(guarded.admin_port, data + BEHIND) == [status]
    assert guarded.admin("/livez")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/%6civez",
        "/livez/",
        "//livez",
        "/./livez",
        "/x/../livez",
        "/livez%00",
        "/livez;x",
        "/LIVEZ",
        "/backends/..%2f..%2freload",
        "/dashboard/..%2f..%2fmetrics",
        "/dashboard/%2e%2e/metrics",
        "/dashboard/../../../etc/passwd",
    ],
)
def test_a_path_is_taken_as_it_stands(guarded: ReloadableSheaf, path: str) -> None:
    """Nothing is decoded or resolved on the way to a row of the table, so that no spelling goes past its rule."""
    for method in ("GET", "POST"):
        assert ask(guarded.admin_port, method, path).status in (400, 401, 404, 405)
        assert ask(guarded.admin_port, method, path, fields=WITH_TOKEN).status in (400, 404, 405)


def test_the_name_in_an_absolute_target_is_the_host(guarded: ReloadableSheaf, sheaf: Sheaf) -> None:
    def status(target: str, host: str) -> int:
        with RawClient(sheaf.admin_port) as client:
            return client.request(f"GET {target} HTTP/1.1\nHost: {host}\nConnection: close\n\n").status

    assert status("http://localhost/metrics", "evil.example") == 200
    assert status("http://evil.example/metrics", "localhost") == 403
    assert status("http://localhost@evil.example/metrics", "localhost") in (400, 403)
    with RawClient(guarded.admin_port) as client:
        assert client.request("POST http://localhost/reload HTTP/1.1\nHost: localhost\n\n").status == 401


def test_head_has_no_body_and_http_1_0_ends(guarded: ReloadableSheaf, all_of: list[Operation]) -> None:
    for one in looks(all_of):
        path = one.path(NAMES)
        head = f"HEAD {path} HTTP/1.1\nHost: localhost\n{WITH_TOKEN}Connection: close\n\n"
        with RawClient(guarded.admin_port) as client:
            response = client.request(head)
            assert response.status in (200, 404) and int(response.get("content-length") or 0) > 0, one
            assert client.read_all() == b"", one
        with RawClient(guarded.admin_port) as client:
            response = client.request(f"GET {path} HTTP/1.0\n{WITH_TOKEN}\n")
            assert response.complete and response.get("connection") == "close", one
            assert client.ended(3), one


def test_a_second_request_waits_for_the_first_answer_or_gets_none(guarded: ReloadableSheaf) -> None:
    assert statuses(guarded.admin_port, (LIVEZ + b"\r\n") * 32) == [200]
    with RawClient(guarded.admin_port) as client:
        for _ in range(32):
            assert client.request(LIVEZ + b"\r\n").status == 200


def test_a_body_may_be_asked_for(guarded: ReloadableSheaf) -> None:
    """100 Continue, but not for a body that is too large, or without the token."""
    body = b'{"all":true,"text":"x"}'
    expecting = PUSH + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: "
    with RawClient(guarded.admin_port) as client:
        client.send(expecting + str(len(body)).encode() + b"\r\n\r\n")
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        client.send(body)
        assert client.response().status == 200
    assert statuses(guarded.admin_port, expecting + b"1048577\r\n\r\n") == [413]
    without = expecting.replace(TOKEN.encode(), b"wrong")
    assert statuses(guarded.admin_port, without + b"5\r\n\r\n") == [401]


def test_who_says_that_no_more_comes_gets_the_answer(guarded: ReloadableSheaf) -> None:
    """Of one that is large, and of one that the workers are asked for."""
    push = PUSH + b'Content-Length: 23\r\n\r\n{"all":true,"text":"x"}'
    for data in (LIVEZ + b"\r\n", b"GET /openapi.json HTTP/1.0\r\n" + WITH_TOKEN.encode() + b"\n", push):
        with RawClient(guarded.admin_port) as client:
            client.send(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
            client.socket.shutdown(socket.SHUT_WR)
            response = client.response()
            assert response.status == 200 and response.complete
            assert client.ended(3)


# While something is short


def test_a_crowd_that_holds_connections_open_keeps_nobody_out(guarded: ReloadableSheaf) -> None:
    """The oldest make room: no more than 64 stay."""
    crowd = [RawClient(guarded.admin_port) for _ in range(300)]
    for number, client in enumerate(crowd):
        client.send_quietly(LIVEZ[: number % len(LIVEZ)])
        if number % 10 == 0:
            assert guarded.admin("/livez")[0] == guarded.admin("/readyz")[0] == 200
    gone = sum(client.ended(0.01) for client in crowd)
    assert gone >= 300 - 64
    for client in crowd:
        client.close()


def test_every_look_is_answered_while_there_are_no_descriptors(make_reloadable, backend: Backend, all_of) -> None:
    proxy = make_reloadable(
        backend.url,
        {"workers": 1, "pool": {"min_size": 1, "health_check_interval": "0s"}, "listen": {"max_connections": 5000}},
        wrapper=["prlimit", "--nofile=96:96"],
    )
    crowd = [RawClient(proxy.port) for _ in range(100)]

    def pauses() -> bool:
        metrics = ask(proxy.admin_port, "GET", "/metrics", fields=WITH_TOKEN).body
        return re.search(rb"^sheaf_client_accept_pauses_total [1-9]", metrics, re.MULTILINE) is not None

    wait_until(pauses, 5, "accepting pauses")
    for one in looks(all_of):
        assert asked(proxy.admin_port, one, WITH_TOKEN).status in (200, 404), one
    for client in crowd:
        client.close()


def test_every_look_is_answered_while_a_worker_hangs(make_reloadable, backend: Backend, all_of) -> None:
    """It is named where its part is missing, and not waited for."""
    proxy = make_reloadable(backend.url, {"workers": 1})
    with RawWebSocket(proxy.port) as session, ThreadPoolExecutor(16) as pool:
        session.check_echo(b"here")
        found = False
        for thread in sorted(int(one) for one in os.listdir(f"/proc/{proxy.process.pid}/task")):
            if found or thread == proxy.process.pid:
                continue
            with Stopped(thread):
                found = is_worker(proxy)
                if found:
                    begin = time.monotonic()
                    answers = list(pool.map(lambda one: asked(proxy.admin_port, one, WITH_TOKEN), looks(all_of)))
                    assert time.monotonic() - begin < 10, "an answer waited for it"
        assert found, "one of the threads is the worker"
        session.check_echo(b"here again")
    for one, answer in zip(looks(all_of), answers, strict=True):
        assert answer.status in ((200, 503) if one.template in PROBES else (200, 404, 503)), one
        value = one.check(answer)
        if value is not None and "late_workers" in value:
            assert value["late_workers"] == [0], one


def is_worker(proxy: ReloadableSheaf) -> bool:
    """Whether the thread that stands still is a worker: one is late with a push to nobody."""
    body = b'{"user_id":"nobody","text":"x"}'
    head = PUSH + b"Connection: close\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n"
    try:
        with RawClient(proxy.admin_port, timeout=4) as client:
            return json.loads(client.request(head + body).body)["late_workers"] == [0]
    except TimeoutError:
        return False  # the admin thread itself


def test_no_secret_is_in_any_answer(
    make_reloadable, backend: Backend, all_of: list[Operation], certificate: Pair, folder: Path
) -> None:
    """Of the configuration, and of what clients send."""
    (folder / "mux-token").write_text("file-s3cret")
    proxy = make_reloadable(
        backend.url,
        {
            "admin": {"token": TOKEN},
            "listener": [
                {
                    "address": f"127.0.0.1:{free_port()}",
                    "tls_certificate": str(certificate.certificate),
                    "tls_key": str(certificate.key),
                }
            ],
            "backend": [
                {"name": "one", "urls": [backend.url], "mode": "mux", "token": "option-s3cret"},
                {"name": "two", "urls": [backend.url], "mode": "mux", "token_file": str(folder / "mux-token")},
            ],
        },
        [{"path": "/one", "backend": "one"}, {"path": "/two", "backend": "two"}],
        ready="/livez",
    )
    key = certificate.key.read_text().splitlines()[1]
    fields = "Authorization: Bearer client-s3cret\r\nCookie: session=cookie-s3cret\r\n"
    with RawWebSocket(proxy.port, "/ws/echo?token=query-s3cret", fields=fields) as session:
        session.check_echo(b"message-s3cret")
        for one in looks(all_of):
            for path in (one.path(NAMES), one.path(NAMES, token="asked-s3cret")):
                response = ask(proxy.admin_port, "GET", path, fields=WITH_TOKEN)
                found = [secret for secret in ("s3cret", TOKEN, key) if secret.encode() in response.raw]
                assert found == [], f"{path}: {response.raw!r}"
