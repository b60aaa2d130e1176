"""The application's end of mux under uvicorn: what an application sees of a session, and the client of the application."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from harness import mux_records as records
from harness.backend import Backend
from harness.fixtures import linked
from harness.mux_driver import MuxDriver, mux_backend
from harness.mux_records import Record
from harness.ports import wait_until

REQUEST = [
    ("host", "shop.example:8443"),
    ("connection", "Upgrade"),
    ("x-twice", "1"),
    ("cookie", "a=1"),
    ("sec-websocket-protocol", "chat.v1, chat.v2"),
    ("x-twice", "2"),
    ("sec-websocket-protocol", "chat.v3"),
    ("x-latin", "caf\u00e9"),
]

app, link = linked()


def noted(app: Backend, line: str, times: int = 1) -> None:
    """Waits until the application has noted a line."""
    wait_until(lambda: app.log().splitlines().count(f"NOTE {line}") >= times, 10, f"{line}; its log: {app.log()[-2000:]}")


def answer(link: MuxDriver, stream: int) -> tuple[int, list[tuple[str, str]], str]:
    """Status, fields and body of a refusal, once it is whole."""
    refusal = link.next("REFUSE", stream)
    link.read_until(lambda: link.checker.streams[stream].state == "closed")
    fields = records.read_fields(refusal.payload[2:])
    return link.checker.streams[stream].status, fields, link.checker.streams[stream].body.decode()


def test_messages_of_both_kinds_and_empty_ones_come_back(link: MuxDriver) -> None:
    stream = link.accepted("/echo?kinds")
    sent = ["hello", b"\x00\xff", "", b"", "caf\u00e9 \U0001f4c8"]
    for message in sent:
        kind = "TEXT" if isinstance(message, str) else "BINARY"
        link.send(Record(kind, stream, message.encode() if isinstance(message, str) else message))
    assert link.messages(stream, 5) == sent


def test_scope_has_every_key_of_the_specification(link: MuxDriver) -> None:
    stream = link.open("/scope?a=%20&b", REQUEST, scheme=1, minor=0, address="2001:db8::7", port=51234)
    accept = link.next("ACCEPT", stream)
    size = struct.unpack_from("<H", accept.payload)[0]
    assert accept.payload[2 : 2 + size] == b"chat.v3"
    assert records.read_fields(accept.payload[2 + size :]) == [("set-cookie", "a=1"), ("set-cookie", "b=2")]
    (message,) = link.messages(stream, 1)
    scope = json.loads(message)
    assert scope.pop("extensions").keys() == {"websocket.http.response", "sheaf"}
    host, port = scope.pop("server")
    assert host == "127.0.0.1" and port > 0
    assert scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.0",
        "scheme": "wss",
        "client": ["2001:db8::7", 51234],
        "root_path": "",
        "path": "/scope",
        "raw_path": "/scope",
        "query_string": "a=%20&b",
        "headers": [list(field) for field in REQUEST],
        "subprotocols": ["chat.v1", "chat.v2", "chat.v3"],
        "state": {"who": "mux_app"},
    }


def test_scopes_share_nothing_that_an_application_changes(link: MuxDriver) -> None:
    scopes = []
    for _ in range(2):
        stream = link.accepted("/scope?same", REQUEST)
        scope = json.loads(link.messages(stream, 1)[0])
        scopes.append({**scope, "extensions": [*scope["extensions"]]})
    assert scopes[0] == scopes[1]


def test_an_unknown_address_and_a_path_with_escapes(link: MuxDriver) -> None:
    stream = link.accepted("/%73cope?x=%2F", address="", port=0)
    scope = json.loads(link.messages(stream, 1)[0])
    assert scope["client"] is None and scope["subprotocols"] == [] and scope["headers"] == []
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/scope", "/%73cope", "x=%2F")


def test_root_path_stands_where_the_server_puts_it(folder: Path) -> None:
    with mux_backend(folder, "--root-path", "/api") as app, MuxDriver(app.port) as link:
        scope = json.loads(link.messages(link.accepted("/scope"), 1)[0])
        assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/api", "/api/scope", "/api/scope")


def test_close_before_accept_is_403(app: Backend, link: MuxDriver) -> None:
    assert answer(link, link.open("/refuse?403")) == (403, [], "")
    noted(app, "403 told 1006")
    noted(app, "403 late raised RuntimeError")


@pytest.mark.parametrize("times", [2, 60_000], ids=["small", "large"])
def test_a_denial_response_keeps_status_fields_and_body(app: Backend, link: MuxDriver, times: int) -> None:
    fields = [("x-why", "law"), ("content-length", str(3 * times))]
    assert answer(link, link.open(f"/deny?times={times}")) == (451, fields, "no " * times)
    noted(app, f"times={times} told 1006")


@pytest.mark.parametrize("length, status", [(0, 404), (1, 500)], ids=["whole", "unfinished"])
def test_a_denial_that_is_never_ended_counts_if_it_is_whole(
    app: Backend, link: MuxDriver, length: int, status: int
) -> None:
    assert answer(link, link.open(f"/forget?length={length}"))[0] == status
    noted(app, f"length={length} second raised RuntimeError")


@pytest.mark.parametrize("how", ["raise", "return"])
def test_an_application_that_ends_without_an_answer_is_500(app: Backend, link: MuxDriver, how: str) -> None:
    status, fields, body = answer(link, link.open(f"/fail?{how}"))
    assert (status, body) == (500, "Internal Server Error")
    assert fields == [("content-type", "text/plain; charset=utf-8"), ("content-length", "21")]
    if how == "raise":
        wait_until(lambda: "LookupError: as the test wants it" in app.log(), 5, "the traceback is logged")
    else:
        wait_until(lambda: "the application has returned without an answer" in app.log(), 5, "that is logged")


@pytest.mark.parametrize("how, code", [("raise", 1011), ("return", 1000)])
def test_an_application_that_ends_after_accept_closes(link: MuxDriver, how: str, code: int) -> None:
    stream = link.accepted(f"/fail?{how}-after")
    assert records.read_close(link.next("CLOSE", stream)) == (code, "")


def test_own_close_tells_code_and_reason_to_both(app: Backend, link: MuxDriver) -> None:
    stream = link.accepted("/close?own")
    link.text(stream, "now")
    assert records.read_close(link.next("CLOSE", stream)) == (4321, "bye")
    noted(app, "own told 4321 bye")
    noted(app, "own late raised RuntimeError")


@pytest.mark.parametrize("code, reason", [(1000, ""), (1001, "gone"), (4000, "\u00fc" * 61), (1005, ""), (1006, "")])
def test_the_clients_close_is_told_each_time_after_what_came_before(
    app: Backend, link: MuxDriver, code: int, reason: str
) -> None:
    stream = link.accepted(f"/echo?close{code}")
    link.checker.closed(stream)
    link.send(Record("TEXT", stream, b"last"), records.close(stream, code, reason))
    noted(app, f"close{code} could not answer last")
    noted(app, f"close{code} disconnect {code} {reason or '-'}")
    noted(app, f"close{code} farewell raised ClientGone OSError")
    noted(app, f"close{code} again websocket.disconnect {code}")
    noted(app, f"close{code} finished")


def test_a_client_that_leaves_before_the_answer(app: Backend, link: MuxDriver) -> None:
    stream = link.open("/mute?early")
    link.close(stream, 1006)
    noted(app, "early told 1006")


def test_a_handler_that_lets_the_error_of_send_escape_is_not_logged(app: Backend, link: MuxDriver) -> None:
    before = app.log().count("Traceback")
    for stream in [link.accepted("/room?stay") for _ in range(2)]:
        gone = stream
    link.close(gone)
    link.quiet()
    link.text(gone - 1, json.dumps(["loop", ["x"]]))
    assert records.read_close(link.next("CLOSE", gone - 1))[0] == 1011
    assert app.log().count("Traceback") == before


def test_records_that_cross_with_the_end_of_a_session_are_dropped(link: MuxDriver) -> None:
    stream = link.accepted("/fail?return-after")
    link.next("CLOSE", stream)
    for record in (Record("TEXT", stream, b"x"), records.credit(stream, 7), records.close(stream)):
        link.send(record)
    other = link.accepted("/echo?lives")
    link.text(other, "still")
    assert link.messages(other, 1) == ["still"]


def test_context_variables_are_each_sessions_own(link: MuxDriver) -> None:
    streams = [link.accepted(f"/variable?{number}") for number in range(3)]
    for stream in streams:
        assert link.messages(stream, 1) == ["nobody"]
    for number, stream in enumerate(streams):
        link.text(stream, "what is it?")
        assert link.messages(stream, 2)[1] == str(number)
    assert link.messages(link.accepted("/variable?4"), 1) == ["nobody"]


def test_a_ping_is_answered_before_all_that_waits(link: MuxDriver) -> None:
    stream = link.accepted("/own?ping")
    link.send(Record("TEXT", stream, b"60000"), Record("PING", 0, b"12345678"))
    assert link.next("PONG").payload == b"12345678"
    order = [record.kind for frame in link.frames for record in frame]
    assert "BINARY" not in order[: order.index("PONG")]


def test_a_head_in_pieces_of_the_greatest_size(link: MuxDriver) -> None:
    headers = [("x-long", "y" * 60_000), ("x-longer", "z" * 65_000)]
    scope = json.loads(link.messages(link.accepted("/scope", headers), 1)[0])
    assert scope["headers"] == [list(field) for field in headers]
