"""Issue 11, line 13: tokens of queries, cookies and the like are in no line of the log, and JSON lines can be counted with.

S3CR3T stands for each secret; who greps for it after all of this finds nothing, at level debug either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from harness.backend import Backend
from harness.frames import TEXT, RawWebSocket, close_frame, upgrade
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
from harness.recorder import OK, Recorder, Request
from harness.sheaf import Conf, Sheaf

SECRET = "S3CR3T"
TRACE = "0af7651916cd43dd8448eb211c80319c"
DEBUG: Conf = {"log": {"level": "debug"}}
BY_ROUTE: Conf = {"log": {"level": "debug", "path": "route"}}
# Fields of a browser that has logged in.
FIELDS = (
    f"Cookie: session={SECRET}; theme=dark\nAuthorization: Bearer {SECRET}\nProxy-Authorization: Basic {SECRET}\n"
    f"Referer: https://me:{SECRET}@a.example/page?code={SECRET}#token={SECRET}\n"
    f"Sec-WebSocket-Protocol: bearer, {SECRET}\n"
)
# Every way that a token has been seen in.
QUERIES = [
    f"token={SECRET}",
    f"EIO=4&transport=websocket&sid={SECRET}",
    f"a=1;token={SECRET}",
    f"token=1&token={SECRET}&token=",
    f"%74oken={SECRET}",
    f"{SECRET}",
    f"{SECRET}==",
    f"EIO=4?token={SECRET}",
    f"token%3D{SECRET}",
    f"a=1#access_token={SECRET}",
    f"x={'y' * 6000}&token={SECRET}",
    f"{'x=1&' * 1500}token={SECRET}",
]


def refused_heads(path: str) -> list[bytes]:
    """Requests that are refused for all kinds of reasons, each with its secrets where they are."""
    target = f"{path}?token={SECRET}"
    fields = FIELDS.replace("\n", "\r\n")
    return [
        text.encode()
        for text in (
            f"GET {target} HTTP/1.1\r\nHost: a\r\nHost: b\r\n{fields}\r\n",
            f"GET {target} HTTP/1.1\r\nHost: a\r\nBad Name: {SECRET}\r\n{fields}\r\n",
            f"GET {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {SECRET}\r\n\r\n",
            f"GET {target} HTTP/3.0\r\nHost: a\r\n\r\n",
            f"GET{target} HTTP/1.1\r\nHost: a\r\n\r\n",
            f"GET {target}\r\n\r\n",
            f"GET  {target} HTTP/1.1\r\nHost: a\r\n\r\n",
            f"GET {target}\r\nHost: a\r\n\r\n",
            f"TRACE {target} HTTP/1.1\r\nHost: a\r\n\r\n",
            f"CONNECT me:{SECRET}@a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            f"GET http://me:{SECRET}@a/x?token={SECRET} HTTP/1.1\r\nHost: a\r\n\r\n",
            f"GET http://a?token={SECRET} HTTP/1.1\r\nHost: a\r\n\r\n",
            f"GET {target} HTTP/1.1\nHost: a\n{FIELDS}\n",
            f"GET {path}/%zz?token={SECRET} HTTP/1.1\r\nHost: a\r\n\r\n",
            f"GET {path}/../../..?token={SECRET} HTTP/1.1\r\nHost: a\r\n\r\n",
            f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n{fields}\r\n",
            f"GET {target} HTTP/1.1\r\nHost: a\r\nX: {'x' * 70000}\r\n\r\n",
            f"GET {path}?token={SECRET}{'x' * 70000} HTTP/1.1\r\nHost: a\r\n\r\n",
            f"\x16\x03\x01{SECRET}\r\n\r\n",
        )
    ]


def ask_all(proxy: Sheaf, path: str) -> None:
    """Requests, WebSockets and refusals with secrets all over, of `path` and with each query."""
    for query in QUERIES:
        assert get(proxy.port, f"{path}?{query}", FIELDS).status in (200, 400)
    for head in refused_heads(path):
        with RawClient(proxy.port, timeout=5) as client:
            client.send_quietly(head)
            client.read_until(b"\r\n")
    for version in ("12", "13"):  # refused by Sheaf, and by the backend
        with RawClient(proxy.port) as client:
            client.request(upgrade(f"{path}?token={SECRET}", FIELDS, version=version))


def assert_kept(proxy: Sheaf) -> None:
    proxy.signal()
    proxy.wait(10)
    lines = proxy.log().splitlines()
    assert len(lines) > 20, "hardly anything was logged"
    told = [line for line in lines if SECRET.lower() in line.lower()]
    assert not told, "\n".join(told[:10])


@pytest.fixture(params=["text", "json"])
def log_format(request: pytest.FixtureRequest) -> str:
    return request.param


def with_format(conf: Conf, log_format: str) -> Conf:
    return {**conf, "log": {**conf["log"], "format": log_format}, "limits": {"max_body": "1KiB"}}


def test_no_secret_of_a_query_or_field_is_written(make_sheaf, backend: Backend, log_format: str) -> None:
    proxy = make_sheaf(backend.url, with_format(DEBUG, log_format))
    ask_all(proxy, "/page")
    for query in QUERIES[:3]:
        with RawWebSocket(proxy.port, f"/ws/echo?{query}", FIELDS.replace("Sec-WebSocket-Protocol", "X-Protocol")) as one:
            one.check_echo(b"hello")
            one.send(close_frame(1000, SECRET.encode()))
            one.read_close()
    assert proxy.wait_for_log("protocol", "websocket")
    assert_kept(proxy)


def test_no_secret_of_a_path_is_written_where_the_route_stands_for_it(
    make_sheaf, backend: Backend, log_format: str
) -> None:
    routes: list[Conf] = [{"path": "/status"}]
    proxy = make_sheaf(backend.url, with_format(BY_ROUTE, log_format), routes)
    fields = FIELDS.replace("/page?", f"/reset/{SECRET}?")
    for path in (f"/status/{SECRET}", f"/reset/{SECRET}"):
        for query in QUERIES[:4]:
            get(proxy.port, f"{path}?{query}", fields)
        for head in refused_heads(path):
            with RawClient(proxy.port, timeout=5) as client:
                client.send_quietly(head)
                client.read_until(b"\r\n")
    with RawWebSocket(proxy.port, f"/ws/echo?token={SECRET}") as one:
        one.check_echo(b"hello")
    assert proxy.wait_for_log("/status?token=-")
    assert_kept(proxy)


def broken_answers(path: str) -> Iterator[tuple[str, Callable[[Request], bytes]]]:
    """What a backend answers with secrets of its own, and the request for it."""
    cookie = f"Set-Cookie: session={SECRET}\r\nLocation: /x?token={SECRET}\r\n".encode()
    for answer in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + cookie + b"Content-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\n" + cookie + b"\r\nok",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a;\r\n " + SECRET.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: " + SECRET.encode() + b"\x01\r\n\r\n",
        b"HTTP/1.1 OK\r\n" + cookie + b"\r\n",
    ):
        yield f"GET {path}?token={SECRET} HTTP/1.1\nHost: a\n{FIELDS}\n", lambda _, answer=answer: answer
    yield upgrade(f"{path}?token={SECRET}", FIELDS), lambda _: OK

    def half(request: Request) -> bytes:
        request.connection.send(b"HTTP/1.1 200 OK\r\n" + cookie)
        request.connection.close()
        return b""

    yield f"GET {path}?token={SECRET} HTTP/1.1\nHost: a\n{FIELDS}\n", half


@pytest.mark.parametrize("conf", [DEBUG, BY_ROUTE], ids=["full", "route"])
def test_no_secret_is_written_of_a_backend_that_answers_nonsense_or_is_gone(
    make_recorder, make_sheaf, conf: Conf
) -> None:
    recorder: Recorder = make_recorder()
    path = f"/reset/{SECRET}" if conf is BY_ROUTE else "/reset"
    pool: Conf = {"min_size": 0, "health_check_interval": "0s"}
    proxy = make_sheaf(recorder.url, {**conf, "pool": pool}, [{"path": "/reset"}])
    count = 0
    for text, script in broken_answers(path):
        recorder.script = script
        with RawClient(proxy.port) as client:
            assert client.request(text).status == 502
        count += 1
    wait_until(lambda: len(proxy.log_lines("cause=")) == count, 3, "a warning for each answer")
    assert len(proxy.log_lines('request="GET /reset"')) == count
    gone = make_sheaf(f"http://127.0.0.1:{free_port()}", conf, [{"path": "/reset"}], ready="/livez")
    assert get(gone.port, f"{path}?token={SECRET}", FIELDS).status == 503
    assert gone.wait_for_log("reject=") and SECRET not in gone.log()
    assert_kept(proxy)


# ---- what is shown


def target_of(proxy: Sheaf, target: str, fields: str = "") -> dict[str, object]:
    """The JSON access line of one request."""
    before = len(proxy.log_lines('"msg":"access"'))
    get(proxy.port, target, fields)
    lines = wait_until(lambda: proxy.log_lines('"msg":"access"')[before:], 3, "an access line")
    return json.loads(lines[-1])


def test_names_of_parameters_and_the_values_of_harmless_ones_are_written(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"log": {"format": "json", "query_shown": ["symbol"]}})
    line = target_of(
        proxy,
        "/status/200?EIO=4&transport=polling&sheaf=json&symbol=ABC&token=abc",
        "Referer: http://a.example/p?symbol=X&t=abc\n",
    )
    assert line["target"] == "/status/200?EIO=4&transport=polling&sheaf=json&symbol=ABC&token=-"
    assert line["referer"] == "http://a.example/p?symbol=X&t=-"
    assert "referer" not in target_of(proxy, "/status/200")


@pytest.mark.parametrize(
    "options,target,referer",
    [
        ({"query": "full"}, "/status/200?token=abc", "http://a.example/p?t=abc"),
        ({"query": "none"}, "/status/200", "http://a.example/p"),
        ({"query": "names"}, "/status/200?token=-", "http://a.example/p?t=-"),
        ({"path": "route"}, "/status?token=-", "http://a.example"),
        ({"path": "route", "query": "none"}, "/status", "http://a.example"),
    ],
)
def test_query_and_path_are_written_as_far_as_asked(
    make_sheaf, backend: Backend, options: Conf, target: str, referer: str
) -> None:
    proxy = make_sheaf(backend.url, {"log": {"format": "json", **options}}, [{"path": "/status"}])
    line = target_of(proxy, "/status/200?token=abc", "Referer: http://a.example/p?t=abc\n")
    assert (line["target"], line["referer"]) == (target, referer)


def test_backend_and_application_get_the_query_as_it_came(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"log": {"query": "none", "path": "route"}})
    get(proxy.port, "/reset/x?token=abc&b=c", "Referer: http://a.example/p?t=abc\n")
    assert recorder.latest.target == "/reset/x?token=abc&b=c"
    assert recorder.latest.get("referer") == "http://a.example/p?t=abc"


# ---- figures and trace ids

NUMBERS = {
    "http": ["status", "duration_ms", "bytes_in", "bytes_out"],
    "websocket": [
        "status", "duration_ms", "messages_in", "messages_out", "bytes_in", "bytes_out", "batch_ratio", "close_code",
    ],
    "refused": ["status"],
    "listening": ["workers", "pid"],
    "is down": [],
    "is up again": ["down_seconds", "failed_attempts", "refused_requests", "untold_outages"],
    "is measured": ["limit", "used"],
    "draining": [],
}  # fmt: skip


def kind_of(line: dict[str, object]) -> str:
    if line["msg"] == "access":
        return "websocket" if line["protocol"] == "websocket" else "http"
    return next((kind for kind in NUMBERS if kind in str(line["msg"])), "")


def looks_like_a_number(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


def test_json_lines_have_numbers_where_figures_are(make_backend, make_sheaf) -> None:
    backend: Backend = make_backend()
    proxy = make_sheaf(backend.url, {"log": {"format": "json"}, "pool": {"health_check_interval": "100ms"}})
    with RawClient(proxy.port) as client:
        client.request("POST /upload HTTP/1.1\nHost: a\nContent-Length: 5\nUser-Agent: 1234\nX-Request-ID: 7\n\nhello")
        client.request("GET / HTTP/1.1\nHost: a\nHost: b\n\n")
    with RawWebSocket(proxy.port) as socket:
        socket.send_frame(TEXT, b"hello")
        assert socket.read_message() == (TEXT, b"hello")
        socket.send(close_frame(4001, b"done"))
        socket.read_close()
    backend.kill()
    wait_until(lambda: proxy.log_lines("is down"), 5, "the outage is told")
    backend.start()
    wait_until(lambda: proxy.log_lines("is up again"), 5, "its end is told")
    proxy.signal()
    proxy.wait(10)
    lines = [json.loads(line) for line in proxy.log().splitlines()]
    found = {kind_of(line): line for line in lines}
    for kind, names in NUMBERS.items():
        line = found[kind]
        for name in names:
            assert isinstance(line[name], (int, float)) and not isinstance(line[name], bool), (kind, name, line[name])
        texts = [key for key in line if key not in ("user_agent", "request_id") and looks_like_a_number(line[key])]
        assert not texts, (kind, texts, line)
    assert (found["http"]["status"], found["http"]["bytes_in"]) == (200, 5)
    assert isinstance(found["http"]["user_agent"], str) and isinstance(found["http"]["request_id"], str)
    session = found["websocket"]
    assert [session[name] for name in NUMBERS["websocket"] if name != "duration_ms"] == [101, 1, 1, 5, 5, 1.0, 4001]
    assert (found["refused"]["status"], found["listening"]["pid"]) == (400, proxy.process.pid)


def test_trace_id_is_a_field_of_access_session_and_refusal_lines(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"log": {"format": "json"}})
    traced = f"traceparent: 00-{TRACE}-b7ad6b7169203331-01\n"
    assert target_of(proxy, "/page", traced)["trace_id"] == TRACE
    with RawWebSocket(proxy.port, fields=traced) as socket:
        socket.check_echo(b"hello")
    (session,) = proxy.wait_for_log('"protocol":"websocket"')
    assert json.loads(session)["trace_id"] == TRACE
    with RawClient(proxy.port) as client:
        client.request(upgrade("/ws/echo", traced, version="12"))
    (refused,) = proxy.wait_for_log("request refused")
    assert json.loads(refused)["trace_id"] == TRACE


@pytest.mark.parametrize(
    "value",
    [
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{TRACE}-b7ad6b7169203331-01 x=1 level=error",
        TRACE,
    ],
)
def test_trace_id_that_is_not_valid_is_no_field(sheaf: Sheaf, value: str) -> None:
    before = len(sheaf.log_lines("access"))
    get(sheaf.port, "/page", f"traceparent: {value}\n")
    line = wait_until(lambda: sheaf.log_lines("access")[before:], 3, "an access line")[0]
    assert "trace_id" not in line and "level=error" not in line
