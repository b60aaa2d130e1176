"""The handshake in every mode: what the application learns of a client, what it gives to it, and how it refuses."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from harness.frames import TEXT, RawWebSocket, upgrade
from harness.modes import IN_EVERY_MODE, PROXIED, Served, served_in
from harness.raw import RawClient, Response
from harness.scripts import ACCEPT, script_path

served = served_in()

FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-request-id", "forwarded", "via")


def told(socket: RawWebSocket) -> dict[str, object]:
    """The JSON of the first message."""
    opcode, payload = socket.read_message()
    assert opcode == TEXT
    return json.loads(payload)


def refused(served: Served, target: str, fields: str = "") -> Response:
    """The answer to an upgrade, which must be none to go on with."""
    with RawClient(served.port) as client:
        response = client.request(upgrade(target, fields))
    assert response.status != 101 and response.complete
    return response


# ---- what the application learns


# Sheaf passes the normal form on: of two spellings of a path the backend sees one (hardening row 20).
@pytest.mark.parametrize(
    "target,path,raw_path,query",
    [
        ("/scope/", "/scope/", "/scope/", ""),
        ("/scope/a?", "/scope/a", "/scope/a", ""),
        ("/scope/caf%C3%A9%20%2F?q=a%20b&q=%C3%A9&e=", "/scope/café /", "/scope/caf%C3%A9%20%2F", "q=a%20b&q=%C3%A9&e="),
        ("/scope/A?x=/?&y=;", "/scope/A", "/scope/A", "x=/?&y=;"),
        ("/scope/%FF", "/scope/\ufffd", "/scope/%FF", ""),
        ("/scope/" + "long/" * 1000 + "?" + "q" * 2000, "/scope/" + "long/" * 1000, "/scope/" + "long/" * 1000, "q" * 2000),
    ],
    ids=["plain", "empty query", "escapes", "delimiters", "no UTF-8", "long"],
)
def test_path_and_query(served: Served, target: str, path: str, raw_path: str, query: str) -> None:
    with RawWebSocket(served.port, target) as socket:
        scope = told(socket)
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query)
    assert scope["rest"] == path.removeprefix("/scope/")


def test_what_every_scope_has(served: Served) -> None:
    with RawWebSocket(served.port, "/scope/") as socket:
        scope = told(socket)
        port = socket.socket.getsockname()[1]
    assert (scope["type"], scope["scheme"], scope["http_version"], scope["root_path"]) == ("websocket", "ws", "1.1", "")
    assert scope["subprotocols"] == [] and "websocket.http.response" in scope["extensions"]
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
    # uvicorn takes the address from X-Forwarded-For in the tunnel, where it finds no port.
    assert scope["client"] == ["127.0.0.1", 0 if served.mode == "tunnel" else port]


def test_address_of_the_client(served: Served) -> None:
    with connect(f"{served.ws_url}/scope/", source_address=("127.0.0.7", 0)) as socket:
        assert json.loads(socket.recv())["client"][0] == "127.0.0.7"


def test_fields_of_the_request(served: Served) -> None:
    fields = "X-Same: 1\nCookie: a=1; b=2\nx-Other: caf\xe9\nX-Same: 2\nX-Empty:\nX-Long: " + "v" * 3000 + "\n"
    with RawWebSocket(served.port, "/scope/", fields + "Authorization: Bearer s3cret\n") as socket:
        scope = told(socket)
    headers = [(name, value) for name, value in scope["headers"] if name not in FORWARDED]
    assert [pair for pair in headers if pair[0] == "x-same"] == [("x-same", "1"), ("x-same", "2")]
    by_name = dict(headers)
    assert by_name["host"] == "test.example"
    assert by_name["cookie"] == "a=1; b=2" and by_name["authorization"] == "Bearer s3cret"
    assert (by_name["x-other"], by_name["x-empty"], by_name["x-long"]) == ("caf\xe9", "", "v" * 3000)
    assert (by_name["connection"].lower(), by_name["upgrade"].lower()) == ("upgrade", "websocket")
    assert by_name["sec-websocket-version"] == "13" and by_name["sec-websocket-key"]
    assert all(name == name.lower() for name in by_name)


@PROXIED
def test_fields_that_sheaf_sets(served: Served) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"}
    with connect(
        f"{served.ws_url}/scope/", source_address=("127.0.0.2", 0), additional_headers=forged
    ) as socket:
        by_name = dict(json.loads(socket.recv())["headers"])
    assert (by_name["x-forwarded-for"], by_name["x-forwarded-proto"]) == ("127.0.0.2", "http")
    assert len(by_name["x-request-id"]) >= 16


def test_head_of_48_kib(served: Served) -> None:
    """Both ways: nearly as much as a link takes of one head."""
    sizes = [2000] * 6
    fields = "".join(f"X-Large: {'v' * size}\n" for size in sizes)
    with RawWebSocket(served.port, "/ws/large_fields?count=6&size=2000", fields) as socket:
        assert told(socket) == sizes
        assert socket.handshake.all("x-large") == [chr(97 + number) * 2000 for number in range(6)]
        socket.check_echo(b"and on")


def test_state_of_the_lifespan(served: Served) -> None:
    with connect(f"{served.ws_url}/ws/state") as one, connect(f"{served.ws_url}/ws/state") as other:
        seen = []
        for socket, text in ((one, "first"), (other, "second"), (one, "third")):
            socket.send(text)
            seen.append(json.loads(socket.recv()))
    assert [one["own"] for one in seen] == [None, None, "first"]
    assert seen[-1]["started"] == "by the lifespan" and seen[-1]["shared"] == ["first", "second", "third"]


# ---- what the application gives


@pytest.mark.parametrize(
    "offered,chosen", [(["chat.v2", "chat.v1"], "chat.v2"), (["x", "chat.v1"], "chat.v1"), (["x"], None), (None, None)]
)
def test_subprotocols(served: Served, offered: list[str] | None, chosen: str | None) -> None:
    subprotocols = [Subprotocol(name) for name in offered] if offered else None
    with connect(f"{served.ws_url}/ws/chat", subprotocols=subprotocols) as socket:
        assert socket.subprotocol == chosen
        assert json.loads(socket.recv())["subprotocol"] == chosen


def test_subprotocols_in_several_lines(served: Served) -> None:
    lines = "Sec-WebSocket-Protocol: one,two\nSec-WebSocket-Protocol:  three , four\n"
    with RawWebSocket(served.port, "/scope/", lines) as socket:
        assert told(socket)["subprotocols"] == ["one", "two", "three", "four"]
        assert socket.handshake.all("sec-websocket-protocol") == ["one"]


def test_cookies_and_fields_of_the_answer(served: Served) -> None:
    with RawWebSocket(served.port, "/ws/chat", "Cookie: session=abc; theme=dark\n") as socket:
        assert told(socket)["cookies"] == {"session": "abc", "theme": "dark"}
        answer = socket.handshake
    assert answer.all("set-cookie") == ["chat=1; Path=/", "theme=dark; HttpOnly"]
    assert answer.all("x-demo") == ["caf\xe9"] and answer.all("x-empty") == [""]
    assert answer.all("sec-websocket-protocol") == []


# ---- how it refuses


def test_path_that_no_websocket_serves(served: Served) -> None:
    with pytest.raises(InvalidStatus) as answer:
        connect(f"{served.ws_url}/ws/nothing-here")
    assert answer.value.response.status_code == 403


def test_close_before_the_accept(served: Served) -> None:
    tag = "closed before"
    steps = ["receive", {"type": "websocket.close", "code": 4000, "reason": "no"}, "receive"]
    response = refused(served, script_path(tag, *steps))
    assert (response.status, response.body) == (403, b"")
    assert served.notes.wait_for(tag, 3)[1:] == [{"type": "websocket.disconnect", "code": 1006}, "returned"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500, 503])
def test_refusal_with_fields_and_a_body(served: Served, status: int) -> None:
    response = refused(served, f"/ws/deny?status={status}")
    assert (response.status, json.loads(response.body)) == (status, {"denied": status, "why": "é" * 10})
    assert response.get("content-type") == "application/json" and response.all("x-demo") == ["denied"]
    assert [value.split(";")[0] for value in response.all("set-cookie")] == ["tried=1", "again=2"]
    assert response.get("sec-websocket-accept") is None


@pytest.mark.parametrize("pieces,size", [(0, 0), (1, 1), (3, 5), (30, 10_000), (3, 200_000)])
def test_refusal_with_a_body_in_pieces(served: Served, pieces: int, size: int) -> None:
    response = refused(served, f"/ws/deny_in_pieces?pieces={pieces}&size={size}")
    assert response.status == 401 and (response.get("content-type") or "").startswith("text/plain")
    assert response.body == b"".join(bytes([97 + number % 26]) * size for number in range(pieces))


def test_redirect(served: Served) -> None:
    steps = [
        "receive",
        {"type": "websocket.http.response.start", "status": 307, "headers": [["location", "https://other.example/"]]},
        {"type": "websocket.http.response.body", "body": ""},
        "receive",
    ]
    response = refused(served, script_path("redirect", *steps))
    assert (response.status, response.get("location"), response.body) == (307, "https://other.example/", b"")
    assert served.notes.wait_for("redirect", 3)[1:] == [{"type": "websocket.disconnect", "code": 1006}, "returned"]


@pytest.mark.parametrize("end", ["raise", "return"])
def test_end_before_the_accept(served: Served, end: str) -> None:
    response = refused(served, script_path(f"{end} before", "receive", end))
    assert (response.status, response.body) == (500, b"Internal Server Error")
    if end == "raise":
        assert "OnPurpose: the script says so" in served.backend.log()


def test_exception_of_fastapi_before_the_accept(served: Served) -> None:
    assert refused(served, "/ws/raises").status == 403


def test_client_that_leaves_before_the_accept(served: Served) -> None:
    """The handler is told, and its accept is for nobody."""
    tag = "left before"
    with RawClient(served.port) as client:
        steps = ["receive", "receive", ACCEPT, "again"]
        client.send(upgrade(script_path(tag, *steps)).replace("\n", "\r\n").encode())
        served.notes.wait_for(tag, 1)
    seen = served.notes.wait_for(tag, 3)
    assert seen[0] == {"type": "websocket.connect"} and seen[1]["type"] == "websocket.disconnect"
    assert seen[1]["code"] == 1006


@PROXIED
def test_subprotocol_that_nobody_offered(served: Served) -> None:
    accept = {**ACCEPT, "subprotocol": "z"}
    with RawWebSocket(served.port, "/ws/echo") as neighbour:
        response = refused(served, script_path("not offered", "receive", accept, "again"))
        assert response.status == 502
        neighbour.check_echo(b"lives")


@PROXIED
def test_user_that_the_application_names(served: Served) -> None:
    """X-User-ID of the accept is for Sheaf alone."""
    accept = {**ACCEPT, "headers": [["X-User-ID", "alice"]]}
    with RawWebSocket(served.port, script_path("user", "receive", accept, "receive")) as socket:
        assert socket.handshake.get("x-user-id") is None
    served.sheaf.wait_for_log("access", "/script?", "user=alice")


# ---- an application that is mounted elsewhere


@IN_EVERY_MODE
def test_root_path(folder, mode: str) -> None:
    with Served(folder, mode, words=("--root-path", "/mounted")) as served:
        with RawWebSocket(served.port, "/scope/x%20y") as socket:
            scope = told(socket)
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/mounted", "/mounted/scope/x y", "/mounted/scope/x%20y")
