"""docker/monitoring in front of real Sheafs, scraped by a real Prometheus: every name and label that rules and dashboard use is
there, and each of the four troubles makes the alerts fire that are its own, and no other's."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.sync.client import connect

from harness import expressions
from harness.backend import Backend
from harness.certificates import Pair
from harness.frames import RawWebSocket
from harness.guarded import GuardedSheaf
from harness.modes import APP, APP_FOLDER, MUX_CONF, mux_environment
from harness.ports import free_port, wait_until
from harness.prometheus import Prometheus
from harness.raw import get
from harness.sheaf import Conf, Sheaf
from harness.troubles import TROUBLES

# What takes a minute in all, and most of that waiting: `SHEAF_TEST_MONITORING=all`.
LONG = pytest.mark.skipif(os.environ.get("SHEAF_TEST_MONITORING") != "all", reason="SHEAF_TEST_MONITORING is not all")
RULES: Conf = {"critical": [{"event": "alert"}], "conflate": [{"event": "price_update", "key": "/symbol"}]}


@pytest.fixture(name="fleet", scope="module")
def _fleet(folder: Path, backend: Backend, certificate: Pair, client_tls: ssl.SSLContext) -> Iterator[list[Sheaf]]:
    """One with TLS, compression and rules, one whose endpoints are up, drained and down, one in mux: each has been used."""
    app = Backend(folder, app="sheaf_asgi:app", app_folder=APP_FOLDER, environment=mux_environment(APP))
    with ExitStack() as stack:
        stack.callback(app.stop)

        def start(conf: Conf, routes: list[Conf]) -> Sheaf:
            proxy = GuardedSheaf(folder, backend.url, conf, routes)
            stack.callback(proxy.stop)
            return proxy

        tls = start(
            {"listen": {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}},
            [{"path": "/ws", **RULES}],
        )
        with connect(f"wss://127.0.0.1:{tls.port}/ws/echo", ssl=client_tls, proxy=None) as client:
            client.send("hello " * 100)
            client.recv()
        down = f"http://127.0.0.1:{free_port()}"
        several = start({"upstream": {"url": None, "urls": [backend.url, down]}}, [])
        for _ in range(4):
            get(several.port, "/page")
        mux = start({**MUX_CONF, "upstream": {**MUX_CONF["upstream"], "url": app.url}}, [])
        with RawWebSocket(mux.port) as socket:
            socket.check_echo(b"over a link")
        yield [tls, several, mux]


@pytest.fixture(name="prometheus", scope="module")
def _prometheus(tmp_path_factory: pytest.TempPathFactory, fleet: list[Sheaf]) -> Iterator[Prometheus]:
    with Prometheus(tmp_path_factory.mktemp("fleet"), fleet) as running:
        recorded = [rule["record"] for rule in expressions.rules() if "record" in rule]
        wait_until(lambda: all(map(running.series, recorded)), 20, "rules have recorded")
        yield running


ALL = expressions.of_rules() + expressions.of_dashboard()


def test_every_name_and_label_value_is_there(prometheus: Prometheus) -> None:
    wanted = {selector for one in ALL for selector in expressions.selectors(one.text)} - expressions.OF_PROMETHEUS
    assert len(wanted) > 140, "too few: has the form of expressions changed?"
    assert [selector for selector in sorted(wanted) if not prometheus.series(selector)] == []


def test_every_label_is_one_of_its_metrics(prometheus: Prometheus) -> None:
    """Those that are summed by, matched by, or named in a legend or a text."""
    wrong = []
    for one in ALL:
        names = {selector.partition("{")[0] for selector in expressions.selectors(one.text)}
        known = {label for name in names - {"ALERTS"} for series in prometheus.series(name) for label in series}
        known |= {"alertname", "severity"} if "ALERTS" in names else set()
        wrong += [(one.place, label) for label in (expressions.grouped_labels(one.text) | one.labels) - known]
    # up == 0 and absent(up) have no series where all is well, which does not matter: these labels are the target's.
    assert wrong == []


def test_every_expression_comes_to_something(prometheus: Prometheus) -> None:
    """Matching of series with each other fails at run time only; with several Sheafs, and several endpoints of one."""
    for one in ALL:
        prometheus.query(one.text)
    empty = [one.place for one in expressions.of_dashboard() if not prometheus.query(one.text.replace("> 0", ">= 0"))]
    assert set(empty) <= {"Alerts that fire"}


def test_what_of_the_fleet_fires(fleet: list[Sheaf], prometheus: Prometheus) -> None:
    """The certificate of the tests, which expires in two days, an endpoint that is down, and a reload that fails until the
    file is mended: nothing else."""
    tls, several, mux = fleet
    certificate, later = ("SheafCertificateExpires", "critical"), ("SheafCertificateExpires", "warning")  # in an hour
    down, failed = ("SheafEndpointDown", "warning"), ("SheafReloadFailed", "warning")
    sound = mux.conf_file.read_text()

    def fire(*of_mux: tuple[str, str]) -> bool:
        fires = [prometheus.firing(proxy) for proxy in (tls, several, mux)]
        return [fires[0] - {later}, *fires[1:]] == [{certificate}, {down}, set(of_mux)]

    mux.conf_file.write_text("nonsense = 1\n")
    assert mux.admin("/reload", "POST")[0] == 422
    wait_until(lambda: fire(failed), 30, "these alerts fire")
    mux.conf_file.write_text(sound)
    assert mux.admin("/reload", "POST")[0] == 200
    wait_until(fire, 30, "that of the reload ends")


# ---- the four troubles, brought about by real clients

# What fires for each; of other troubles than its own only what comes of it.
ALERTS_OF = {
    "pool": {("SheafPoolExhausted", "critical"), ("SheafPoolNearlyExhausted", "warning"), ("SheafPoolWaiting", "warning")},
    "memory": {("SheafMemoryHigh", "critical")},
    "latency": {("SheafBatchDelayHigh", "critical"), ("SheafBatchDelayHigh", "warning")},
    "connections": {("SheafConnectionsBreak", "critical"), ("SheafConnectionsBreak", "warning")},
}


def troubles_of(alerts: set[tuple[str, str]]) -> set[str]:
    """The label `trouble` of these alerts."""
    by_name = {rule["alert"]: rule["labels"].get("trouble") for rule in expressions.rules() if "alert" in rule}
    return {trouble for name, _ in alerts if (trouble := by_name[name])}


@pytest.mark.parametrize("name", ["pool", "memory", *(pytest.param(name, marks=LONG) for name in ("latency", "connections"))])
def test_trouble_fires_its_alerts(tmp_path: Path, name: str) -> None:
    with TROUBLES[name](tmp_path) as proxy, Prometheus(tmp_path, [proxy]) as prometheus:
        wait_until(lambda: prometheus.firing(proxy) >= ALERTS_OF[name], 90, f"{ALERTS_OF[name]} fire")
        fires = prometheus.firing(proxy)
        # Where the machine is short of CPU, all is late besides.
        assert troubles_of(fires) <= {name, "latency"}


@LONG
def test_backend_that_goes_and_a_drain_that_is_forgotten_fire(tmp_path: Path, make_backend: Callable[..., Backend]) -> None:
    backend = make_backend()
    proxy = GuardedSheaf(tmp_path, backend.url, {"pool": {"health_check_interval": "200ms"}})
    gone = {("SheafBackendUnreachable", "critical"), ("SheafEndpointDown", "warning"), ("SheafNotReady", "critical")}
    with Prometheus(tmp_path, [proxy]) as prometheus:
        backend.kill()
        wait_until(lambda: prometheus.firing(proxy) >= gone, 30, f"{gone} fire")
        backend.start()
        wait_until(lambda: not prometheus.firing(proxy) & gone, 30, "they end")
        assert proxy.admin("/drain", "POST")[0] in (200, 202)
        wait_until(lambda: ("SheafDrainStuck", "warning") in prometheus.firing(proxy), 40, "a drain that nobody ends fires")
        assert ("SheafNotReady", "critical") not in prometheus.firing(proxy)
    proxy.stop()
