"""docker/compose.yaml, its services as processes: a client through Sheaf, and Prometheus looking at it. No container engine
runs here; Grafana is no Debian package, and of it check_compose.py looks at the files."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from harness.compose import Composed
from harness.ports import wait_until

APPLICATIONS = 4


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    running = Composed(tmp_path_factory.mktemp("compose"))
    try:
        running.start_all()
        yield running
    finally:
        for process in running.processes.values():
            process.kill()
            process.wait()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def prometheus(composed: Composed, path: str) -> Any:
    """The data of an answer of Prometheus' API; None before it serves."""
    try:
        return get(f"http://127.0.0.1:{composed.prometheus_port}/api/v1/{path}")["data"]
    except (urllib.error.URLError, ConnectionError):
        return None


def value(composed: Composed, query: str) -> float | None:
    """The sum of what Prometheus has of it now."""
    found = prometheus(composed, "query?" + urllib.parse.urlencode({"query": f"sum({query})"}))
    return float(found["result"][0]["value"][1]) if found and found["result"] else None


def test_a_client_is_served_by_all_processes_through_sheaf(composed: Composed) -> None:
    served = {get(f"http://127.0.0.1:{composed.port}/api/quotes/acme")["process"] for _ in range(40)}
    assert served == {composed.processes[f"app{number + 1}"].pid for number in range(APPLICATIONS)}
    with connect(f"ws://127.0.0.1:{composed.port}/ws/echo") as client:
        client.send("through Sheaf")
        assert client.recv(timeout=5) == "through Sheaf"


def test_a_feed_is_of_one_process(composed: Composed) -> None:
    places = [get(f"http://127.0.0.1:{composed.port}/api/feed/place?feed=name") for _ in range(8)]
    assert [place["processes"] for place in places] == [APPLICATIONS] * 8
    assert len({place["process"] for place in places}) == 1


def test_sheaf_tells_nothing_without_the_token(composed: Composed) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(f"http://127.0.0.1:{composed.admin_port}/metrics")
    assert refused.value.code == 401


def test_prometheus_gets_at_its_targets_and_sees_a_client(composed: Composed) -> None:
    def targets() -> dict[str, str]:
        data = prometheus(composed, "targets")
        return {one["labels"]["job"]: one["health"] for one in data["activeTargets"]} if data else {}

    wait_until(lambda: targets() == {"sheaf": "up", "prometheus": "up"}, 60, "both targets are up", every=0.2)
    with connect(f"ws://127.0.0.1:{composed.port}/ws/echo"):
        wait_until(lambda: value(composed, "sheaf_websocket_sessions") == 1, 60, "the session is seen", every=0.2)
    wait_until(lambda: value(composed, "sheaf_websocket_sessions") == 0, 60, "its end is seen", every=0.2)


def test_prometheus_evaluates_the_rules(composed: Composed) -> None:
    def rules() -> list[dict[str, Any]]:
        data = prometheus(composed, "rules")
        return [rule for group in data["groups"] for rule in group["rules"]] if data else []

    wait_until(lambda: rules() and all(rule["health"] != "unknown" for rule in rules()), 60, "rules are evaluated", every=0.2)
    assert {rule["name"]: rule.get("lastError", "") for rule in rules() if rule["health"] != "ok"} == {}


def test_sheaf_ends_first_and_tells_its_clients(composed: Composed) -> None:
    with connect(f"ws://127.0.0.1:{composed.port}/ws/echo") as client:
        codes = composed.stop()
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
    assert closed.value.rcvd and closed.value.rcvd.code == 1012
    # uvicorn ends itself by the signal that it was told to end by.
    assert codes == {name: -signal.SIGTERM if name.startswith("app") else 0 for name in composed.processes}
