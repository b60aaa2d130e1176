"""GET /openapi.json: a valid document, and every answer is as it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from websockets.sync.client import ClientConnection, connect

from harness.backend import Backend
from harness.openapi import Json, Operation, ask, objects_in, operations
from harness.ports import wait_until
from harness.raw import get
from harness.reloading import TOKEN, ReloadableSheaf
from harness.sheaf import ROOT

WITH_TOKEN = f"Authorization: Bearer {TOKEN}\n"
HISTORY = "/api/performance/websocket/metrics"
ROUTES = [
    {"path": "/ws", "critical": [{"prefix": "!"}], "conflate": [{"pointer": "/t", "equals": "q", "key": "/s"}]},
    {"path": "/as", "delivery": "cork"},
]

# Bodies that are right, such as the schema refuses, and such as Sheaf refuses for a value that the schema takes, of every
# path that takes one.
RIGHT: dict[str, list[Json]] = {
    "/api/messages": [
        {"all": True, "text": "x"},
        {"path": "/ws", "binary": "aGVsbG8="},
        {"user_id": "alice", "event": "e", "data": {"a": [1]}, "namespace": "/n", "message_type": "critical"},
    ],
    "/api/messages/batch": [
        {"messages": [{"all": True, "text": "x", "message_type": "batch"}, {"user_id": "nobody", "text": "y"}]},
        {"messages": [{"session_id": "7-7", "text": "to nobody"}]},
    ],
    "/flush": [{"all": True}, {"user_id": "alice"}, {"path": "/ws"}, {"backend": "default"}],
    "/close": [
        {"user_id": "alice", "code": 1008, "reason": "moved", "over": "1ms"},
        {"backend": "nobody"},
        {"path": "/none"},
        {"all": True},
    ],
    "/rebalance": [{"share": 0.25, "over": "1s"}, {"share": 1}],
    "/log_level": [{"level": "debug"}, {"level": "warning"}, {"level": "info"}],
}
WRONG: dict[str, list[Any]] = {
    "/api/messages": [
        {},
        [],
        {"text": "to nobody"},
        {"all": True},
        {"all": True, "path": "/", "text": "x"},
        {"all": True, "text": "x", "binary": ""},
        {"all": True, "text": 1},
        {"all": True, "text": "x", "message_type": "loud"},
        {"all": True, "text": "x", "colour": "red"},
    ],
    "/api/messages/batch": [{}, {"messages": {}}, {"messages": [{"all": True}]}, {"messages": [], "more": 1}],
    "/flush": [{}, [], {"all": True, "path": "/"}, {"session_id": 1}, {"all": True, "colour": "red"}],
    "/close": [{}, {"code": 1012}, {"all": True, "user_id": "alice"}, {"all": True, "code": "1012"}, {"all": "true"}],
    "/rebalance": [{}, {"over": "1s"}, {"share": "half"}, {"share": 0.5, "all": True}],
    "/log_level": [{}, {"level": "loud"}, {"level": 1}, {"level": "info", "more": 1}],
}
WRONG_VALUES: dict[str, list[Any]] = {
    "/api/messages": [{"all": False, "text": "x"}, {"session_id": "x", "text": "x"}, {"path": "ws", "text": "x"}],
    "/api/messages/batch": [{"messages": []}, {"messages": [{"all": True, "binary": "!"}]}],
    "/flush": [{"all": False}, {"session_id": "x"}],
    "/close": [{"all": True, "code": 1005}, {"all": True, "reason": "x" * 124}, {"all": True, "over": "soon"}],
    "/rebalance": [{"share": 0}, {"share": 1.5}],
    "/log_level": [],
}
# Of parameters that are any text, a right value; of those that go together, what has to stand beside the largest.
TEXTS = {"user": "alice", "path": "/ws", "backend": "default"}
BESIDE: dict[str, Json] = {"offset": {"limit": 1}}


@pytest.fixture(scope="module")
def push_app(folder: Path) -> Iterator[Backend]:
    running = Backend(folder, app="harness.push_app:app", app_folder=ROOT / "tests/integration")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def proxy(folder: Path, push_app: Backend) -> Iterator[ReloadableSheaf]:
    running = ReloadableSheaf(folder, push_app.url, {"memory": {"check_interval": "100ms"}}, ROUTES)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def document(proxy: ReloadableSheaf) -> Json:
    return json.loads(ask(proxy.admin_port, "GET", "/openapi.json", fields=WITH_TOKEN).body)


@pytest.fixture(scope="module")
def clients(proxy: ReloadableSheaf) -> Iterator[list[ClientConnection]]:
    """Sessions of both routes, with and without a user, and what is over: a session, a request, a refusal."""
    connect(f"{proxy.ws_url}/ws/over", legacy=True).close()
    get(proxy.port, "/nothing")
    get(proxy.port, "/ws/x", "Upgrade: websocket\nConnection: upgrade\n")
    sockets = [connect(f"{proxy.ws_url}{path}", legacy=True) for path in ("/ws/room", "/as/alice", "/as/bob")]
    for socket in sockets:
        for text in ("hello", '{"t":"q","s":1}', "!now"):
            socket.send(text)
            assert socket.recv(timeout=10) == text
    yield sockets
    for socket in sockets:
        socket.close()


@pytest.fixture(scope="module")
def names(proxy: ReloadableSheaf, document: Json, clients: list[ClientConnection]) -> Json:
    """What there is now of each `{name}` in a path."""
    del clients
    backends = json.loads(ask(proxy.admin_port, "GET", "/backends", fields=WITH_TOKEN).body)["backends"]
    names = {"backend": backends[0]["name"], "endpoint": backends[0]["endpoints"][0]["endpoint"], "file": "page.js"}
    if "/connections" in document["paths"]:
        listed = json.loads(ask(proxy.admin_port, "GET", "/connections", fields=WITH_TOKEN).body)
        names["id"] = listed["connections"][0]["id"]
    return names


def those(document: Json, method: str) -> list[Operation]:
    found = [one for one in operations(document) if one.method == method]
    assert len(found) >= 5
    return found


def looks(document: Json) -> list[Operation]:
    """The GETs that change nothing."""
    return [one for one in those(document, "GET") if one.template != "/drain"]


def test_the_document_is_valid(document: Json) -> None:
    """A validator of OpenAPI 3.1 takes it, and no object in it may have fields that it does not name."""
    assert document["openapi"].startswith("3.1")
    validate(document)
    for one in objects_in(document["components"]["schemas"]):
        if one.get("type") == "object":
            assert one["additionalProperties"] is False or one["additionalProperties"]["type"], one


def test_every_answer_to_a_get_is_as_described(proxy: ReloadableSheaf, document: Json, names: Json) -> None:
    wait_until(lambda: len(json.loads(ask(proxy.admin_port, "GET", HISTORY, fields=WITH_TOKEN).body)["metrics"]) > 3, 5, "there is a history")
    for one in looks(document):
        response = ask(proxy.admin_port, "GET", one.path(names), fields=WITH_TOKEN)
        assert response.status == 200, f"{one}: {response.body!r}"
        one.check(response)
        head = ask(proxy.admin_port, "HEAD", one.path(names), fields=WITH_TOKEN)
        assert head.status == 200 and head.get("content-type") == response.get("content-type"), one


def test_every_answer_to_a_post_is_as_described(make_reloadable, push_app: Backend, document: Json) -> None:
    """With a session for each, since some close them."""
    proxy = make_reloadable(push_app.url)
    names = {"backend": "default", "endpoint": push_app.url.removeprefix("http://")}
    for one in those(document, "POST"):
        if one.template in ("/drain", "/undrain"):
            continue
        bodies: list[Json | None] = list(RIGHT[one.template]) if one.takes_body else [None]
        if one.takes_body and not one.described["requestBody"]["required"]:
            bodies.append(None)
        for body in bodies:
            assert body is None or one.body_is_right(body), f"{one}: {body}"
            content = None if body is None else json.dumps(body).encode()
            with connect(f"{proxy.ws_url}/as/alice"):
                response = ask(proxy.admin_port, "POST", one.path(names), fields=WITH_TOKEN, body=content)
            assert response.status == 200, f"{one} {body}: {response.body!r}"
            one.check(response)
        if one.template.endswith("/drain"):
            undrain = one.path(names).removesuffix("drain") + "undrain"
            assert ask(proxy.admin_port, "POST", undrain, fields=WITH_TOKEN).status == 200


def test_every_wrong_body_is_refused_with_the_remedy(proxy: ReloadableSheaf, document: Json, names: Json) -> None:
    """What the schema does not take, Sheaf does not either; nor what is no JSON."""
    for one in those(document, "POST"):
        if not one.takes_body:
            response = ask(proxy.admin_port, "POST", one.path(names), fields=WITH_TOKEN, body=b"{}")
            assert response.status == 400 and "body" in one.check(response)["message"], one
            continue
        for body in WRONG[one.template]:
            assert not one.body_is_right(body), f"{one}: {body}"
        wrong = [json.dumps(body).encode() for body in WRONG[one.template] + WRONG_VALUES[one.template]]
        nothing = [b""] if one.described["requestBody"]["required"] else []
        for content in [*wrong, *nothing, b"{", b'"x"', b"\xff"]:
            response = ask(proxy.admin_port, "POST", one.path(names), fields=WITH_TOKEN, body=content)
            assert response.status == 400, f"{one} {content!r}: {response.body!r}"
            assert len(one.check(response)["message"]) > 10, one


def right_values(name: str, schema: Json) -> list[object]:
    """Values that a parameter may have, its bounds and its default among them."""
    if "enum" in schema:
        return schema["enum"]
    if schema["type"] in ("integer", "number"):
        return [schema.get(key, schema["minimum"]) for key in ("minimum", "default", "maximum")]
    return ["10m", "5s", "3ms", "2h"] if "pattern" in schema else [TEXTS[name]]


def wrong_values(schema: Json) -> list[object]:
    """Values that a parameter may not have."""
    if "enum" in schema:
        return ["sideways", schema["enum"][0].upper()]
    if schema["type"] == "integer":
        more = [schema["maximum"] + 1] if "maximum" in schema else []
        less = [schema["minimum"] - 1]
        return ["x", "1.5", "+1", "0x1", "1e3", "99999999999999999999", *more, *less]
    if schema["type"] == "number":
        return ["x", "-1", "nan", "inf", "0x1", "1,5"]
    return ["10", "m", "-1m", "1.5h", "1 h", "99999999999999999999h"] if "pattern" in schema else []


def test_every_parameter_takes_what_is_described_and_nothing_else(
    proxy: ReloadableSheaf, document: Json, names: Json
) -> None:
    tried = 0
    for one in looks(document):
        for parameter in one.parameters:
            name, schema = parameter["name"], parameter["schema"]
            for value in right_values(name, schema):
                path = one.path(names, **{name: value}, **BESIDE.get(name, {}))
                response = ask(proxy.admin_port, "GET", path, fields=WITH_TOKEN)
                assert response.status in (200, 404), f"{one} {name}={value}: {response.body!r}"
                one.check(response)
            once = right_values(name, schema)[0]
            wrong = [one.path(names, **{name: value}) for value in ["", *wrong_values(schema)]]
            for path in [*wrong, one.path(names, **{name: once}) + f"&{name}={once}"]:
                response = ask(proxy.admin_port, "GET", path, fields=WITH_TOKEN)
                assert response.status == 400 and name in one.check(response)["message"], f"{path}: {response.body!r}"
            tried += 1
        if one.parameters:
            response = ask(proxy.admin_port, "GET", one.path(names, colour="red"), fields=WITH_TOKEN)
            message = one.check(response)["message"]
            assert response.status == 400 and all(each["name"] in message for each in one.parameters), message
    assert tried


def test_what_is_not_there_is_404(proxy: ReloadableSheaf, document: Json) -> None:
    nobody = {"backend": "nobody", "endpoint": "127.0.0.1:1", "id": "9-9", "file": "nothing.js"}
    named = [one for one in operations(document) if "{" in one.template]
    assert named
    for one in named:
        response = ask(proxy.admin_port, one.method, one.path(nobody), fields=WITH_TOKEN)
        assert response.status == 404, f"{one}: {response.status}"
        one.check(response)
        assert ask(proxy.admin_port, one.method, one.template + "/more/than/that", fields=WITH_TOKEN).status == 404, one


def test_methods_that_a_path_has_not_are_405(proxy: ReloadableSheaf, document: Json, names: Json) -> None:
    for one in operations(document):
        has = {method.upper() for method in document["paths"][one.template]}
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - has:
            response = ask(proxy.admin_port, method, one.path(names), fields=WITH_TOKEN)
            allowed = set((response.get("allow") or "").split(", "))
            assert response.status == 405 and allowed - {"HEAD"} == has - {"PARAMETERS"}, f"{method} {one}: {allowed}"
            one.check(response)


def test_failed_reload_is_as_described(proxy: ReloadableSheaf, document: Json) -> None:
    (reload,) = [one for one in operations(document) if one.template == "/reload"]
    right = proxy.conf_file.read_text()
    proxy.conf_file.write_text(right + "\n[nonsense]\n")
    try:
        response = ask(proxy.admin_port, "POST", "/reload", fields=WITH_TOKEN)
    finally:
        proxy.conf_file.write_text(right)
    assert response.status == 422 and "nonsense" in reload.check(response)["error"]


def test_failed_probe_is_as_described(make_sheaf, document: Json) -> None:
    proxy = make_sheaf("http://127.0.0.1:1", ready="/livez")
    (ready,) = [one for one in operations(document) if one.template == "/readyz"]
    response = ask(proxy.admin_port, "GET", "/readyz")
    assert response.status == 503 and ready.check(response)["reason"]
