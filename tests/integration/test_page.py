"""The demo page in a real browser: WebSocket, Socket.IO and server-sent events at once, with and without the proxy."""

from __future__ import annotations

import time
from pathlib import Path

from harness.backend import Backend
from harness.browser import Page, open_page
from harness.ports import wait_until

SECTIONS = ("websocket", "socketio", "sse")


def updates(page: Page, section: str) -> int:
    """How many updates a section of the page has shown."""
    shown = page.evaluate(f"parseInt(document.querySelector('#{section} .count')?.textContent ?? '0')")
    return int(shown) if isinstance(shown, (int, float)) else 0


def frames(page: Page, section: str) -> str:
    """What a section says of its frames."""
    return str(page.evaluate(f"document.querySelector('#{section} .frames')?.textContent ?? ''"))


def check_live(page: Page) -> None:
    for section in SECTIONS:
        wait_until(lambda: updates(page, section) >= 3, 20, f"{section} shows updates")
    state = "document.querySelector('#socketio').textContent.includes('(websocket)')"
    wait_until(lambda: page.evaluate(state), 20, "Socket.IO has upgraded to a WebSocket")
    before = [updates(page, section) for section in SECTIONS]
    time.sleep(1.5)
    assert all(updates(page, section) > seen for section, seen in zip(SECTIONS, before, strict=True)), "still live"


def test_page_is_live_over_all_three_ways_and_takes_batches(make_sheaf, backend: Backend, tmp_path: Path) -> None:
    # A fixed wait of several ticks of the ticker, so that messages do come together.
    sheaf = make_sheaf(backend.url, {"batching": {"adaptive": False, "timeout": "300ms"}})
    with open_page(f"{sheaf.url}/", tmp_path) as page:
        check_live(page)
        assert sheaf.metric("sheaf_websocket_sessions") == 3
        for section in ("websocket", "socketio"):
            shown = frames(page, section)
            most = int(shown.rsplit(" ", 1)[-1])
            assert most > 1, f"{section}: {shown}"
        assert sheaf.metric("sheaf_batched_messages_total", form="json") > 0
        assert sheaf.metric("sheaf_batched_messages_total", form="engineio") > 0


def test_page_works_without_the_proxy(backend: Backend, tmp_path: Path) -> None:
    with open_page(f"{backend.url}/", tmp_path) as page:
        check_live(page)
        assert frames(page, "websocket") == "1.00 messages a frame, at most 1"
