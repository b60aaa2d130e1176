"""The demo's page in a browser: what it shows, and its controls."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .browser import Page, open_page
from .demo import Demo
from .ports import wait_until


@contextlib.contextmanager
def showing(demo: Demo, profile: Path) -> Iterator[Page]:
    """The demo's page in Chromium, once quotes come through Sheaf. `profile`: a folder of the browser's own."""
    with open_page(f"{demo.url}/", profile) as shown:
        wait_until(lambda: counted(shown, "sheaf")["messages"] > 0, 20, "quotes come through Sheaf")
        yield shown


def counted(page: Page, side: str) -> dict[str, int]:
    """What the page has counted on one side since it connected: frames, messages, gaps, and the newest quote's number."""
    meter = f"globalThis.comparison?.{side}.meter"
    fields = "{frames: m.totalFrames, messages: m.totalMessages, gaps: m.gaps, last: m.last}"
    nothing = "{frames: 0, messages: 0, gaps: 0, last: 0}"
    return json.loads(str(page.evaluate(f"(() => {{ const m = {meter}; return JSON.stringify(m ? {fields} : {nothing}); }})()")))


def figure(page: Page, side: str, name: str) -> str:
    """One figure as the card of a side shows it."""
    return str(page.evaluate(f"document.querySelector('[data-side={side}] [data-figure={name}]').textContent"))


def text(page: Page, selector: str) -> str:
    """What the first element of this selector shows."""
    return str(page.evaluate(f"document.querySelector({json.dumps(selector)}).textContent"))


def set_slider(page: Page, position: int) -> None:
    """Moves the slider of the rate."""
    page.evaluate(f"(() => {{ const s = document.getElementById('rate'); s.value = {position};"
                  " s.dispatchEvent(new Event('input')); })()")  # fmt: skip


def set_conflation(page: Page, is_on: bool) -> None:
    """Has newer quotes take the place of older ones on Sheaf's side, or not."""
    box = "document.getElementById('conflation')"
    page.evaluate(f"(() => {{ if ({box}.checked !== {str(is_on).lower()}) {box}.click(); }})()")


def wait_for_messages(page: Page, count: int) -> None:
    """Until each side has had `count` of them."""
    for side in ("direct", "sheaf"):
        wait_until(lambda: counted(page, side)["messages"] >= count, 30, f"{count} messages on the side {side}")


def ages(page: Page) -> dict[str, float]:
    """How old the newest quote of each slow client is, in seconds, as far as the page shows it."""
    rows = "[...document.querySelectorAll('#slow tr[data-client]')].map((row) => [row.dataset.client, row.cells[2].textContent])"
    shown: list[Any] = json.loads(str(page.evaluate(f"JSON.stringify({rows})")))
    return {name: float(text.split()[0]) for name, text in shown if text.endswith(" s old")}
