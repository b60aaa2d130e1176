"""The dashboard's panel of single connections: the API's rows as text, asked for by who has the token and looks at it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backend import Backend
from harness.dashboard import Dashboard, open_dashboard
from harness.frames import RawWebSocket
from harness.ports import wait_until
from harness.sheaf import Sheaf

TOKEN = "correct-horse"
MARKUP = "<img src=x onerror=witness.errors.push(1)>"
CONF = {"admin": {"token": TOKEN}, "forwarded": {"trusted_proxies": ["127.0.0.1"]}}


class Guarded(Sheaf):
    """Its API asks for TOKEN."""

    def admin(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, str]:
        return super().admin(path, method, {"Authorization": f"Bearer {TOKEN}", **(headers or {})})


@pytest.fixture
def dashboard(folder: Path, backend: Backend, tmp_path: Path) -> Iterator[Dashboard]:
    """Of a Sheaf that believes X-User-ID, with the panel in sight."""
    sheaf = Guarded(folder, backend.url, CONF)
    with open_dashboard(sheaf, tmp_path, TOKEN) as opened:
        opened.page.resize(1440, 900)
        opened.wait_until_live()
        opened.json("document.getElementById('connections').scrollIntoView()")
        yield opened
    sheaf.stop()


def listed(sheaf: Sheaf, query: str = "") -> list[dict[str, Any]]:
    """What the API says."""
    status, body = sheaf.admin(f"/connections?{query}")
    assert status == 200, body
    return list(json.loads(body)["connections"])


def ids(dashboard: Dashboard) -> list[str]:
    """Of the sessions that the panel shows, from the top."""
    return [row["id"] for row in dashboard.rows("connections")]


def test_rows_are_those_of_the_api(dashboard: Dashboard) -> None:
    users = ["ann", "bob", ""]
    clients = [RawWebSocket(dashboard.sheaf.port, "/ws/echo", f"X-User-ID: {user}\n" if user else "") for user in users]
    wait_until(lambda: len(ids(dashboard)) == len(users), 20, "all are shown")
    shown = {row["id"]: row for row in dashboard.rows("connections")}
    for row in listed(dashboard.sheaf):
        cells = shown[row["id"]]
        assert (cells["user"], cells["path"], cells["client"], cells["state"]) == (
            row["user"] or "–", row["path"], row["client"], row["state"])  # fmt: skip
        assert cells["endpoint"] == f"{row['backend']} {row['endpoint']}"
        assert cells["delivery"] == f"{row['delivery']}, {row['compression']}"
        assert cells["bytes"] == dashboard.formatted("bytes", row["bytes_out"])
    assert dashboard.text("#connections .note").startswith("3 of 3.")
    for client in clients:
        client.close()
    wait_until(lambda: dashboard.text("#connections tbody") == "Nobody is connected.", 20, "all have left")


def test_headings_sort_as_the_api_does(dashboard: Dashboard) -> None:
    clients = [RawWebSocket(dashboard.sheaf.port) for _ in range(4)]
    for number, client in enumerate(clients):
        client.send_frame(1, b"x" * 2000 * (3 * number % 4 + 1))
        client.read_message()
    for title in ("bytes", "idle"):
        button = f"[...document.querySelectorAll('#connections th button')].find((one) => one.textContent === '{title}')"
        for order in ("desc", "asc"):
            dashboard.json(f"{button}.click()")
            query = f"sort={title}&order={order}"
            wait_until(lambda: ids(dashboard) == [row["id"] for row in listed(dashboard.sheaf, query)], 20, query)
    assert len({row["bytes_out"] for row in listed(dashboard.sheaf)}) == 4
    dashboard.json("[...document.querySelectorAll('#connections th button')].find((one) => one.textContent === 'rate').click()")
    wait_until(lambda: all(row["rate"].endswith("/s") for row in dashboard.rows("connections")), 20, "rates are shown")
    for client in clients:
        client.close()


def test_what_clients_send_is_shown_as_text(dashboard: Dashboard) -> None:
    path = "/ws/echo?" + "x='\"`%3Cimg%20src=x%20onerror=alert(1)%3E"
    with RawWebSocket(dashboard.sheaf.port, path, f"X-User-ID: {MARKUP}\n"):
        wait_until(lambda: len(ids(dashboard)) == 1, 20, "the client is shown")
        row = dashboard.rows("connections")[0]
        assert row["user"] == MARKUP
        assert row["path"] == listed(dashboard.sheaf)[0]["path"]
    assert dashboard.json("document.querySelectorAll('#connections img').length") == 0
    assert dashboard.witness("errors") == []
    assert dashboard.witness("violations") == []


def test_panel_that_is_not_in_sight_asks_nothing(dashboard: Dashboard) -> None:
    def asked() -> int:
        return sum("/connections?" in address for address in dashboard.witness("requests"))

    wait_until(lambda: asked() > 0, 20, "it asks while it is in sight")
    dashboard.page.resize(1440, 300)
    dashboard.json("document.getElementById('state').scrollIntoView()")
    dashboard.json("new Promise((done) => setTimeout(done, 1500))")
    before, figures = asked(), len(dashboard.witness("requests"))
    wait_until(lambda: len(dashboard.witness("requests")) > figures + 10, 30, "the rest of the page goes on")
    assert asked() == before
    dashboard.json("document.getElementById('connections').scrollIntoView()")
    wait_until(lambda: asked() > before, 20, "it asks again")


def test_without_a_token_the_panel_says_the_remedy(make_sheaf, backend: Backend, tmp_path: Path) -> None:
    sheaf = make_sheaf(backend.url)
    with open_dashboard(sheaf, tmp_path) as dashboard:
        dashboard.page.resize(1440, 3000)
        status, body = sheaf.admin("/connections")
        assert status == 403
        remedy = json.loads(body)["message"]
        assert "admin.token" in remedy
        wait_until(lambda: dashboard.text("#connections .note") == f"{remedy}.", 20, "the panel says what to do")
        assert not dashboard.json("document.getElementById('token').open")
        assert dashboard.text("#link") == "live"
