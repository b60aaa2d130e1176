"""hardening.md, rows 1-26: requests that Sheaf answers itself. Each row goes out whole and byte by byte.

Row 16 has a file of its own, test_underscores.py.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import pytest

from harness.frames import KEY
from harness.ports import wait_until
from harness.raw import RawClient
from harness.recorder import Recorder
from harness.sheaf import Sheaf


@dataclass(frozen=True)
class Row:
    """A request and how it is refused: one of `labels` in the log line, and on the counter."""

    number: int
    name: str
    request: bytes
    labels: str
    status: int = 400


def get(*fields: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = b"Host: a.example\r\n") -> bytes:
    return line + b"\r\n" + host + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def post(*fields: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return get(*fields, line=b"POST / HTTP/" + version) + body


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body=body)


HELLO = b"5\r\nhello\r\n0\r\n\r\n"
TE, CL = b"Transfer-Encoding: ", b"Content-Length: "

ROWS = [
    Row(1, "length then encoding", post(CL + b"5", TE + b"chunked", body=HELLO), "length_and_encoding"),
    Row(1, "encoding then length", post(TE + b"chunked", CL + b"5", body=HELLO), "length_and_encoding"),
    Row(1, "encoding and length 0", post(TE + b"chunked", CL + b"0", body=HELLO), "length_and_encoding"),
    Row(2, "two lengths", post(CL + b"5", CL + b"6", body=b"hello!"), "bad_content_length"),
    Row(2, "a list of lengths", post(CL + b"5,6", body=b"hello!"), "bad_content_length"),
    *(
        Row(3, f"length {value!r}", post(CL + value, body=b"hello"), "bad_content_length bad_field_value")
        for value in (b"+5", b"-0", b"-1", b"0x5", b"5_0", b"1 0", b"", b"5;", b"5.0", b"five", b"5\t5", b"\xb2")
    ),
    *(
        Row(4, f"length {value!r}", post(CL + value), "bad_content_length")
        for value in (b"9223372036854775808", b"18446744073709551615", b"18446744073709551616", b"9" * 40)
    ),
    *(
        Row(5, f"encoding {value!r}", post(TE + value, body=HELLO), "bad_transfer_encoding")
        for value in (
            b"chunked,chunked",
            b"chunked,gzip",
            b"gzip, chunked",
            b"xchunked",
            b"identity",
            b"",
            b",chunked",
            b"chunked,",
            b"chunked;x",
            b'"chunked"',
            b"chunked chunked",
        )
    ),
    Row(5, "encoding in two lines", post(TE + b"chunked", TE + b"chunked", body=HELLO), "bad_transfer_encoding"),
    Row(5, "identity then chunked", post(TE + b"identity", TE + b"chunked", body=HELLO), "bad_transfer_encoding"),
    *(
        Row(
            6,
            f"encoding {value!r}",
            post(b"Transfer-Encoding:" + value, body=HELLO),
            "bad_transfer_encoding bad_field_value",
        )
        for value in (b"\x0bchunked", b" \x0cchunked", b" chunked\0", b" chunked\xa0", b"\xa0chunked", b" chunked\x0b")
    ),
    Row(6, "encoding folded", post(b"Transfer-Encoding:\r\n chunked", body=HELLO), "obsolete_fold"),
    Row(7, "encoding on HTTP/1.0", post(TE + b"chunked", body=HELLO, version=b"1.0"), "encoding_on_http10"),
    Row(12, "bare LF everywhere", b"GET / HTTP/1.1\nHost: a.example\n\n", "bare_line_feed bad_request_line"),
    Row(
        12,
        "bare LF after the request line",
        b"GET / HTTP/1.1\nHost: a.example\r\n\r\n",
        "bare_line_feed bad_request_line",
    ),
    Row(12, "bare LF after a field", b"GET / HTTP/1.1\r\nHost: a.example\nX: y\r\n\r\n", "bare_line_feed"),
    Row(12, "bare LF at the end of the head", b"GET / HTTP/1.1\r\nHost: a.example\r\n\n", "bare_line_feed"),
    Row(13, "bare CR in a value", get(b"X: a\rb"), "bad_field_value"),
    Row(13, "CR at the end of a value", get(b"X: a\r"), "bad_field_value"),
    Row(13, "NUL in a value", get(b"X: a\0b"), "bad_field_value"),
    Row(13, "control character in a value", get(b"X: a\x01b"), "bad_field_value"),
    Row(13, "DEL in a value", get(b"X: a\x7fb"), "bad_field_value"),
    Row(14, "folded with a space", get(b"X: a", b" b"), "obsolete_fold"),
    Row(14, "folded with a tab", get(b"X: a", b"\tb"), "obsolete_fold"),
    Row(
        14, "fold before the first field", b"GET / HTTP/1.1\r\n Host: a.example\r\n\r\n", "obsolete_fold bad_field_name"
    ),
    Row(15, "space before the colon", get(b"X : a"), "bad_field_name"),
    Row(15, "tab before the colon", get(b"X\t: a"), "bad_field_name"),
    Row(15, "no colon", get(b"Nothing"), "bad_field_name"),
    Row(15, "empty name", get(b": a"), "bad_field_name"),
    *(
        Row(15, f"name {name!r}", get(name + b": a"), "bad_field_name bad_field_value")
        for name in (b"X Y", b"X(Y", b"X/Y", b'X"Y', b"X\xe9", b"X\0Y", b"X\x01", b"X,Y", b"X[Y]")
    ),
    Row(17, "no Host", get(host=b""), "bad_host"),
    Row(17, "two Hosts", get(b"Host: a.example"), "bad_host"),
    Row(17, "two different Hosts", get(b"Host: b.example"), "bad_host"),
    *(
        Row(17, f"Host {value!r}", get(host=b"Host: " + value + b"\r\n"), "bad_host bad_field_value")
        for value in (
            b"a b",
            b"a/b",
            b"a@b",
            b"a?b",
            b"a#b",
            b"a,b",
            b"a:b",
            b"a:99999",
            b"[::1",
            b"a\\b",
            b"http://a",
            b"\xe4.example",
            b"a:80:80",
        )
    ),
    *(
        Row(
            19,
            f"target {target!r}",
            get(line=b"GET " + target + b" HTTP/1.1"),
            "bad_target bad_request_line bad_version",
        )
        for target in (
            b"/a#b",
            b"/a b",
            b"/\xe4",
            b"/a\x01",
            b"/a\x7f",
            b"/a\tb",
            b"a",
            b"",
            b"/a\\b\x00",
            b"#",
            b'/"\0"',
        )
    ),
    Row(20, "%00 in the path", get(line=b"GET /a%00b HTTP/1.1"), "bad_target"),
    Row(20, "half an escape", get(line=b"GET /a%2 HTTP/1.1"), "bad_target"),
    Row(20, "an escape that is none", get(line=b"GET /a%zz HTTP/1.1"), "bad_target"),
    Row(21, "GET *", get(line=b"GET * HTTP/1.1"), "bad_target"),
    Row(21, "CONNECT", get(line=b"CONNECT a.example:443 HTTP/1.1"), "method_not_allowed", 405),
    Row(21, "TRACE", get(line=b"TRACE / HTTP/1.1"), "method_not_allowed", 405),
    Row(22, "a request line over 16 KiB", get(line=b"GET /" + b"a" * 16384 + b" HTTP/1.1"), "line_too_long", 414),
    Row(22, "a head over 64 KiB", get(*(b"X-%d: " % i + b"y" * 1000 for i in range(66))), "head_too_large", 431),
    Row(22, "one field over 64 KiB", get(b"X: " + b"y" * 66000), "head_too_large", 431),
    Row(22, "a head of one byte over 64 KiB", get(b"X: " + b"y" * (65537 - len(get(b"X: ")))), "head_too_large", 431),
    Row(22, "201 fields", get(*(b"X-%d: y" % i for i in range(200))), "too_many_fields", 431),
    Row(23, "HTTP/0.9", b"GET /\r\n\r\n", "bad_version bad_request_line"),
    *(
        Row(23, f"version {version!r}", get(line=b"GET / " + version), "bad_version bad_request_line bad_target")
        for version in (
            b"HTTP/1.32",
            b"HTTP/1.",
            b"HTTP/.1",
            b"http/1.1",
            b"HTTP/01.1",
            b"HTTP/1.1x",
            b"HTTP /1.1",
            b"HTTP/1,1",
            b"XTTP/1.1",
            b"HTTP/0.9",
            b"HTTP/3.0",
            b" HTTP/1.1",
        )
    ),
    Row(23, "the HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2_preface", 505),
    *(
        Row(23, f"method {method!r}", get(line=method + b" / HTTP/1.1"), "bad_request_line")
        for method in (b"G(T", b"G\0T", b"", b"GE\x80T", b"GET/")
    ),
    Row(26, "an unknown expectation", post(b"Expect: 200-ok", CL + b"5"), "bad_expect", 417),
    Row(26, "an expectation and more", post(b"Expect: 100-continue, x", CL + b"5"), "bad_expect", 417),
]

# Body rows: the head may already be on its way upstream when the fault is seen. What counts then: 400 to the client, an
# upstream connection that ends instead of going back to the pool, and no complete request there.
BODY_ROWS = [
    *(
        Row(8, f"chunk size {size!r}", chunked(size + b"\r\nhello\r\n0\r\n\r\n"), "bad_chunk")
        for size in (
            b"0x5",
            b"+5",
            b"-5",
            b"_5",
            b"5_",
            b"5 ",
            b" 5",
            b"\t5",
            b"5\t",
            b"",
            b"g",
            b"5g",
            b";a=b",
            b"\0005",
            b"10000000000000005",
            b"fffffffffffffffff",
            b"00000000000000000000000000000000005",
        )
    ),
    Row(9, "bare LF after the size", chunked(b"5\nhello\r\n0\r\n\r\n"), "bad_chunk"),
    Row(9, "bare CR after the size", chunked(b"5\rhello\r\n0\r\n\r\n"), "bad_chunk"),
    Row(9, "bare LF after the data", chunked(b"5\r\nhello\n0\r\n\r\n"), "bad_chunk"),
    Row(9, "bare CR after the data", chunked(b"5\r\nhello\r0\r\n\r\n"), "bad_chunk"),
    Row(9, "nothing after the data", chunked(b"5\r\nhello0\r\n\r\n"), "bad_chunk"),
    Row(9, "more data than said", chunked(b"5\r\nhello!\r\n0\r\n\r\n"), "bad_chunk"),
    Row(9, "bare LF after the last chunk", chunked(b"5\r\nhello\r\n0\n\r\n"), "bad_chunk"),
    Row(9, "bare LF at the end", chunked(b"5\r\nhello\r\n0\r\n\n"), "bad_chunk bad_trailer"),
    Row(
        10,
        "an extension over 4 KiB",
        chunked(b"5;" + b"a" * 4200 + b"\r\nhello\r\n0\r\n\r\n"),
        "chunk_extension_too_long",
    ),
    Row(
        10,
        "extensions over 4 KiB together",
        chunked(b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n" * 200 + b"0\r\n\r\n"),
        "chunk_extension_too_long",
    ),
    *(
        Row(10, f"extension {extension!r}", chunked(b"5;" + extension + b"\r\nhello\r\n0\r\n\r\n"), "bad_chunk")
        for extension in (b"a=\x01", b"a\0", b"a\rb", b"a\nb", b'a="\x7f"')
    ),
    *(
        Row(
            11, f"trailer {trailer!r}", chunked(b"5\r\nhello\r\n0\r\n" + trailer + b"\r\n\r\n"), "bad_trailer bad_chunk"
        )
        for trailer in (
            b"Content-Length: 5",
            b"Transfer-Encoding: chunked",
            b"Host: b.example",
            b"content-LENGTH: 0",
            b"Connection: close",
            b"Authorization: x",
            b"X : y",
            b"X: a\nY: b",
            b"X: a\0",
            b" X: y",
            b"nothing",
        )
    ),
]


def identify(row: Row) -> str:
    return f"{row.number}: {row.name[:60]}"


def send(client: RawClient, request: bytes, piecewise: bool) -> None:
    if not piecewise:
        client.send_quietly(request)
        return
    # Long requests are cut coarsely: their fault is their length.
    step = max(1, len(request) // 1000)
    for start in range(0, len(request), step):
        client.send_quietly(request[start : start + step])


def check_refusal(proxy: Sheaf, row: Row, piecewise: bool) -> None:
    labels = row.labels.split()
    lines_before = proxy.count_log_lines("reject=")
    counts_before = {label: proxy.metric("sheaf_refusals_total", reason=label) for label in labels}
    with RawClient(proxy.port) as client:
        send(client, row.request, piecewise)
        response = client.response("GET")
        assert response.status == row.status, response.raw
        assert (response.get("connection") or "").lower() == "close"
        assert response.complete
        assert json.loads(response.body), "the answer is not JSON"
        assert client.read_all() == b"", "more than one answer"
    lines = wait_until(lambda: proxy.log_lines("reject=")[lines_before:], 3, "a log line with reject=")
    assert len(lines) == 1, lines
    assert any(f"reject={label}" in lines[0] for label in labels), lines
    assert all(" " <= character <= "~" for character in lines[0]), f"the log line is not escaped: {lines[0]!r}"
    grown = [label for label in labels if proxy.metric("sheaf_refusals_total", reason=label) == counts_before[label] + 1]
    assert len(grown) == 1, f"none of the counters {labels} grew by one"


@pytest.mark.parametrize("piecewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("row", ROWS, ids=identify)
def test_bad_head_is_refused_and_reaches_nobody(proxy: Sheaf, recorder: Recorder, row: Row, piecewise: bool) -> None:
    before = recorder.received
    check_refusal(proxy, row, piecewise)
    assert recorder.received == before, "bytes went upstream"


@pytest.mark.parametrize("piecewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("row", BODY_ROWS, ids=identify)
def test_bad_body_is_refused_and_its_upstream_connection_never_used_again(
    proxy: Sheaf, recorder: Recorder, row: Row, piecewise: bool
) -> None:
    requests_before, bytes_before = len(recorder.requests), {id(c): len(c.received) for c in recorder.connections}
    check_refusal(proxy, row, piecewise)
    recorder.settle(0.05)
    assert len(recorder.requests) == requests_before, "a complete request went upstream"
    touched = [c for c in recorder.connections if len(c.received) > bytes_before.get(id(c), 0)]
    wait_until(lambda: all(c.ended for c in touched), 3, "the upstream connection ends")


# The twins: what is right, or what RFC 9112 lets a server take, goes through.
GOOD = [
    ("a length", post(CL + b"5", body=b"hello"), b"hello"),
    ("a length with spaces around", post(b"Content-Length:  5  ", body=b"hello"), b"hello"),
    ("a length of 0", post(CL + b"0"), b""),
    ("chunked", chunked(HELLO), b"hello"),
    ("chunked in capitals", post(b"TRANSFER-ENCODING: CHUNKED", body=HELLO), b"hello"),
    ("chunk sizes with zeros and capitals", chunked(b"00A\r\n0123456789\r\n000\r\n\r\n"), b"0123456789"),
    ("a chunk extension", chunked(b'5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n'), b"hello"),
    ("a dropped trailer", chunked(b"5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n"), b"hello"),
    ("an empty line in front", b"\r\n" + post(CL + b"5", body=b"hello"), b"hello"),
    ("two empty lines in front", b"\r\n\r\n" + post(CL + b"5", body=b"hello"), b"hello"),
    ("a value with a tab and high bytes", post(b"X: a\tb\xe4", CL + b"5", body=b"hello"), b"hello"),
    ("a request line of 16 KiB", get(line=b"GET /" + b"a" * (16384 - 14) + b" HTTP/1.1"), b""),
    ("a head of 64 KiB", get(b"X: " + b"y" * (65536 - len(get(b"X: ")))), b""),
    ("a cookie of 60 KB", get(b"Cookie: sso=" + b"y" * 60_000), b""),
    ("200 fields", get(*(b"X-%d: y" % i for i in range(199))), b""),
    ("every character a name may have", get(b"!#$%&'*+-.^`|~aZ09: y"), b""),
    ("every character a target may have", get(line=b"GET /-._~!$&'()*+,;=:@%20/?a=b&c=/?:@ HTTP/1.1"), b""),
    ("OPTIONS *", get(line=b"OPTIONS * HTTP/1.1"), b""),
    ("a Host with a port", get(host=b"Host: a.example:8080\r\n"), b""),
    ("a Host that is IPv6", get(host=b"Host: [::1]:8080\r\n"), b""),
    ("a method of its own", get(line=b"PROPFIND / HTTP/1.1"), b""),
]


@pytest.mark.parametrize("piecewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("request_bytes,body", [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
def test_good_request_goes_through(
    proxy: Sheaf, recorder: Recorder, request_bytes: bytes, body: bytes, piecewise: bool
) -> None:
    before = len(recorder.requests)
    with RawClient(proxy.port) as client:
        send(client, request_bytes, piecewise)
        assert client.response().body == b"ok"
    assert len(recorder.requests) == before + 1
    arrived = recorder.latest.body
    if body and b"chunked" in recorder.latest.head.lower():
        arrived = unchunked(arrived)
    assert arrived == body
    assert b"X-Sum" not in recorder.latest.body, "the trailer was passed on"


def unchunked(data: bytes) -> bytes:
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        if int(size, 16) == 0:
            return body
        body += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]


def test_405_says_what_is_allowed(proxy: Sheaf) -> None:
    with RawClient(proxy.port) as client:
        assert "GET" in (client.request(get(line=b"TRACE / HTTP/1.1")).get("allow") or "")


@pytest.mark.parametrize(
    "request_bytes,status",
    [
        (get(*(b"X-%d: y" % i for i in range(2000))), 431),  # rows 22 and 43
        (
            get(
                b"Connection: Upgrade",
                b"Upgrade: websocket",
                b"Sec-WebSocket-Version: 13",
                b"Sec-WebSocket-Key: " + KEY.encode(),
                b"Sec-WebSocket-Protocol: " + b"a, " * 22000,
            ),
            431,
        ),
        (get(b"Connection: " + b"," * 63000), 200),
        (get(b"Connection: " + b"a," * 31000, *(b"%c: y" % i for i in b"bcdefghijklmnopqrstuvwxyz" * 7)), 200),
        (get(b"X-Forwarded-For: " + b"1.2.3.4," * 8000), 200),
    ],
    ids=["2,000 fields", "66 KB of subprotocols", "63,000 commas", "31,000 hop-by-hop names", "8,000 forwarders"],
)
def test_big_heads_cost_linear_time(proxy: Sheaf, request_bytes: bytes, status: int) -> None:
    before, began = proxy.cpu_seconds(), time.monotonic()
    for _ in range(20):
        with RawClient(proxy.port) as client:
            client.send_quietly(request_bytes)
            assert client.response().status == status
    assert proxy.cpu_seconds() - before < 20 * 0.05, "over 50 ms of CPU a request"
    assert time.monotonic() - began < 20
