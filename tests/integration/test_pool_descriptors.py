"""Issue 10, item 10: a dial for which there is no descriptor is the proxy's own shortage, not the backend's fault."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator

import pytest

from harness.backend import Backend
from harness.frames import TEXT, RawWebSocket, upgrade
from harness.ports import free_port, wait_until
from harness.raw import RawClient
from harness.recorder import Recorder, upgrade_answer
from harness.sheaf import Conf, Sheaf, checks_types_at_run_time

pytestmark = pytest.mark.skipif(checks_types_at_run_time(), reason="UBSan itself needs descriptors, and reports that")

CLOSING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
GET = "GET / HTTP/1.1\nHost: a\n\n"
# A back-off, were there one, would outlast the test; no link is kept, so that each request dials.
CONF: Conf = {
    "workers": 1,
    "pool": {
        "min_size": 0,
        "health_check_interval": "0s",
        "backoff_min": "20s",
        "backoff_max": "20s",
        "acquire_timeout": "200ms",
    },
}


def settled_descriptors(pid: int) -> set[int]:
    """Those in use, once none has come or gone for a while: one that is given back later would be one left."""
    seen: list[set[int]] = []

    def settled() -> bool:
        seen.append({int(name) for name in os.listdir(f"/proc/{pid}/fd")})
        return len(seen) > 10 and all(one == seen[-1] for one in seen[-10:])

    wait_until(settled, 5, "the descriptors in use settle")
    return seen[-1]


@contextlib.contextmanager
def no_descriptor_left(proxy: Sheaf) -> Iterator[None]:
    """Meanwhile nothing that needs a new descriptor succeeds in the proxy."""
    pid = proxy.process.pid
    taken = settled_descriptors(pid)
    free = next(number for number in range(len(taken) + 1) if number not in taken)
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@pytest.fixture
def recorder(make_recorder) -> Recorder:  # noqa: ANN001
    return make_recorder(lambda request: upgrade_answer(request) if "ws" in request.target else CLOSING, at_head=True)


def connected(proxy: Sheaf) -> RawClient:
    """A client whose connection has been accepted and used."""
    client = RawClient(proxy.port)
    assert client.request(GET).status == 200
    return client


def settled(proxy: Sheaf, recorder: Recorder) -> None:
    """No link stands, so the next request dials."""
    wait_until(lambda: recorder.open_connections == [], 3, "the links are over")
    wait_until(lambda: proxy.metric("sheaf_pool_links", state="idle") == 0, 3, "no link is idle")


def shortage_lines(proxy: Sheaf) -> list[str]:
    return [line for line in proxy.log_lines("descriptor") if " warning " in line or " error " in line]


def test_dial_without_a_descriptor_is_told_as_our_own_shortage(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url, CONF)
    with connected(proxy) as client:
        settled(proxy, recorder)
        failed = proxy.metric("sheaf_pool_failed_total")
        with no_descriptor_left(proxy):
            response = client.request(GET)
        assert response.status == 503 and int(response.get("retry-after") or "") >= 1
        assert b"no connection to the backend" not in response.body, response.body
    wait_until(lambda: shortage_lines(proxy), 2, f"a warning about descriptors in:\n{proxy.log()}")
    assert proxy.metric("sheaf_refusals_total", reason="upstream_refused") == 0
    assert proxy.metric("sheaf_refusals_total", reason="out_of_descriptors") == 1
    assert proxy.log_lines("upstream_refused") == [] and proxy.log_lines("no connection to the backend") == []
    assert proxy.metric("sheaf_pool_failed_total") == failed, "counted as a failure to connect"


def test_dial_without_a_descriptor_causes_no_back_off(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url, CONF)
    with connected(proxy) as client:
        settled(proxy, recorder)
        with no_descriptor_left(proxy):
            assert [client.request(GET).status for _ in range(5)] == [503] * 5
        began = time.monotonic()
        assert client.request(GET).status == 200, "descriptors are free again, and the request is refused"
        assert time.monotonic() - began < 2
    assert proxy.admin("/readyz")[0] == 200 and proxy.metric("sheaf_upstream_up") == 1


def test_websocket_for_which_there_is_no_descriptor_is_refused_in_the_same_way(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url, CONF)
    with connected(proxy) as client:
        settled(proxy, recorder)
        with no_descriptor_left(proxy):
            assert client.request(upgrade("/ws")).status == 503
    assert proxy.metric("sheaf_refusals_total", reason="out_of_descriptors") == 1
    with RawWebSocket(proxy.port, "/ws"):
        pass


def test_shortage_of_descriptors_is_told_once_and_not_at_every_request(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url, CONF)
    with connected(proxy) as client:
        settled(proxy, recorder)
        with no_descriptor_left(proxy):
            for _ in range(20):
                assert client.request(GET).status == 503
        assert client.request(GET).status == 200
    told = [line for line in shortage_lines(proxy) if "reject=" not in line]
    assert 1 <= len(told) <= 2, f"{len(told)} lines about one shortage"


def test_sessions_go_on_while_dials_find_no_descriptor(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, CONF)
    with RawWebSocket(proxy.port) as session, RawClient(proxy.port) as client:
        session.send_frame(TEXT, b"before")
        assert session.read_message() == (TEXT, b"before")
        with no_descriptor_left(proxy):
            assert client.request(upgrade("/ws/echo")).status == 503
            session.send_frame(TEXT, b"meanwhile")
            assert session.read_message() == (TEXT, b"meanwhile")


def test_backend_that_refuses_is_still_told_as_one_that_refuses(make_sheaf) -> None:
    """The twin: with descriptors at hand a failed dial is the backend's."""
    proxy = make_sheaf(f"http://127.0.0.1:{free_port()}", CONF, ready="/livez")
    with RawClient(proxy.port) as client:
        assert client.request(GET).status == 503
    assert proxy.metric("sheaf_refusals_total", reason="upstream_refused") == 1
    assert shortage_lines(proxy) == []
