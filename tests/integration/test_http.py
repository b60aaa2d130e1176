"""Issue item 4: HTTP/1.1 in front of the real backend."""

from __future__ import annotations

import json
import time

import pytest

from harness.backend import Backend
from harness.frames import RawWebSocket
from harness.raw import RawClient, Response, get
from harness.recorder import Request, upgrade_answer
from harness.sheaf import Sheaf


def seen(response: Response) -> dict[str, list[str]]:
    """The request fields as the backend saw them, by name."""
    result: dict[str, list[str]] = {}
    for name, value in json.loads(response.body)["headers"]:
        result.setdefault(name, []).append(value)
    return result


def test_rest_answers_come_through_unchanged(sheaf: Sheaf, backend: Backend) -> None:
    through, direct = get(sheaf.port, "/api/quotes/acme"), get(backend.port, "/api/quotes/acme")
    assert through.status == direct.status == 200
    assert through.get("content-type") == direct.get("content-type")
    assert json.loads(through.body)["symbol"] == "ACME"


def test_query_and_path_arrive_as_they_were(sheaf: Sheaf) -> None:
    response = get(sheaf.port, "/headers?a=b%20c&d=%C3%A9&e=+&f")
    assert json.loads(response.body)["query"] == "a=b%20c&d=%C3%A9&e=+&f"


@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 409, 418, 422, 429, 500, 502, 503])
def test_statuses_of_the_backend_pass_with_their_body(sheaf: Sheaf, status: int) -> None:
    response = get(sheaf.port, f"/status/{status}")
    assert response.status == status
    assert json.loads(response.body) == {"status": status}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_methods_pass(sheaf: Sheaf, method: str) -> None:
    with RawClient(sheaf.port) as client:
        response = client.request(f"{method} /headers HTTP/1.1\nHost: a.example\nContent-Length: 0\n\n")
    assert json.loads(response.body)["method"] == method


def test_head_has_the_length_and_no_body(sheaf: Sheaf) -> None:
    with RawClient(sheaf.port) as client:
        response = client.request("HEAD /page HTTP/1.1\nHost: a.example\n\n")
        assert (response.status, response.get("content-length"), response.get("x-demo")) == (200, "1234", "page")
        # The next response begins right after the head: there was no body.
        assert len(client.request("GET /page HTTP/1.1\nHost: a.example\n\n").body) == 1234


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_keep_the_connection(sheaf: Sheaf, status: int) -> None:
    with RawClient(sheaf.port) as client:
        response = client.request(f"GET /status/{status} HTTP/1.1\nHost: a.example\n\n")
        assert (response.status, response.get("etag"), response.get("transfer-encoding")) == (status, '"demo"', None)
        assert client.request("GET /page HTTP/1.1\nHost: a.example\n\n").status == 200


@pytest.mark.parametrize("size", [0, 1, 1000, 65_536, 3_000_000])
@pytest.mark.parametrize("length", ["true", "false"], ids=["length", "chunked"])
def test_responses_of_any_size_and_framing(sheaf: Sheaf, size: int, length: str) -> None:
    with RawClient(sheaf.port) as client:
        response = client.request(f"GET /download?bytes={size}&length={length} HTTP/1.1\nHost: a.example\n\n")
        assert response.body == bytes(size)
        assert (response.get("content-length") == str(size)) == (length == "true")
        assert (response.get("transfer-encoding") == "chunked") == (length == "false")
        assert client.request("GET /page HTTP/1.1\nHost: a.example\n\n").status == 200, "the connection did not stay"


@pytest.mark.parametrize("size", [0, 1, 1000, 65_536, 1_000_000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_uploads_come_back_from_the_echo(sheaf: Sheaf, size: int, framing: str) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    with RawClient(sheaf.port, timeout=20) as client:
        if framing == "length":
            data = f"Content-Length: {size}\r\n\r\n".encode() + body
        else:
            parts = [body[start : start + 4000] for start in range(0, size, 4000)]
            data = (
                b"Transfer-Encoding: chunked\r\n\r\n"
                + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts)
                + b"0\r\n\r\n"
            )
        client.send(b"POST /upload HTTP/1.1\r\nHost: a.example\r\n" + data)
        assert json.loads(client.response().body)["bytes"] == size
        client.send(b"POST /api/echo HTTP/1.1\r\nHost: a.example\r\nContent-Type: x/y\r\n" + data)
        response = client.response()
        assert response.body == body
        assert response.get("content-type") == "x/y"


def test_keep_alive_serves_many_requests(sheaf: Sheaf) -> None:
    with RawClient(sheaf.port) as client:
        for _ in range(50):
            assert client.request("GET /api/quotes HTTP/1.1\nHost: a.example\n\n").status == 200


def test_connection_close_is_obeyed(sheaf: Sheaf) -> None:
    with RawClient(sheaf.port) as client:
        response = client.request("GET /page HTTP/1.1\nHost: a.example\nConnection: close\n\n")
        assert (response.get("connection") or "").lower() == "close"
        assert client.ended(3)


def test_pipelined_requests_are_answered_in_order(sheaf: Sheaf) -> None:
    with RawClient(sheaf.port) as client:
        paths = [
            "/api/quotes/acme",
            "/status/404",
            "/page",
            "/status/204",
            "/download?bytes=70000",
            "/api/quotes/hooli",
        ]
        client.send(b"".join(f"GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode() for path in paths))
        answers = [client.response() for _ in paths]
    assert [answer.status for answer in answers] == [200, 404, 200, 204, 200, 200]
    assert [len(answer.body) for answer in answers[2:5]] == [1234, 0, 70_000]
    assert json.loads(answers[0].body)["symbol"] == "ACME" and json.loads(answers[5].body)["symbol"] == "HOOLI"


@pytest.mark.parametrize("path", ["/page", "/download?bytes=70000"], ids=["length", "chunked"])
def test_http10_client_is_served(sheaf: Sheaf, path: str) -> None:
    with RawClient(sheaf.port) as client:
        response = client.request(f"GET {path} HTTP/1.0\nHost: a.example\n\n")
        assert response.status == 200 and response.get("transfer-encoding") is None
        assert len(response.body) in (1234, 70_000)
        assert client.ended(3)


def test_http10_client_without_a_host_is_served(sheaf: Sheaf) -> None:
    with RawClient(sheaf.port) as client:
        assert client.request("GET /page HTTP/1.0\n\n").status == 200


def test_http10_client_may_keep_the_connection(sheaf: Sheaf) -> None:
    with RawClient(sheaf.port) as client:
        for _ in range(3):
            response = client.request("GET /page HTTP/1.0\nHost: a.example\nConnection: keep-alive\n\n")
            assert response.status == 200
            assert (response.get("connection") or "").lower() == "keep-alive"


def test_100_continue_comes_before_the_body_is_sent(sheaf: Sheaf) -> None:
    with RawClient(sheaf.port) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert client.response(skip_interim=False).status == 100
        client.send(b"hello")
        response = client.response()
        assert (response.status, json.loads(response.body)["bytes"]) == (200, 5)


def test_client_that_does_not_wait_for_100_is_served_too(sheaf: Sheaf) -> None:
    with RawClient(sheaf.port) as client:
        client.send(
            b"POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello"
        )
        assert json.loads(client.response().body)["bytes"] == 5


def test_interim_answers_of_the_backend_pass(make_recorder, make_sheaf) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    recorder = make_recorder(
        lambda _: hints + b"HTTP/1.1 102 Processing\r\n\r\n" + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    proxy = make_sheaf(recorder.url)
    with RawClient(proxy.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        first = client.response(skip_interim=False)
        assert (first.status, first.get("link")) == (103, "</style.css>; rel=preload")
        assert client.response().body == b"ok"
    with RawClient(proxy.port) as client:
        client.send(b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n")
        assert client.response(skip_interim=False).status == 200, (
            "an HTTP/1.0 client got an interim answer (RFC 9110 15.2)"
        )


def test_server_sent_events_pass_at_once(sheaf: Sheaf) -> None:
    with RawClient(sheaf.port) as client:
        began = time.monotonic()
        client.send(b"GET /sse?count=5&interval=0.3 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        client.read_until(b"\r\n\r\n")
        arrivals = []
        for number in range(5):
            assert f"id: {number}\n".encode() in client.read_until(b"\n\n")
            arrivals.append(time.monotonic() - began)
    for number, arrival in enumerate(arrivals):
        assert arrival < number * 0.3 + 0.25, f"event {number} was held back: {arrivals}"
    assert arrivals[4] > 1.1, "the events came together"


def test_request_body_passes_at_once(make_recorder, make_sheaf) -> None:
    recorder = make_recorder(lambda _: None, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawClient(proxy.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(5):
            client.send(b"7\r\npart %02d\r\n" % number)
            recorder.settle(0.1)
            assert b"part %02d" % number in recorder.received, "a part of the body was held back"


def test_host_is_preserved(sheaf: Sheaf) -> None:
    assert seen(get(sheaf.port, "/headers"))["host"] == ["test.example"]


def test_forwarding_fields_tell_the_client(sheaf: Sheaf) -> None:
    fields = seen(get(sheaf.port, "/headers"))
    assert fields["x-forwarded-for"] == ["127.0.0.1"]
    assert fields["x-forwarded-proto"] == ["http"]
    assert fields["x-forwarded-host"] == ["test.example"]
    assert len(fields["x-request-id"]) == 1


def test_request_ids_differ(sheaf: Sheaf) -> None:
    ids = {seen(get(sheaf.port, "/headers"))["x-request-id"][0] for _ in range(20)}
    assert len(ids) == 20


def test_request_id_is_told_to_the_client_the_backend_and_the_log(sheaf: Sheaf) -> None:
    response = get(sheaf.port, "/headers?id")
    identity = response.all("x-request-id")
    assert len(identity) == 1 and seen(response)["x-request-id"] == identity
    assert sheaf.wait_for_log("info access", f"request_id={identity[0]}")
    assert get(sheaf.port, "/status/404").get("x-request-id") not in (None, identity[0])


def test_request_id_of_a_websocket_is_in_its_101(make_recorder, make_sheaf) -> None:
    recorder = make_recorder(upgrade_answer)
    proxy = make_sheaf(recorder.url)
    with RawWebSocket(proxy.port) as socket:
        identity = socket.handshake.all("x-request-id")
    assert len(identity) == 1 and recorder.latest.all("x-request-id") == identity
    assert proxy.wait_for_log("protocol=websocket", f"request_id={identity[0]}")


def test_request_id_that_the_backend_sets_is_left_alone(make_recorder, make_sheaf) -> None:
    def script(request: Request) -> bytes:
        if request.get("upgrade"):
            return upgrade_answer(request, b"x-request-id: its-own\r\n")
        return b"HTTP/1.1 200 OK\r\nX-REQUEST-ID: its-own\r\nContent-Length: 2\r\n\r\nok"

    proxy = make_sheaf(make_recorder(script).url)
    assert get(proxy.port).all("x-request-id") == ["its-own"]
    with RawWebSocket(proxy.port) as socket:
        assert socket.handshake.all("x-request-id") == ["its-own"]


@pytest.mark.parametrize("line,status", [("GET / HTTP/1.1", 503), ("GET * HTTP/1.1", 400), ("GET /%00 HTTP/1.1", 400)])
def test_error_answer_has_the_id_that_a_trusted_proxy_gave(make_sheaf, line: str, status: int) -> None:
    conf = {"forwarded": {"trusted_proxies": ["127.0.0.1"]}, "pool": {"acquire_timeout": "100ms"}}
    proxy = make_sheaf("http://127.0.0.1:1", conf, ready="/livez")
    with RawClient(proxy.port) as client:
        response = client.request(f"{line}\nHost: a.example\nX-Request-ID: from-the-edge\n\n")
    assert (response.status, response.all("x-request-id")) == (status, ["from-the-edge"])
    assert json.loads(response.body)["request_id"] == "from-the-edge"
    assert proxy.wait_for_log(f"status={status}", "request_id=from-the-edge")


def test_duplicate_fields_keep_their_order(sheaf: Sheaf) -> None:
    fields = seen(get(sheaf.port, "/headers", "X-Many: one\nX-Many: two\nCookie: a=1\nX-Many: three\n"))
    assert fields["x-many"] == ["one", "two", "three"]
    assert fields["cookie"] == ["a=1"]


def test_several_cookies_come_as_several_lines(sheaf: Sheaf) -> None:
    response = get(sheaf.port, "/cookies", "Cookie: a=1; b=2\n")
    assert [cookie.split("=")[0] for cookie in response.all("set-cookie")] == ["first", "second"]
    assert json.loads(response.body) == {"a": "1", "b": "2"}


TRUSTED = {"forwarded": {"trusted_proxies": ["127.0.0.1/32", "10.0.0.0/8"]}}


def test_trusted_proxy_is_believed_and_merged_into_one_line(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, TRUSTED)
    fields = seen(
        get(
            proxy.port,
            "/headers",
            "X-Forwarded-For: 198.51.100.7\nX-Forwarded-For: 10.1.2.3\n"
            "X-Forwarded-Proto: https\nX-Forwarded-Host: www.example\nX-Request-ID: abc-123\n",
        )
    )
    assert [part.strip() for part in fields["x-forwarded-for"][0].split(",")] == [
        "198.51.100.7",
        "10.1.2.3",
        "127.0.0.1",
    ]
    assert len(fields["x-forwarded-for"]) == 1
    assert fields["x-forwarded-proto"] == ["https"]
    assert fields["x-forwarded-host"] == ["www.example"]
    assert fields["x-request-id"] == ["abc-123"]


def test_address_outside_the_trusted_networks_is_not_believed(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"forwarded": {"trusted_proxies": ["127.0.0.2/32", "10.0.0.0/8", "::1/128"]}})
    text = "GET /headers HTTP/1.1\nHost: a.example\nX-Forwarded-For: 198.51.100.7\nX-Forwarded-Proto: https\n\n"
    with RawClient(proxy.port) as client:
        assert seen(client.request(text))["x-forwarded-for"] == ["127.0.0.1"]
    with RawClient(proxy.port, source="127.0.0.2") as client:
        fields = seen(client.request(text))
        assert fields["x-forwarded-for"][0].replace(" ", "") == "198.51.100.7,127.0.0.2"
        assert fields["x-forwarded-proto"] == ["https"]


def test_error_answer_is_json_with_the_request_id(sheaf: Sheaf) -> None:
    with RawClient(sheaf.port) as client:
        response = client.request("TRACE / HTTP/1.1\nHost: a.example\nAccept: application/json\n\n")
    assert (response.get("content-type") or "").startswith("application/json")
    answer = json.loads(response.body)
    assert any(len(str(value)) >= 16 for key, value in answer.items() if "id" in key.lower()), answer
    assert len(response.body) < 1000


def test_error_answer_is_html_where_the_client_asks_for_it(make_sheaf) -> None:
    proxy = make_sheaf("http://127.0.0.1:9", {"pool": {"acquire_timeout": "300ms"}}, ready="/livez")
    response = get(proxy.port, "/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8\n")
    assert response.status == 503
    assert (response.get("content-type") or "").startswith("text/html")
    assert b"<html" in response.body.lower()


def test_error_answer_to_head_has_no_body(make_sheaf) -> None:
    proxy = make_sheaf("http://127.0.0.1:9", {"pool": {"acquire_timeout": "300ms"}}, ready="/livez")
    with RawClient(proxy.port) as client:
        client.send(b"HEAD / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        assert client.response("HEAD").status == 503
        assert client.read_all() == b""


def test_routes_choose_the_longest_prefix_at_a_segment(make_sheaf, backend: Backend) -> None:
    routes = [{"path": "/api", "max_body": 10}, {"path": "/api/echo", "max_body": 100}]
    proxy = make_sheaf(backend.url, routes=routes)

    def post(path: str, size: int) -> int:
        with RawClient(proxy.port) as client:
            return client.request(
                f"POST {path} HTTP/1.1\nHost: a.example\nContent-Length: {size}\n\n{'x' * size}"
            ).status

    assert post("/api/echo", 50) == 200
    assert post("/api/echo", 101) == 413
    assert post("/api/other", 11) == 413
    assert post("/upload", 1000) == 200
