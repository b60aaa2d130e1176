"""The path of mux links is between Sheaf and the backend: no client reaches it, in whatever form it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.frames import upgrade
from harness.raw import RawClient, get
from harness.recorder import OK, Recorder, Request
from harness.sheaf import Conf, Sheaf

MODES: dict[str, Conf] = {"tunnel": {}, "mux": {"mode": "mux", "token": "0123456789abcdef"}}


@pytest.fixture(scope="module", params=MODES)
def proxy(request: pytest.FixtureRequest, folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    """A proxy in front of the recorder, with a route of its own for what is below the path's first segment."""
    conf: Conf = {"upstream": MODES[request.param], "pool": {"min_size": 0, "health_check_interval": "0s"}}
    running = Sheaf(folder, recorder.url, conf, routes=[{"path": "/.sheaf"}])
    yield running
    running.stop()


def of_clients(recorder: Recorder) -> list[Request]:
    """What came by way of Sheaf; its own attempts to open a link are none of it."""
    return [request for request in recorder.requests if request.get("X-Forwarded-For")]


@pytest.mark.parametrize(
    "target",
    [
        "/.sheaf/mux",
        "/.sheaf/mux?a=b",
        "//.sheaf/mux",
        "/.sheaf//mux",
        "/%2esheaf/%6dux",
        "/.sheaf%2Fmux",
        "/%2F.sheaf/mux",
        "/x/../.sheaf/./mux",
        "/x/%2e%2e%2f.sheaf/mux",
        "http://test.example/.sheaf/mux",
        "/a/.sheaf/mux",
        "/a/b%2F.sheaf%2fmux",
    ],
)
def test_clients_are_refused(proxy: Sheaf, recorder: Recorder, target: str) -> None:
    before = len(of_clients(recorder))
    refused = proxy.metric("sheaf_refusals_total", reason="reserved_path")
    with RawClient(proxy.port) as client:
        answer = client.request(f"GET {target} HTTP/1.1\nHost: test.example\nAuthorization: Bearer 0123456789abcdef\n\n")
        assert answer.status == 404
    with RawClient(proxy.port) as client:
        assert client.request(upgrade(target)).status == 404
    assert len(of_clients(recorder)) == before
    assert proxy.metric("sheaf_refusals_total", reason="reserved_path") == refused + 2
    assert proxy.wait_for_log("reserved_path")


@pytest.mark.parametrize("target", ["/.sheaf", "/.sheaf/muxer", "/.sheaf/mux/x", "/a/.sheafs/mux", "/sheaf/mux", "/?/.sheaf/mux"])
def test_others_are_the_backends(proxy: Sheaf, recorder: Recorder, target: str) -> None:
    """The twin."""
    recorder.script = lambda _: OK
    assert get(proxy.port, target).status == 200
    assert recorder.latest.target == target
