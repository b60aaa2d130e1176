"""The dashboard in a real browser shows what the API says, at rest, under traffic, and when Sheaf is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.dashboard import FIGURES, TROUBLES, Dashboard, open_dashboard, readers
from harness.frames import CLOSE, RawWebSocket
from harness.guarded import TOKEN
from harness.ports import wait_until
from harness.troubles import TROUBLES as MAKERS

CLIENTS = 4


@pytest.fixture
def dashboard(make_sheaf, backend: Backend, tmp_path: Path):
    """Of a Sheaf of the test's own, in front of the demo backend."""
    with open_dashboard(make_sheaf(backend.url), tmp_path) as opened:
        opened.wait_until_live()
        yield opened


def verdict(dashboard: Dashboard) -> str:
    return dashboard.text("#verdict")


def test_charts_tell_the_newest_sample(dashboard: Dashboard) -> None:
    kinds = {"active_sessions": "count", "active_connections": "count", "messages_to_clients_per_second": "rate",
             "avg_batch_size": "short", "percent": "percent"}  # fmt: skip

    def differing(field: str) -> bool:
        return dashboard.figure(field) != dashboard.formatted(kinds[field], dashboard.newest_sample()[field])

    with readers(dashboard.sheaf, CLIENTS):
        wait_until(lambda: dashboard.figure("active_sessions") == str(CLIENTS), 20, "all clients are shown")
        assert float(dashboard.figure("messages_to_clients_per_second").removesuffix("/s")) > CLIENTS
        for field in kinds:
            wait_until(lambda field=field: not differing(field), 30, f"{field} is what the API says")
    wait_until(lambda: dashboard.figure("active_sessions") == "0", 20, "all clients have left")


def test_each_chart_says_in_words_what_it_shows(dashboard: Dashboard) -> None:
    with readers(dashboard.sheaf, CLIENTS):
        label = "document.querySelector('#chart-sessions [role=img]').getAttribute('aria-label')"
        said = f"Connections, now: clients {CLIENTS}, to the backend {CLIENTS}. Range: clients 0 to {CLIENTS}, "
        wait_until(lambda: str(dashboard.json(label)).startswith(said), 20, "the label says what the chart shows")
    canvases = "[...document.querySelectorAll('#charts canvas')].filter(({width}) => width > 100).length"
    assert dashboard.json(canvases) == dashboard.json("document.querySelectorAll('#charts figure').length") >= 8


def test_page_begins_with_the_past_that_sheaf_has_kept(make_sheaf, backend: Backend, tmp_path: Path) -> None:
    sheaf = make_sheaf(backend.url)
    before = f"{FIGURES}/metrics"

    def peak() -> int:
        return max(sample["active_sessions"] for sample in json.loads(sheaf.admin(before)[1])["metrics"])

    with readers(sheaf, CLIENTS):
        wait_until(lambda: peak() == CLIENTS, 10, "the history has the clients")
    wait_until(lambda: sheaf.stats()["sessions"]["active_sessions"] == 0, 10, "they have left")
    with open_dashboard(sheaf, tmp_path) as dashboard:
        wait_until(lambda: f"clients 0 to {CLIENTS}" in dashboard.text("#chart-sessions .range"), 20, "the chart has the past")
        wait_until(lambda: dashboard.figure("active_sessions") == "0", 20, "the chart has the present")


def test_ended_sessions_are_told_by_reason(dashboard: Dashboard) -> None:
    sheaf = dashboard.sheaf
    for way in (RawWebSocket.reset, lambda client: client.send_frame(CLOSE, b"\x03\xe8")):
        for _ in range(3):
            way(RawWebSocket(sheaf.port))

    def told() -> bool:
        closed = sheaf.stats()["sessions"]["closed"]
        return sum(closed.values()) == 6 and {row["reason"]: row["total"] for row in dashboard.rows("closes")} == {
            reason: str(count) for reason, count in closed.items()
        }

    wait_until(told, 20, "the table has what the API says")
    assert all(row["lately"] == row["total"] for row in dashboard.rows("closes"))
    assert "6 by the client" in dashboard.text("#closes .note")


def test_without_trouble_all_is_well(dashboard: Dashboard) -> None:
    assert verdict(dashboard) == "All is well."
    assert [dashboard.level(name) for name in TROUBLES] == ["ok"] * 4
    assert dashboard.text("title").startswith("All is well")


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_is_named(tmp_path: Path, name: str) -> None:
    with MAKERS[name](tmp_path) as sheaf, open_dashboard(sheaf, tmp_path, token=TOKEN) as dashboard:
        dashboard.wait_until_live()
        wait_until(lambda: dashboard.level(name) == "act", 30, f"{name} is to be acted on")
        title = dashboard.text(f"[data-trouble={name}] h3").lower()
        assert title in verdict(dashboard)
        assert "act" not in [dashboard.level(other) for other in TROUBLES if other != name]
        assert title in dashboard.text("title").lower()


def test_sheaf_that_is_not_ready_says_why(make_sheaf, make_backend, tmp_path: Path) -> None:
    backend: Backend = make_backend()
    sheaf = make_sheaf(backend.url, {"pool": {"health_check_interval": "100ms"}})
    with open_dashboard(sheaf, tmp_path) as dashboard:
        dashboard.wait_until_live()
        backend.kill()
        wait_until(lambda: dashboard.text("#link").startswith("not ready: "), 20, "the page says that it is not ready")
        reason = json.loads(sheaf.admin("/readyz")[1])["reason"]
        assert reason in dashboard.text("#link")
        assert "not ready for clients" in verdict(dashboard)
        assert dashboard.level("connections") == "act"
        backend.start()
        wait_until(lambda: verdict(dashboard) == "All is well." or dashboard.level("connections") != "act", 20, "it is over")


def test_figures_of_a_sheaf_that_does_not_answer_are_marked_as_old(dashboard: Dashboard) -> None:
    stale = "document.getElementById('figures').classList.contains('stale')"
    with dashboard.sheaf.suspended():
        wait_until(lambda: dashboard.json(stale), 30, "the figures are dimmed")
        assert dashboard.text("#link") == "no answer"
        assert dashboard.text("#banner").startswith("Sheaf does not answer: no answer within 8 s. What is shown is of ")
        assert verdict(dashboard) == "Not known: Sheaf does not answer."
    wait_until(lambda: not dashboard.json(stale), 30, "it answers again")
    assert dashboard.json("document.getElementById('banner').hidden")
    assert verdict(dashboard) == "All is well."
