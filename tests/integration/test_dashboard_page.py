"""The dashboard as a page: what it may do, who can use it, on which screen, and what it costs while nobody looks."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.backend import Backend
from harness.dashboard import Dashboard, open_dashboard, readers
from harness.ports import wait_until
from harness.sheaf import Sheaf

PHONE, DESKTOP = (390, 844), (1440, 900)
CLIENTS = 3


@pytest.fixture(scope="module")
def dashboard(sheaf: Sheaf, tmp_path_factory: pytest.TempPathFactory):
    """Of one Sheaf with clients, for all tests of the file."""
    with readers(sheaf, CLIENTS), open_dashboard(sheaf, tmp_path_factory.mktemp("profile")) as opened:
        opened.wait_until_live()
        wait_until(lambda: opened.figure("active_sessions") == str(CLIENTS), 20, "the clients are shown")
        yield opened


def requests_of_figures(dashboard: Dashboard) -> int:
    return sum("/api/" in address for address in dashboard.witness("requests"))


def test_nothing_but_this_sheaf_is_asked_and_nothing_is_refused_by_the_policy(dashboard: Dashboard) -> None:
    seen = requests_of_figures(dashboard)
    wait_until(lambda: requests_of_figures(dashboard) > seen + 2, 20, "it goes on asking")
    ours = f"127.0.0.1:{dashboard.sheaf.admin_port}"
    assert {urlsplit(address).netloc for address in dashboard.witness("requests")} == {ours}
    assert dashboard.witness("violations") == []
    assert dashboard.witness("errors") == []


def test_policy_forbids_inline_scripts_and_other_origins(make_sheaf, backend: Backend, tmp_path: Path) -> None:
    """What shows that the test above can fail, and that the fields of the answer are obeyed."""
    with open_dashboard(make_sheaf(backend.url), tmp_path) as dashboard:
        dashboard.wait_until_live()
        dashboard.json("(() => { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"witness.errors.push(1)\">');"
                       " fetch('http://127.0.0.2:1/').catch(() => 0); })()")  # fmt: skip
        wait_until(lambda: len(dashboard.witness("violations")) >= 2, 10, "both are refused")
        assert sorted(rule.split()[0] for rule in dashboard.witness("violations")) == ["connect-src", "script-src-attr"]
        assert dashboard.witness("errors") == []


def test_hidden_page_asks_nothing(dashboard: Dashboard) -> None:
    dashboard.hide(True)
    time.sleep(1)  # what was under way
    asked = len(dashboard.witness("requests"))
    time.sleep(6)  # three turns
    assert len(dashboard.witness("requests")) == asked
    dashboard.hide(False)
    wait_until(lambda: len(dashboard.witness("requests")) > asked, 10, "it asks again")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_everybody_can_use_it(dashboard: Dashboard, size: tuple[int, int], dark: bool) -> None:
    dashboard.page.resize(*size, dark=dark)
    assert dashboard.json("document.querySelectorAll('#troubles li').length") == 4
    assert dashboard.accessibility_violations() == []
    assert dashboard.json("document.documentElement.scrollWidth") <= size[0]


def test_dialogue_and_old_figures_can_be_read_by_everybody(make_sheaf, backend: Backend, tmp_path: Path) -> None:
    with open_dashboard(make_sheaf(backend.url), tmp_path) as dashboard:
        dashboard.wait_until_live()
        for dark in (False, True):
            dashboard.page.resize(*PHONE, dark=dark)
            dashboard.json("document.getElementById('figures').classList.add('stale')")
            dashboard.json("document.getElementById('banner').hidden = false")
            assert dashboard.accessibility_violations() == []
            dashboard.json("document.getElementById('token').showModal()")
            assert dashboard.accessibility_violations() == []
            dashboard.json("document.getElementById('token').close()")


def test_accessibility_check_can_fail(make_sheaf, backend: Backend, tmp_path: Path) -> None:
    with open_dashboard(make_sheaf(backend.url), tmp_path) as dashboard:
        dashboard.json("document.querySelector('main').append(document.createElement('img'), document.createElement('button'))")
        found = " ".join(dashboard.accessibility_violations())
        assert "image-alt" in found and "button-name" in found


def focused(dashboard: Dashboard) -> str:
    """What has the focus, in short, and whether it can be seen that it has."""
    return str(dashboard.json("""(() => {
      const now = document.activeElement, marked = now.type === 'radio' ? now.parentElement : now;
      const name = now.id || now.ariaLabel || now.className || now.textContent || now.value;
      return `${now.tagName.toLowerCase()} ${name.trim()}${getComputedStyle(marked).outlineStyle === 'none' ? ' UNSEEN' : ''}`;
    })()"""))


def test_everything_can_be_reached_by_the_keyboard(dashboard: Dashboard) -> None:
    dashboard.json("document.activeElement.blur()")
    dashboard.page.resize(*DESKTOP)
    walk: list[str] = []
    while not (walk and walk[-1].startswith("body")) and len(walk) < 40:
        dashboard.press("Tab")
        walk.append(focused(dashboard))
    assert walk[0] == "a skip"
    troubles = ["Pool exhausted", "Memory high", "Latency high", "Many stale or broken connections"]
    assert walk[1:5] == [f"summary What to do: {name}" for name in troubles]
    assert walk[5] == "input 3600"
    regions = ["Pool by backend", "Sessions that ended", "Top connections", "Last events"]
    assert [stop for stop in walk if stop.startswith("div")] == [f"div {name}" for name in regions]
    assert [stop.split()[1] for stop in walk if stop.startswith("button")] == ["age", "idle", "queued", "bytes", "rate"]
    assert not [stop for stop in walk[:-1] if "UNSEEN" in stop]


def test_keys_do_what_the_pointer_does(dashboard: Dashboard) -> None:
    dashboard.json("document.querySelector('.skip').focus()")
    dashboard.press("Enter")
    assert dashboard.json("document.activeElement.id") == "state"
    dashboard.json("document.querySelector('#range :checked').focus()")
    dashboard.press("ArrowLeft")
    assert dashboard.json("document.querySelector('#range :checked').value") == "900"
    dashboard.json("document.querySelector('summary').focus()")
    dashboard.press("Enter")
    assert dashboard.json("document.querySelector('details').open")
    sorting = "[...document.querySelectorAll('#connections th[aria-sort]')].map((th) => `${th.textContent} ${th.ariaSort}`)"
    assert dashboard.json(sorting) == ["queued descending"]
    dashboard.json("[...document.querySelectorAll('#connections th button')].find((one) => one.textContent === 'idle').focus()")
    dashboard.press("Enter")
    assert dashboard.json(sorting) == ["idle descending"]
    dashboard.press("Enter")
    assert dashboard.json(sorting) == ["idle ascending"]


def test_figures_that_change_move_nothing(dashboard: Dashboard) -> None:
    """No shift of the layout in some turns of polling, in which sessions come, too."""
    dashboard.page.resize(*DESKTOP)
    time.sleep(0.5)
    dashboard.json("(() => { witness.shifts = []; new PerformanceObserver((list) => witness.shifts.push("
                   "...list.getEntries().map(({value}) => value))).observe({type: 'layout-shift'}); })()")  # fmt: skip
    with readers(dashboard.sheaf, 9):
        wait_until(lambda: dashboard.figure("active_sessions") == str(CLIENTS + 9), 20, "they are shown")
        seen = requests_of_figures(dashboard)
        wait_until(lambda: requests_of_figures(dashboard) > seen + 4, 20, "some turns")
    assert dashboard.json("witness.shifts.reduce((sum, one) => sum + one, 0)") < 0.001
