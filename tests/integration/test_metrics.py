"""Issue item 4: what a scraper gets, in both formats, and what is counted by route and by code."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus
from prometheus_client.samples import Sample

from harness.backend import Backend
from harness.frames import CLOSE, TEXT, RawWebSocket, close_frame
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.recorder import OK, Recorder, Request, upgrade_answer
from harness.sheaf import Sheaf

# What Prometheus 3 sends.
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
ROUTES = [{"path": "/page", "critical": [{"event": "alert"}]}, {"path": "/ws"}]


@pytest.fixture(name="used", scope="module")
def _used(folder: Path, backend: Backend) -> Iterator[Sheaf]:
    """A proxy with routes that has had a request, a refusal and a session."""
    running = Sheaf(folder, backend.url, {}, ROUTES)
    get(running.port, "/page")
    get(running.port, "/%00")
    with RawWebSocket(running.port) as socket:
        socket.send_frame(TEXT, b"hello")
        socket.read_message()
    yield running
    running.stop()


def scrape(proxy: Sheaf, accept: str | None) -> tuple[str, str]:
    """Content-Type and text of /metrics, asked for with this value of Accept (None: without the field)."""
    field = "" if accept is None else f"Accept: {accept}\n"
    with RawClient(proxy.admin_port) as client:
        response = client.request(f"GET /metrics HTTP/1.1\nHost: 127.0.0.1\n{field}Connection: close\n\n")
    assert response.status == 200 and response.get("vary") == "Accept"
    return response.get("content-type") or "", response.body.decode()


@pytest.mark.parametrize("accept", [None, "*/*", "text/plain", "application/openmetrics-text;q=0.1, text/plain"])
def test_scraper_that_does_not_ask_gets_prometheus_text(used: Sheaf, accept: str | None) -> None:
    content_type, text = scrape(used, accept)
    assert content_type == "text/plain; version=0.0.4; charset=utf-8" and "# EOF" not in text


@pytest.mark.parametrize("accept", [PROMETHEUS, "application/openmetrics-text"])
def test_scraper_that_prefers_openmetrics_gets_it(used: Sheaf, accept: str) -> None:
    content_type, text = scrape(used, accept)
    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text.endswith("\n# EOF\n")


def test_metrics_satisfy_promtool(used: Sheaf) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not installed: run tests/install.sh"
    done = subprocess.run(
        [promtool, "check", "metrics"], input=scrape(used, None)[1], text=True, capture_output=True, timeout=20, check=False
    )
    assert done.returncode == 0 and done.stdout + done.stderr == "", done.stdout + done.stderr


def samples(families: Iterator[Metric]) -> dict[tuple[str, tuple[tuple[str, object], ...]], float]:
    """Value by name and labels; bounds of buckets as numbers, since the formats spell them in different ways."""

    def labels(sample: Sample) -> tuple[tuple[str, object], ...]:
        return tuple(sorted((key, float(value) if key == "le" else value) for key, value in sample.labels.items()))

    return {(sample.name, labels(sample)): sample.value for family in families for sample in family.samples}


def test_openmetrics_parser_takes_all_and_finds_what_prometheus_text_has(used: Sheaf) -> None:
    open_metrics = samples(parse_openmetrics(scrape(used, PROMETHEUS)[1]))
    prometheus = samples(parse_prometheus(scrape(used, None)[1]))
    assert open_metrics.keys() == prometheus.keys() and len(open_metrics) > 400
    changing = re.compile(r"process_|sheaf_(loop_turns|memory_)")
    for key, value in open_metrics.items():
        assert changing.match(key[0]) or value == prometheus[key], key


def test_every_family_has_help_and_type_and_no_bound_is_a_rounding(used: Sheaf) -> None:
    for family in parse_openmetrics(scrape(used, PROMETHEUS)[1]):
        assert family.documentation and family.type in ("counter", "gauge", "histogram", "info"), family.name
    bounds = set(re.findall(r'le="([^"]+)"', scrape(used, None)[1]))
    assert "0.075" in bounds and max(map(len, bounds)) <= len("0.00025"), bounds


def test_build_info_names_version_and_commit(used: Sheaf) -> None:
    (family,) = [one for one in parse_openmetrics(scrape(used, PROMETHEUS)[1]) if one.name == "sheaf_build"]
    (sample,) = family.samples
    assert (family.type, sample.name, sample.value) == ("info", "sheaf_build_info", 1)
    assert re.fullmatch(r"\d+\.\d+\.\d+", sample.labels["version"])
    assert re.fullmatch(r"[0-9a-f]{7,}(-dirty)?|unknown", sample.labels["commit"])


def statuses(proxy: Sheaf, route: str) -> list[float]:
    """Requests of a route, by class of the status from 1xx to 5xx."""
    return [proxy.metric("sheaf_http_requests_total", route=route, status=f"{hundred}xx") for hundred in range(1, 6)]


def timed(proxy: Sheaf, route: str) -> float:
    """How many requests of a route were timed."""
    return proxy.metric("sheaf_http_request_duration_seconds_count", route=route)


def test_requests_are_counted_by_route_and_status(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {}, [{"path": "/status"}, {"path": "/ws"}])
    for path in ("/page", "/page", "/status/404", "/status/500", "/status/204"):
        get(proxy.port, path)
    assert statuses(proxy, "/") == [0, 2, 0, 0, 0]
    assert statuses(proxy, "/status") == [0, 1, 0, 1, 1]
    with RawWebSocket(proxy.port):
        assert statuses(proxy, "/ws") == [1, 0, 0, 0, 0]
    assert (timed(proxy, "/"), timed(proxy, "/status"), timed(proxy, "/ws")) == (2, 3, 1)
    assert statuses(proxy, "none") == [0, 0, 0, 0, 0]


def test_refusal_belongs_to_its_route_if_that_is_known(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"limits": {"max_body": "10"}}, [{"path": "/status"}])
    with RawClient(proxy.port) as client:  # the first request's route is not the second's
        assert client.request("GET /status/204 HTTP/1.1\nHost: a\n\n").status == 204
        assert client.request("GET /\x7f HTTP/1.1\nHost: a\n\n").status == 400
    assert (statuses(proxy, "/status"), statuses(proxy, "none")) == ([0, 1, 0, 0, 0], [0, 0, 0, 1, 0])
    with RawClient(proxy.port) as client:
        assert client.request("POST /status/204 HTTP/1.1\nHost: a\nContent-Length: 11\n\n").status == 413
    assert (statuses(proxy, "/status"), timed(proxy, "/status")) == ([0, 1, 0, 1, 0], 1)


def test_backend_that_does_not_answer_is_a_5xx_of_the_route(make_sheaf, make_recorder) -> None:
    def hang_up(request: Request) -> None:
        request.connection.close()

    proxy = make_sheaf(make_recorder(hang_up).url, {}, [{"path": "/api"}])
    assert get(proxy.port, "/api/x").status == 502
    assert (statuses(proxy, "/api"), timed(proxy, "/api")) == ([0, 0, 0, 0, 1], 1)


def test_request_is_as_long_as_its_answer(make_sheaf, make_recorder) -> None:
    def slow(_: Request) -> bytes:
        time.sleep(0.3)
        return OK

    proxy = make_sheaf(make_recorder(slow).url, {"workers": 1})
    assert get(proxy.port, "/").status == 200
    took = proxy.metric("sheaf_http_request_duration_seconds_sum", route="/")
    assert 0.29 < took < 2
    assert proxy.metric("sheaf_http_request_duration_seconds_bucket", route="/", le="0.25") == 0
    assert proxy.metric("sheaf_http_request_duration_seconds_bucket", route="/", le="2.5") == 1


def ends(proxy: Sheaf, **labels: str) -> float:
    """Sessions that ended with this code, by this one."""
    return proxy.metric("sheaf_websocket_close_codes_total", **labels)


def test_sessions_ends_are_counted_by_code_and_by_who_ended_them(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, {"workers": 1, "limits": {"max_message": "1KiB"}})

    def ended(count: int) -> None:
        wait_until(lambda: proxy.metric("sheaf_websocket_session_duration_seconds_count") == count, 5, "it is over")

    with RawWebSocket(proxy.port) as socket:
        socket.send_frame(CLOSE, (4001).to_bytes(2, "big"))
        recorder.open_connections[-1].send(close_frame(4001, masked=False))
        ended(1)
    with RawWebSocket(proxy.port) as socket:
        recorder.open_connections[-1].send(close_frame(1001, masked=False))
        assert socket.read_close().code == 1001
        socket.send_frame(CLOSE, (1001).to_bytes(2, "big"))
        ended(2)
    with RawWebSocket(proxy.port):
        pass  # without a Close
    ended(3)
    with RawWebSocket(proxy.port) as socket:
        socket.send_frame(TEXT, b"a" * 1025)
        assert socket.read_close().code == 1009
        ended(4)
    assert ends(proxy, code="4xxx", by="client") == 1
    assert ends(proxy, code="1001", by="upstream") == 1
    assert ends(proxy, code="none", by="client") == 1
    assert ends(proxy, code="1009", by="sheaf") == 1
    assert ends(proxy) == 4 == proxy.metric("sheaf_websocket_closes_total")


def test_session_is_as_long_as_it_was_open(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    with RawWebSocket(proxy.port) as socket:
        before = proxy.stats()["uptime_seconds"]
        wait_until(lambda: proxy.stats()["uptime_seconds"] > before + 1.1, 5, "it has been open for a second")
        socket.check_echo(b"still here")
        assert proxy.metric("sheaf_websocket_session_duration_seconds_count") == 0, "it is not over"
    wait_until(lambda: proxy.metric("sheaf_websocket_session_duration_seconds_count") == 1, 3, "it is over")
    assert 1.1 < proxy.metric("sheaf_websocket_session_duration_seconds_sum") < 5
    assert proxy.metric("sheaf_websocket_session_duration_seconds_bucket", le="1") == 0
    assert proxy.metric("sheaf_websocket_session_duration_seconds_bucket", le="10") == 1
