"""hardening.md, rows 36-44: the WebSocket handshake, from both sides."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from harness.frames import BINARY, KEY, TEXT, RawWebSocket, accept_for, frame, upgrade
from harness.ports import wait_until
from harness.raw import RawClient
from harness.recorder import OK, Recorder, Request, upgrade_answer
from harness.sheaf import Sheaf

GOOD = upgrade("/ws")


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    running = Recorder(at_head=True)
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def plain_upgrades(recorder: Recorder) -> None:
    recorder.script = upgrade_answer


def without(line: str) -> str:
    return "".join(kept for kept in GOOD.splitlines(keepends=True) if not kept.startswith(line))


BAD_UPGRADES = {  # row 36 and 39
    "no key": (without("Sec-WebSocket-Key"), 400, "bad_upgrade"),
    "empty key": (upgrade("/ws", key=""), 400, "bad_upgrade"),
    "short key": (upgrade("/ws", key="c2hvcnQ="), 400, "bad_upgrade"),
    "long key": (upgrade("/ws", key="dGhlIHNhbXBsZSBub25jZXM="), 400, "bad_upgrade"),
    "key that is not base64": (upgrade("/ws", key="dGhlIHNhbXBsZSBub25j!!=="), 400, "bad_upgrade"),
    "two keys": (upgrade("/ws", f"Sec-WebSocket-Key: {KEY}\n"), 400, "bad_upgrade"),
    "POST": (GOOD.replace("GET ", "POST ").replace("\n\n", "\nContent-Length: 0\n\n"), 400, "bad_upgrade"),
    "HTTP/1.0 without a key": (without("Sec-WebSocket-Key").replace("HTTP/1.1", "HTTP/1.0"), 400, "bad_upgrade"),
    "HTTP/1.0 without Connection": (without("Connection").replace("HTTP/1.1", "HTTP/1.0"), 400, "bad_upgrade"),
    "no Connection": (without("Connection"), 400, "bad_upgrade"),
    "Connection without upgrade": (GOOD.replace("Connection: Upgrade", "Connection: keep-alive"), 400, "bad_upgrade"),
    "version 8": (upgrade("/ws", version="8"), 426, "bad_websocket_version"),
    "version 14": (upgrade("/ws", version="14"), 426, "bad_websocket_version"),
    "version 130": (upgrade("/ws", version="130"), 426, "bad_websocket_version"),
    "version 13, 8": (upgrade("/ws", version="13, 8"), 426, "bad_websocket_version"),
    "no version": (without("Sec-WebSocket-Version"), 426, "bad_websocket_version bad_upgrade"),
    "a body with a length": (upgrade("/ws", "Content-Length: 5\n") + "hello", 400, "upgrade_with_body"),
    "a body in chunks": (upgrade("/ws", "Transfer-Encoding: chunked\n") + "0\n\n", 400, "upgrade_with_body"),
}


@pytest.mark.parametrize("name", BAD_UPGRADES)
def test_bad_upgrade_is_refused_and_reaches_nobody(proxy: Sheaf, recorder: Recorder, name: str) -> None:
    text, status, labels = BAD_UPGRADES[name]
    before, lines_before = recorder.received, proxy.count_log_lines("reject=")
    with RawClient(proxy.port) as client:
        response = client.request(text)
        assert response.status == status or (name == "no version" and response.status in (400, 426)), response.raw
        if status == 426:
            assert response.get("sec-websocket-version") == "13"
        assert (response.get("connection") or "").lower().startswith(("close", "upgrade"))
        assert client.read_all() == b""
    assert recorder.received == before
    lines = wait_until(lambda: proxy.log_lines("reject=")[lines_before:], 3, "a log line with reject=")
    assert len(lines) == 1 and any(f"reject={label}" in lines[0] for label in labels.split()), lines


GOOD_UPGRADES = {
    "as browsers send it": GOOD,
    "several Connection options": GOOD.replace("Connection: Upgrade", "Connection: keep-alive, UPGRADE"),
    "capitals": GOOD.replace("websocket", "WebSocket"),
    "a length of 0": upgrade("/ws", "Content-Length: 0\n"),
    "an Origin": upgrade("/ws", "Origin: https://anywhere.example\n"),
    "HTTP/1.0, as nginx sends it": GOOD.replace("HTTP/1.1", "HTTP/1.0"),
}


@pytest.mark.parametrize("name", GOOD_UPGRADES)
def test_good_upgrade_goes_through(proxy: Sheaf, recorder: Recorder, name: str) -> None:
    with RawClient(proxy.port) as client:
        response = client.request(GOOD_UPGRADES[name])
        assert response.status == 101
        assert response.get("sec-websocket-accept") == accept_for(KEY)
        assert (response.get("upgrade") or "").lower() == "websocket"
        assert (response.get("connection") or "").lower() == "upgrade"
    seen = recorder.latest
    assert seen.all("sec-websocket-version") == ["13"] and len(seen.all("sec-websocket-key")) == 1
    assert "upgrade" in (seen.get("connection") or "").lower() and (seen.get("upgrade") or "").lower() == "websocket"


def answer_with(status_line: str, *fields: str, body: str = "", accept: str | None = "right"):  # noqa: ANN201
    """A script that answers an upgrade with these lines; `accept`: right, none (None), or a value."""

    def script(request: Request) -> bytes:
        value = accept_for(request.get("sec-websocket-key") or "") if accept == "right" else accept
        lines = [status_line, *fields, *([f"Sec-WebSocket-Accept: {value}"] if value is not None else []), "", body]
        return "\r\n".join(lines).encode()

    return script


SWITCH, UPGRADE, CONNECTION = "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"
BAD_SWITCHES = {  # rows 38 and 42
    "200": answer_with("HTTP/1.1 200 OK", "Content-Length: 2", body="ok", accept=None),
    "204": answer_with("HTTP/1.1 204 No Content", accept=None),
    "426": answer_with("HTTP/1.1 426 Upgrade Required", "Sec-WebSocket-Version: 8", "Content-Length: 0", accept=None),
    "101 with a wrong Accept": answer_with(SWITCH, UPGRADE, CONNECTION, accept="AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    "101 without Accept": answer_with(SWITCH, UPGRADE, CONNECTION, accept=None),
    "101 with two Accepts": answer_with(SWITCH, UPGRADE, CONNECTION, "Sec-WebSocket-Accept: x"),
    "101 without Upgrade": answer_with(SWITCH, CONNECTION),
    "101 without Connection": answer_with(SWITCH, UPGRADE),
    "101 to something else": answer_with(SWITCH, "Upgrade: h2c", CONNECTION),
    "a subprotocol not offered": answer_with(SWITCH, UPGRADE, CONNECTION, "Sec-WebSocket-Protocol: evil"),
    "two subprotocols": answer_with(
        SWITCH, UPGRADE, CONNECTION, "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"
    ),
    "an extension not offered": answer_with(
        SWITCH, UPGRADE, CONNECTION, "Sec-WebSocket-Extensions: permessage-deflate"
    ),
}


@pytest.mark.parametrize("name", BAD_SWITCHES)
def test_invalid_answer_to_an_upgrade_is_a_502_and_no_tunnel(proxy: Sheaf, recorder: Recorder, name: str) -> None:
    recorder.script = BAD_SWITCHES[name]
    with RawClient(proxy.port) as client:
        offers = "Sec-WebSocket-Protocol: a, b\nSec-WebSocket-Extensions: permessage-deflate\n"
        response = client.request(upgrade("/ws", offers))
        assert response.status == 502, response.raw
        client.send_quietly(frame(TEXT, b"no tunnel"))
        recorder.settle(0.05)
    used = recorder.latest.connection
    wait_until(lambda: used.ended, 3, "the upstream connection ends")
    assert used.received.endswith(b"\r\n\r\n"), "a frame went upstream"


def test_extensions_are_not_offered_upstream(proxy: Sheaf, recorder: Recorder) -> None:
    with RawClient(proxy.port) as client:
        client.request(upgrade("/ws", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\n"))
    assert recorder.latest.all("sec-websocket-extensions") == []


def test_offered_subprotocol_comes_back(proxy: Sheaf, recorder: Recorder) -> None:
    recorder.script = answer_with(SWITCH, UPGRADE, CONNECTION, "Sec-WebSocket-Protocol: b")
    with RawClient(proxy.port) as client:
        assert client.request(upgrade("/ws", "Sec-WebSocket-Protocol: a, b\n")).get("sec-websocket-protocol") == "b"
    assert ", ".join(recorder.latest.all("sec-websocket-protocol")).replace(" ", "") == "a,b"


@pytest.mark.parametrize("protocol", ["h2c", "foo", "TLS/1.3", "h2c, foo"])
def test_other_upgrades_are_ordinary_requests(proxy: Sheaf, recorder: Recorder, protocol: str) -> None:
    recorder.script = lambda _: OK
    with RawClient(proxy.port) as client:
        fields = f"Connection: Upgrade, HTTP2-Settings\nUpgrade: {protocol}\nHTTP2-Settings: AAMAAABkAAQAAP__\n"
        response = client.request(f"GET / HTTP/1.1\nHost: a.example\n{fields}\n")
    assert (response.status, response.body) == (200, b"ok")
    assert recorder.latest.all("upgrade") == recorder.latest.all("http2-settings") == []


@pytest.mark.parametrize(
    "origin,status",
    [
        ("https://good.example", 101),
        ("https://app.wild.example", 101),
        ("https://evil.example", 403),
        ("http://good.example", 403),
        ("https://good.example.evil.example", 403),
        ("https://wild.example.evil.example", 403),
        ("https://evilwild.example", 403),
        ("https://good.example:8443", 403),
        ("null", 403),
    ],
)
def test_origin_that_is_not_listed_is_refused(make_sheaf, recorder: Recorder, origin: str, status: int) -> None:
    proxy = make_sheaf(
        recorder.url, {"websocket": {"allowed_origins": ["https://good.example", "https://*.wild.example"]}}
    )
    before = len(recorder.requests)
    with RawClient(proxy.port) as client:
        assert client.request(upgrade("/ws", f"Origin: {origin}\n")).status == status
    assert len(recorder.requests) == before + (1 if status == 101 else 0)
    if status == 403:
        assert proxy.wait_for_log("reject=origin_not_allowed")


@pytest.mark.parametrize("count,size", [(10, 10), (60, 1000), (500, 100)])
def test_frames_sent_with_the_handshake_wait_for_the_101(
    proxy: Sheaf, recorder: Recorder, count: int, size: int
) -> None:
    answered = threading.Event()

    def late(request: Request) -> bytes:
        answered.wait(5)
        return upgrade_answer(request)

    recorder.script = late
    messages = [b"%06d" % number + bytes(size) for number in range(count)]
    with RawClient(proxy.port) as client:
        client.send(GOOD.replace("\n", "\r\n").encode() + b"".join(frame(BINARY, message) for message in messages))
        recorder.settle(0.2)
        used = recorder.latest.connection
        assert used.received.endswith(b"\r\n\r\n"), "a frame went upstream before the 101"
        answered.set()
        assert client.response().status == 101
        upgrade_head = used.received.index(b"\r\n\r\n") + 4
        expected = sum(len(frame(BINARY, message)) for message in messages)
        wait_until(lambda: len(used.received) - upgrade_head >= expected, 3, "all frames arrived upstream")


def test_more_than_may_be_held_still_arrives_after_the_101(sheaf: Sheaf) -> None:
    """Above 64 KiB the socket is left unread instead; nothing is lost with a real backend either."""
    messages = [b"%06d" % number + bytes(10_000) for number in range(50)]
    with RawClient(sheaf.port) as client:
        data = upgrade("/ws/echo").replace("\n", "\r\n").encode() + b"".join(frame(BINARY, m) for m in messages)
        sender = threading.Thread(target=client.send, args=(data,))
        sender.start()
        assert client.response().status == 101
        socket = RawWebSocket.over(client)
        assert [socket.read_message()[1] for _ in messages] == messages
        sender.join()
