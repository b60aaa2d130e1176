"""Issue item 9 and hardening row 70: nothing a client sends can forge a log line."""

from __future__ import annotations

import json
import re

import pytest

from harness.backend import Backend
from harness.frames import TEXT, RawWebSocket, close_frame
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.sheaf import Sheaf

FORGERIES = [b"a\rb", b"a\x1b[31mred", b"a\x08b", b"a\x7fb", b"a\x9bb", b'a"b', b"a\\b", b"a\\x0ab", b"a\xe2\x80\xa8b"]


def json_lines(proxy: Sheaf) -> list[dict[str, object]]:
    return [json.loads(line) for line in proxy.log().splitlines()]


def access(proxy: Sheaf, path: str) -> dict[str, object]:
    """The access line of a request, once it is there."""

    def find() -> list[dict[str, object]]:
        return [line for line in json_lines(proxy) if line.get("msg") == "access" and path in str(line.values())]

    return wait_until(find, 3, f"an access line for {path}")[0]


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("value", FORGERIES, ids=repr)
def test_user_agent_cannot_forge_a_line(make_sheaf, backend: Backend, log_format: str, value: bytes) -> None:
    proxy = make_sheaf(backend.url, {"log": {"format": log_format}})
    with RawClient(proxy.port) as client:
        client.send(
            b"GET /status/200?forged HTTP/1.1\r\nHost: a\r\nUser-Agent: " + value + b"\r\nConnection: close\r\n\r\n"
        )
        client.read_all()
    wait_until(lambda: proxy.log_lines("access") or proxy.log_lines("reject"), 3, "a line about the request")
    raw = proxy.log_file.read_bytes()
    assert all(byte == 0x0A or 0x20 <= byte < 0x7F for byte in raw), "a control or a high byte stands in the log"
    if log_format == "json":
        json_lines(proxy)


@pytest.mark.parametrize("target", [b"/%0aforged=1", b"/%0d%0aforged", b"/%1b[31m", b"/a%22%20status=200%20x=%22"])
def test_path_cannot_forge_a_field(make_sheaf, backend: Backend, target: bytes) -> None:
    proxy = make_sheaf(backend.url)
    with RawClient(proxy.port) as client:
        client.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert client.response().status == 404
    lines = proxy.wait_for_log("access")
    assert len(lines) == 1 and "\x1b" not in lines[0]
    assert len(re.findall(r"\bstatus=", re.sub(r'"(?:[^"\\]|\\.)*"', '""', lines[0]))) == 1, lines[0]


def test_refused_request_cannot_forge_a_line(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    with RawClient(proxy.port) as client:
        client.send(b"GET /\x1b[2Jx\nreject=none level=error HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.response().status == 400
    lines = proxy.wait_for_log("reject=")
    assert len(lines) == 1 and "\x1b" not in lines[0] and "reject=none" not in lines[0]


def test_request_leaves_one_access_line_with_its_figures(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"log": {"format": "json"}})
    with RawClient(proxy.port) as client:
        client.request("POST /upload?x=1 HTTP/1.1\nHost: a.example\nContent-Length: 5\nUser-Agent: tester/1\n\nhello")
        client.request("GET /status/404 HTTP/1.1\nHost: a.example\n\n")
    line = access(proxy, "/upload")
    text = json.dumps(line)
    for part in ("POST", "/upload", "200", "127.0.0.1"):
        assert part in text, line
    assert line["level"] == "info" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", str(line["ts"]))
    assert "404" in json.dumps(access(proxy, "/status/404"))
    assert len([entry for entry in json_lines(proxy) if entry.get("msg") == "access"]) == 2


def test_access_line_has_the_request_id_that_the_backend_saw(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    pairs = dict(json.loads(get(proxy.port, "/headers").body)["headers"])
    assert proxy.wait_for_log("access", pairs["x-request-id"])


def test_websocket_leaves_one_line_at_its_end(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"log": {"format": "json"}})
    with RawWebSocket(proxy.port) as socket:
        socket.send_frame(TEXT, b"hello")
        assert socket.read_message() == (TEXT, b"hello")
        assert not [line for line in json_lines(proxy) if "/ws/echo" in json.dumps(line)], "a line before the end"
        socket.send(close_frame(4001, b"done"))
        socket.read_close()
    line = json.dumps(access(proxy, "/ws/echo"))
    assert "4001" in line
    assert len([entry for entry in json_lines(proxy) if "/ws/echo" in json.dumps(entry)]) == 1


def test_access_log_can_be_off(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"log": {"access": False}})
    assert get(proxy.port, "/page").status == 200
    proxy.signal()
    proxy.wait(5)
    assert proxy.log_lines("access") == [] and "/page" not in proxy.log()


def test_level_warning_leaves_out_info(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"log": {"level": "warning"}})
    get(proxy.port, "/page")
    proxy.signal()
    proxy.wait(5)
    assert proxy.log() == "", "something was written below the level"


def test_credentials_in_requests_are_not_logged(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"log": {"level": "debug"}})
    get(proxy.port, "/page", "Authorization: Bearer s3cr3t-token\nCookie: session=s3cr3t-cookie\n")
    proxy.wait_for_log("access")
    assert "s3cr3t" not in proxy.log()


def test_long_values_are_cut_and_the_line_stays_one(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"log": {"format": "json"}})
    get(proxy.port, "/status/200?" + "x" * 7000, "User-Agent: " + "\\" * 7000 + "\n")
    access(proxy, "/status/200")
    assert max(map(len, proxy.log().splitlines())) <= 16 * 1024
