"""The dashboard's panels of pools and events show what the API says, and charts the fields that came with them."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from harness.backend import Backend
from harness.dashboard import Dashboard, open_dashboard, readers
from harness.ports import wait_until
from harness.sheaf import Sheaf

STATES = ("connecting", "idle", "active", "stale", "broken")
CLIENTS = 4


def pools(sheaf: Sheaf) -> list[dict[str, str]]:
    """The panel's cells, as the API's answer would fill them."""
    rows: list[dict[str, Any]] = json.loads(sheaf.admin("/pools")[1])["pools"]
    return [
        {"endpoint": f"{row['backend']} {row['endpoint']}", "state": row["state"], "waiting": str(row["waiting"]),
         "sessions": str(row["sessions"]), **{state: str(row["connections"][state]) for state in STATES}}
        for row in rows
    ]  # fmt: skip


def shown_pools(dashboard: Dashboard) -> bool:
    return dashboard.rows("pools") == pools(dashboard.sheaf)


def test_pools_are_those_of_the_api(make_sheaf, make_backend, tmp_path: Path) -> None:
    first, second = make_backend(), make_backend()
    conf = {"upstream": {"url": None, "urls": [first.url, second.url]}, "pool": {"health_check_interval": "100ms"}}
    with open_dashboard(make_sheaf(None, conf), tmp_path) as dashboard:
        with readers(dashboard.sheaf, CLIENTS):
            wait_until(lambda: sum(int(row["active"]) for row in dashboard.rows("pools")) == CLIENTS, 20, "all are shown")
            wait_until(lambda: shown_pools(dashboard), 20, "the panel has what the API says")
            assert len(dashboard.rows("pools")) == 2
        second.kill()
        wait_until(lambda: [row["state"] for row in dashboard.rows("pools")].count("down") == 1, 30, "one is down")
        wait_until(lambda: shown_pools(dashboard), 20, "the panel has what the API says")


def test_events_are_those_of_the_api_the_newest_first(make_sheaf, backend: Backend, tmp_path: Path) -> None:
    sheaf = make_sheaf(backend.url)
    with open_dashboard(sheaf, tmp_path) as dashboard:

        def same() -> bool:
            events = json.loads(sheaf.admin("/events")[1])["events"]
            shown = [(row["level"], row["kind"]) for row in dashboard.rows("events")]
            return bool(shown) and shown == [(event["level"], event["kind"]) for event in reversed(events)]

        wait_until(same, 20, "the start is told")
        before = len(dashboard.rows("events"))
        sheaf.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(dashboard.rows("events")) > before and same(), 20, "the reload is told")
        assert dashboard.rows("events")[0]["kind"] == "reload"


def test_charts_of_frames_delay_bytes_and_ends_tell_the_newest_sample(make_sheaf, backend: Backend, tmp_path: Path) -> None:
    kinds = {"frames_to_clients_per_second": "rate", "delay_p50_ms": "milliseconds", "delay_p99_ms": "milliseconds",
             "payload_bytes_per_second": "byteRate", "sent_bytes_per_second": "byteRate", "queued_bytes": "bytes",
             "closed_per_second": "rate", "closed_by_error_per_second": "rate"}  # fmt: skip
    with open_dashboard(make_sheaf(backend.url), tmp_path) as dashboard, readers(dashboard.sheaf, CLIENTS):
        wait_until(lambda: dashboard.figure("frames_to_clients_per_second") not in ("", "–", "0/s"), 20, "frames are shown")

        def same(field: str) -> bool:
            return dashboard.figure(field) == dashboard.formatted(kinds[field], dashboard.newest_sample()[field])

        for field in kinds:
            wait_until(lambda field=field: same(field), 60, f"{field} is what the API says")
        assert "not told" not in dashboard.text("#charts")
