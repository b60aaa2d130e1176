"""The dashboard asks for admin.token once, keeps it for its tab, and never writes it into an address."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.backend import Backend
from harness.dashboard import Dashboard, open_dashboard
from harness.ports import wait_until

TOKEN = "correct-horse+/?&#"
OPEN = "document.getElementById('token').open"


@pytest.fixture
def dashboard(make_sheaf, backend: Backend, tmp_path: Path):
    """Of a Sheaf with a token, at the moment at which it asks for it."""
    with open_dashboard(make_sheaf(backend.url, {"admin": {"token": TOKEN}}, ready="/readyz"), tmp_path) as opened:
        wait_until(lambda: opened.json(OPEN), 20, "the token is asked for")
        yield opened


def enter(dashboard: Dashboard, token: str) -> None:
    """By the keyboard, as a person does."""
    wait_until(lambda: dashboard.json("document.activeElement.id") == "token-input", 10, "the field has the focus")
    dashboard.type(token)
    dashboard.press("Enter")


def test_token_is_asked_for_once(dashboard: Dashboard) -> None:
    assert dashboard.text("#token-error") == ""
    assert dashboard.text("#verdict") == "Not known: Sheaf asks for the token."
    enter(dashboard, TOKEN)
    dashboard.wait_until_live()
    assert not dashboard.json(OPEN)
    assert dashboard.json("document.getElementById('token-button').hidden")
    dashboard.page.command("Page.reload")
    wait_until(lambda: dashboard.json("document.readyState") == "complete", 10, "the page is loaded anew")
    dashboard.wait_until_live()
    assert not dashboard.json(OPEN)


def test_wrong_token_is_asked_for_again_with_the_reason(dashboard: Dashboard) -> None:
    for wrong in ("wrong", TOKEN + "x"):
        enter(dashboard, wrong)
        wait_until(lambda: dashboard.text("#token-error"), 20, "the dialogue says that it was refused")
        assert dashboard.text("#token-error").startswith("This token was refused: admin.token ")
        assert dashboard.json("Object.keys(sessionStorage)") == []
    enter(dashboard, TOKEN)
    dashboard.wait_until_live()


def test_token_is_in_no_address_and_in_no_lasting_place(dashboard: Dashboard) -> None:
    enter(dashboard, TOKEN)
    dashboard.wait_until_live()
    places = dashboard.witness("requests") + [dashboard.json("location.href"), dashboard.json("document.cookie")]
    assert len(places) > 10
    assert not any("correct" in place for place in places)
    assert dashboard.json("Object.values(localStorage)") == []
    assert dashboard.json("Object.values(sessionStorage)") == [TOKEN]
    assert "correct" not in str(dashboard.json("document.documentElement.outerHTML"))
    assert dashboard.json("document.getElementById('token-input').value") == ""


def test_whoever_puts_it_off_has_a_button_and_sheaf_is_left_alone(dashboard: Dashboard) -> None:
    dashboard.press("Escape")
    wait_until(lambda: not dashboard.json(OPEN), 10, "the dialogue is closed")
    assert not dashboard.json("document.getElementById('token-button').hidden")
    dashboard.json("document.getElementById('token-button').click()")
    assert dashboard.json(OPEN)
    enter(dashboard, TOKEN)
    dashboard.wait_until_live()


def test_token_that_has_changed_meanwhile_is_asked_for_again(make_reloadable, backend: Backend, tmp_path: Path) -> None:
    sheaf = make_reloadable(backend.url)
    with open_dashboard(sheaf, tmp_path) as dashboard:
        wait_until(lambda: dashboard.json(OPEN), 20, "the token is asked for")
        enter(dashboard, sheaf.token)
        dashboard.wait_until_live()
        sheaf.reload({"admin": {"token": "another"}})
        wait_until(lambda: dashboard.json(OPEN), 20, "the new one is asked for")
        assert dashboard.text("#banner").startswith("Sheaf asks for the token: ")
        enter(dashboard, "another")
        dashboard.wait_until_live()


def test_late_refusal_of_an_older_token_leaves_the_new_one_alone(dashboard: Dashboard) -> None:
    enter(dashboard, TOKEN)
    dashboard.wait_until_live()
    late = "import('./dashboard/token.js').then(({Token}) => new Token(() => {}).ask('late', 'an older one'))"
    dashboard.json(late)
    assert not dashboard.json(OPEN)
    assert dashboard.json("Object.values(sessionStorage)") == [TOKEN]
