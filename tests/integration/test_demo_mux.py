"""docker/demo.sh --mux: the backend under sheaf_asgi, clients share links to it; and the page's crowd, which needs no mux."""

from __future__ import annotations

import contextlib
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from harness.browser import Page
from harness.demo import Demo, running_demo
from harness.demo_page import ages, counted, text, wait_for_messages
from harness.ports import wait_until

READERS = 250


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo"), arguments=["--mux", "--workers", "2"]) as running:
        yield running


def cost(page: Page, side: str, name: str) -> float | None:
    """A figure of the crowd's table; None while there is none."""
    found = re.match(r"[\d.]+", text(page, f'#crowd tr[data-crowd="{side}"] [data-cost="{name}"]'))
    return float(found[0]) if found else None


def crowd_of(demo: Demo) -> contextlib.AbstractContextManager[object]:
    """The crowd's events, as long as the with statement lasts."""
    return urllib.request.urlopen(f"{demo.url}/api/feed/crowd?feed=other", timeout=20)


def test_clients_share_links_and_get_the_same_quotes(page: Page, demo: Demo) -> None:
    wait_for_messages(page, 300)
    assert (counted(page, "direct")["gaps"], counted(page, "sheaf")["gaps"]) == (0, 0)
    assert demo.metric("sheaf_mux_links_opened_total") >= 1
    assert demo.metric("sheaf_mux_streams_opened_total") >= demo.metric("sheaf_websocket_sessions") >= 2


def test_page_says_that_links_are_shared_and_leads_to_the_dashboard(page: Page, demo: Demo) -> None:
    assert page.evaluate("document.getElementById('links').hidden") is False
    address = f"http://127.0.0.1:{demo.admin_port}/"
    assert page.evaluate("document.getElementById('dashboard').href") == address
    with urllib.request.urlopen(address, timeout=5) as answer:
        assert "text/html" in answer.headers["content-type"]


def test_slow_clients_read_over_links_too(page: Page, demo: Demo) -> None:
    sessions = demo.metric("sheaf_websocket_sessions")
    page.evaluate("document.getElementById('slow-toggle').click()")
    wait_until(lambda: len(ages(page)) == 3, 20, "all three slow clients have an age")
    page.evaluate("document.getElementById('slow-toggle').click()")
    wait_until(lambda: demo.metric("sheaf_websocket_sessions") <= sessions, 20, "the slow clients have left")


def test_a_crowd_is_measured_and_goes(page: Page, demo: Demo) -> None:
    sessions = demo.metric("sheaf_websocket_sessions")
    page.evaluate("document.getElementById('crowd-measure').click()")

    def has_come() -> bool:
        return demo.metric("sheaf_websocket_sessions") >= sessions + READERS

    # Seldom, since what asking costs Sheaf counts as what it uses without a crowd.
    wait_until(has_come, 60, "the crowd reads through Sheaf", every=1)
    wait_until(lambda: cost(page, "sheaf", "bytes"), 60, "the page shows what it costs")
    assert cost(page, "direct", "backend") and cost(page, "sheaf", "backend") and cost(page, "sheaf", "sheaf")
    assert cost(page, "direct", "sheaf") is None
    direct, through = cost(page, "direct", "bytes"), cost(page, "sheaf", "bytes")
    assert direct and through and through < 1.2 * direct < 80, "both compress, with a context"
    assert re.match(rf"{READERS} readers, [\d,]+ messages a second", text(page, "#crowd-state"))
    wait_until(lambda: demo.metric("sheaf_websocket_sessions") <= sessions, 20, "the crowd has left")


def test_there_is_one_crowd_at_a_time_in_a_process_and_it_leaves_with_its_page(demo: Demo) -> None:
    with crowd_of(demo), pytest.raises(urllib.error.HTTPError, match="409"), crowd_of(demo):
        pass

    def is_free() -> bool:
        try:
            with crowd_of(demo):
                return True
        except urllib.error.HTTPError:
            time.sleep(0.2)
            return False

    wait_until(is_free, 20, "another page may have a crowd")
