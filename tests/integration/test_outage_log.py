"""Issue 10, item 11: an outage is told in a few lines, and a broken answer of the backend with its cause."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from harness.backend import Backend
from harness.frames import accept_for, upgrade
from harness.ports import free_port, wait_until
from harness.raw import RawClient, Response, get
from harness.recorder import OK, Recorder, Request, upgrade_answer
from harness.sheaf import AS_SHIPPED, Conf, Sheaf, merged

CHECKED: Conf = merged(AS_SHIPPED, {"pool": {"health_check_interval": "500ms", "health_check_timeout": "500ms"}})


def warnings(proxy: Sheaf) -> list[str]:
    """All lines of warning and error."""
    return [line for line in proxy.log().splitlines() if " warning " in line or " error " in line]


class Load:
    """Clients that go on asking until the block is over; they count their refusals."""

    def __init__(self, port: int, clients: int = 4, path: str = "/page") -> None:
        self._port, self._path = port, path
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        self._lock = threading.Lock()
        self.refused = 0

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                status = get(self._port, self._path).status
            except (OSError, AssertionError):
                status = 0
            with self._lock:
                self.refused += status == 503
            time.sleep(0.02)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


# ---- outages


def numbers(line: str) -> list[float]:
    """Every number that stands alone as a value, in seconds where it has a unit of time."""
    found = re.findall(r"[ =\"](\d+(?:\.\d+)?)(ms|s)?(?=[\s\",;.]|$)", line.split(" ", 1)[1])
    return [float(number) / (1000 if unit == "ms" else 1) for number, unit in found]


def line_count(proxy: Sheaf) -> int:
    """How many lines there are, once the first look at the backend, which ends no outage, is told."""
    proxy.wait_for_log("the backend is up", seconds=10)
    return len(proxy.log().splitlines())


def back_lines(proxy: Sheaf, since: int) -> list[str]:
    """The lines after the first `since` that tell the end of an outage."""
    return [line for line in proxy.log().splitlines()[since:] if re.search(r"backend is (up|back)", line)]


def played(proxy: Sheaf, backend: Backend, seconds: float) -> tuple[float, int]:
    """An outage of about `seconds` under load: how long it took, and how many requests were refused meanwhile."""
    began = time.monotonic()
    backend.kill()
    with Load(proxy.port) as load:
        time.sleep(seconds)
    backend.start()
    lasted = time.monotonic() - began
    wait_until(lambda: get(proxy.port, "/page").status == 200, 5, "requests are served again")
    return lasted, load.refused


def test_outage_under_load_writes_one_warning_with_its_cause(make_backend, make_sheaf) -> None:
    """20 s are the issue's; as many lines come in 10."""
    backend: Backend = make_backend()
    proxy = make_sheaf(backend.url, AS_SHIPPED)
    assert get(proxy.port, "/page").status == 200
    backend.kill()
    with Load(proxy.port) as load:
        time.sleep(10)
    assert load.refused > 100, "there was no load"
    told = warnings(proxy)
    assert len(told) == 1, f"{len(told)} warnings in 10 s, such as:\n" + "\n".join(told[:5])
    assert "Connection refused" in told[0] and str(backend.port) in told[0], told[0]


def test_end_of_an_outage_is_told_with_its_length_and_the_requests_refused(make_backend, make_sheaf) -> None:
    backend: Backend = make_backend()
    proxy = make_sheaf(backend.url, CHECKED)
    assert get(proxy.port, "/page").status == 200
    since = line_count(proxy)
    lasted, refused = played(proxy, backend, 3)
    told = wait_until(lambda: back_lines(proxy, since), 5, "a line says that the backend is back")
    time.sleep(1)
    assert len(back_lines(proxy, since)) == 1, told
    found = numbers(told[0])
    assert refused > 20 and any(abs(number - refused) <= 0.1 * refused for number in found), (told[0], refused)
    assert any(lasted - 2 <= number <= lasted + 2 for number in found), (told[0], lasted)
    assert len(warnings(proxy)) <= 2, "\n".join(warnings(proxy))


def test_each_outage_is_told_for_itself_once_and_not_by_each_worker(make_backend, make_sheaf) -> None:
    backend: Backend = make_backend()
    proxy = make_sheaf(backend.url, merged(CHECKED, {"workers": 3}))
    assert get(proxy.port, "/page").status == 200
    since = line_count(proxy)
    for number in (1, 2):
        played(proxy, backend, 1.5)
        wait_until(lambda: len(back_lines(proxy, since)) >= number, 5, f"the end of outage {number} is told")
    time.sleep(1)
    refused = [line for line in proxy.log().splitlines() if "Connection refused" in line]
    assert len(refused) == 2, f"{len(refused)} lines about 2 outages:\n" + "\n".join(warnings(proxy)[:6])
    assert len(back_lines(proxy, since)) == 2


def test_outage_that_only_health_checks_see_is_told(make_backend, make_sheaf) -> None:
    backend: Backend = make_backend()
    proxy = make_sheaf(backend.url, CHECKED)
    since = line_count(proxy)
    backend.kill()
    wait_until(lambda: proxy.admin("/readyz")[0] == 503, 5, "/readyz fails")
    time.sleep(2)
    assert len(warnings(proxy)) == 1 and "Connection refused" in warnings(proxy)[0], proxy.log()
    backend.start()
    wait_until(lambda: proxy.admin("/readyz")[0] == 200, 5, "/readyz recovers")
    wait_until(lambda: back_lines(proxy, since), 3, "its end is told")


def test_no_outage_writes_no_warning(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, CHECKED)
    assert get(proxy.port, "/page").status == 200
    since = line_count(proxy)
    with Load(proxy.port) as load:
        time.sleep(2)
    assert load.refused == 0 and warnings(proxy) == [] and back_lines(proxy, since) == []


def test_outage_of_a_unix_socket_is_told_with_its_cause(make_backend, make_sheaf) -> None:
    backend: Backend = make_backend(unix=True)
    proxy = make_sheaf(backend.url, CHECKED)
    assert get(proxy.port, "/page").status == 200
    backend.kill()
    with Load(proxy.port):
        time.sleep(2)
    told = warnings(proxy)
    assert len(told) == 1 and re.search("No such file or directory|Connection refused", told[0]), "\n".join(told[:5])


def test_outage_of_a_backend_that_does_not_answer_the_dial_is_told_with_its_cause(make_sheaf) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        port = silent.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        conf = merged(CHECKED, {"upstream": {"connect_timeout": "300ms"}})
        proxy = make_sheaf(f"http://127.0.0.1:{port}", conf, ready="/livez")
        with Load(proxy.port):
            time.sleep(4)
        for filler in fillers:
            filler.close()
    told = warnings(proxy)
    assert len(told) == 1 and re.search("timed out|timeout|in time", told[0]), "\n".join(told[:5])


def test_backend_whose_name_is_not_known_is_told_with_the_error_of_the_lookup(make_sheaf) -> None:
    proxy = make_sheaf("http://backend.invalid:80", AS_SHIPPED, ready="/livez")
    with Load(proxy.port):
        time.sleep(6)
    told = warnings(proxy)
    assert any(re.search("[Nn]ame|resol", line) and "backend.invalid" in line for line in told), "\n".join(told)
    assert len(told) <= 2, f"{len(told)} warnings in 6 s:\n" + "\n".join(told[:6])


def test_outage_that_lasts_is_told_once_a_minute(make_sheaf) -> None:
    if float(os.environ.get("SHEAF_TEST_SCALE", "1")) < 2:
        pytest.skip("takes 130 s: only with SHEAF_TEST_SCALE=2 or more")
    proxy = make_sheaf(f"http://127.0.0.1:{free_port()}", AS_SHIPPED, ready="/livez")
    with Load(proxy.port):
        time.sleep(130)
    assert len(warnings(proxy)) == 3, "\n".join(warnings(proxy)[:10])


# ---- broken answers

FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
# Name -> what the backend answers to a GET, and what of it the line must show.
ANSWERS: dict[str, tuple[bytes, str]] = {
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "3"),
    "length and chunked": (FULL + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", ""),
    "unknown encoding": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\nok", "rot13"),
    "bad status line": (b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nok", "abc"),
    "HTTP/0.9": (b"<html>hello</html>\r\n\r\n", "<html>"),
    "head too large": (FULL + b"X-Long: " + b"x" * 400_000 + b"\r\n\r\nok", ""),
    "folded field": (FULL + b"X-Folded: one\r\n  twofold\r\n\r\nok", ""),
    "bare line feed": (b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok", ""),
    "bad field name": (FULL + b"Bad Name: x\r\n\r\nok", "Bad Name"),
    "bad field value": (FULL + b"X-Bad: a\x01b\r\n\r\nok", "X-Bad"),
    "101 unasked": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: odd\r\nConnection: Upgrade\r\n\r\n", ""),
}


def altered(old: bytes, new: bytes) -> Callable[[Request], bytes]:
    return lambda request: upgrade_answer(request).replace(old, new)


def wrong_accept(request: Request) -> bytes:
    return upgrade_answer(request).replace(
        accept_for(request.get("sec-websocket-key") or "").encode(), b"wrongwrongwrongwrongwrongwr="
    )


# The same for upgrades.
UPGRADES: dict[str, tuple[Callable[[Request], bytes], str]] = {
    "wrong accept": (wrong_accept, "wrongwrong"),
    "no upgrade field": (altered(b"Upgrade: websocket\r\n", b""), ""),
    "no connection field": (altered(b"Connection: Upgrade\r\n", b""), ""),
    "unoffered subprotocol": (lambda request: upgrade_answer(request, b"Sec-WebSocket-Protocol: odd\r\n"), "odd"),
    "unoffered extension": (lambda request: upgrade_answer(request, b"Sec-WebSocket-Extensions: x-odd\r\n"), "x-odd"),
    "200 to an upgrade": (lambda _: OK, "200"),
}


@pytest.fixture
def breaking(make_recorder, make_sheaf) -> Iterator[tuple[Recorder, Sheaf]]:  # noqa: ANN001
    recorder: Recorder = make_recorder(at_head=True)
    pool = {"min_size": 0, "health_check_interval": "0s"}
    yield recorder, make_sheaf(recorder.url, {"workers": 1, "pool": pool})


def cause_lines(proxy: Sheaf) -> list[str]:
    return [line for line in warnings(proxy) if "cause=" in line]


def value_of(line: str, key: str) -> str:
    found = re.search(rf'\b{key}=("(?:[^"\\]|\\.)*"|\S*)', line)
    assert found, f"no {key}= in: {line}"
    return found[1]


def provoke(recorder: Recorder, proxy: Sheaf, script: Callable[[Request], bytes], text: str) -> tuple[Response, str]:
    """The answer to one request that the backend answers so, and the new line about it."""
    recorder.script = script
    before = len(cause_lines(proxy))
    with RawClient(proxy.port) as client:
        response = client.request(text)
    lines = wait_until(
        lambda: cause_lines(proxy)[before:], 2, f"a warning with cause= ({response.status}):\n{proxy.log()[-1500:]}"
    )
    assert len(lines) == 1, "\n".join(lines)
    return response, lines[0]


def scripts() -> Iterator[tuple[str, Callable[[Request], bytes], str, str]]:
    """Name, script, request, what must be shown."""
    for name, (answer, shown) in ANSWERS.items():
        yield name, lambda _, answer=answer: answer, "GET / HTTP/1.1\nHost: a\n\n", shown  # type: ignore[misc]
    for name, (script, shown) in UPGRADES.items():
        yield name, script, upgrade("/ws"), shown


@pytest.mark.parametrize("case", list(scripts()), ids=lambda case: case[0])
def test_broken_answer_is_a_502_and_a_warning_with_its_cause(breaking, case: tuple) -> None:  # noqa: ANN001
    _, script, text, shown = case
    recorder, proxy = breaking
    response, line = provoke(recorder, proxy, script, text)
    assert response.status == 502 and b"upstream_bad_response" in response.body
    assert value_of(line, "cause").strip('"'), line
    assert shown in value_of(line, "seen"), line
    assert len(value_of(line, "seen")) <= 1000 and len(line) <= 3000, f"{len(line)} characters"


def test_any_two_causes_are_told_apart(breaking) -> None:  # noqa: ANN001
    recorder, proxy = breaking
    causes = {name: value_of(provoke(recorder, proxy, script, text)[1], "cause") for name, script, text, _ in scripts()}
    assert len(set(causes.values())) == len(causes), causes


def test_broken_chunk_is_told_with_its_cause(breaking) -> None:  # noqa: ANN001
    """The head has gone to the client by then: its answer ends without an end."""
    recorder, proxy = breaking
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz-odd\r\nok\r\n"
    response, line = provoke(recorder, proxy, lambda _: chunks, "GET / HTTP/1.1\nHost: a\n\n")
    assert (response.status, response.complete) == (200, False)
    assert "zz-odd" in value_of(line, "seen"), line


def test_answer_that_ends_within_its_head_is_told_with_its_cause(breaking) -> None:  # noqa: ANN001
    recorder, proxy = breaking

    def half(request: Request) -> bytes:
        request.connection.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        request.connection.close()
        return b""

    response, line = provoke(recorder, proxy, half, "GET / HTTP/1.1\nHost: a\n\n")
    assert response.status == 502 and "Content-Le" in value_of(line, "seen"), line


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_was_seen_cannot_forge_a_line(make_recorder, make_sheaf, log_format: str) -> None:
    nasty = b'HTTP/1.1 \x1b[31m"x\\" cause=none level=error\x00\x9b ' + b"y" * 8000 + b"\r\nContent-Length: 2\r\n\r\nok"
    recorder: Recorder = make_recorder(lambda _: nasty)
    conf: Conf = {"log": {"format": log_format}, "pool": {"min_size": 0, "health_check_interval": "0s"}}
    proxy = make_sheaf(recorder.url, conf)
    assert get(proxy.port).status == 502
    line = wait_until(
        lambda: [one for one in proxy.log().splitlines() if "31m" in one and "warning" in one], 2, "what was seen"
    )[0]
    raw = proxy.log_file.read_bytes()
    assert all(byte == 0x0A or 0x20 <= byte < 0x7F for byte in raw), "a control or a high byte stands in the log"
    assert len(line) <= 3000, f"{len(line)} characters"
    if log_format == "json":
        told = json.loads(line)
        assert told["level"] == "warning" and told["cause"] and "31m" in told["seen"]
    else:
        plain = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
        assert len(re.findall(r"\bcause=", plain)) == 1 and "level=error" not in plain, line


def test_sound_answers_are_not_told(breaking) -> None:  # noqa: ANN001
    recorder, proxy = breaking
    recorder.script = lambda request: upgrade_answer(request) if "ws" in request.target else OK
    for _ in range(5):
        assert get(proxy.port).status == 200
    with RawClient(proxy.port) as client:
        assert client.request(upgrade("/ws")).status == 101
    recorder.script = lambda _: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with RawClient(proxy.port) as client:
        assert client.request(upgrade("/ws")).status == 403, "a refusal is no broken answer"
    assert warnings(proxy) == []

