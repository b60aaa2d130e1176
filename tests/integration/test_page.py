"""The demo page in a real browser: WebSocket, Socket.IO and server-sent events through the proxy, all at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from harness.ports import free_port, wait_until
from harness.sheaf import Sheaf

# Without the background features Chromium makes no connections of its own.
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage")


class Page:
    """One tab of a headless Chromium, spoken to over the DevTools protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._calls = 0

    def evaluate(self, expression: str) -> object:
        """The value of a JavaScript expression in the page."""
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": "Runtime.evaluate",
                                      "params": {"expression": expression, "returnByValue": True}}))
        while True:
            answer = json.loads(self._socket.recv(timeout=10))
            if answer.get("id") == self._calls:
                return answer["result"]["result"].get("value")

    def updates(self, section: str) -> int:
        """How many updates a section of the page has shown."""
        shown = self.evaluate(f"parseInt(document.querySelector('#{section} .count')?.textContent ?? '0')")
        return int(shown) if isinstance(shown, (int, float)) else 0


@pytest.fixture
def page(sheaf: Sheaf, tmp_path: Path) -> Iterator[Page]:
    browser = shutil.which("chromium")
    assert browser, "chromium is not installed: run tests/install.sh"
    port = free_port()
    process = subprocess.Popen(
        [browser, *QUIET, f"--user-data-dir={tmp_path}", f"--remote-debugging-port={port}",
         f"http://127.0.0.1:{sheaf.port}/"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def tab() -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=2) as answer:
                pages = [one for one in json.load(answer) if one["type"] == "page"]
        except OSError:
            return None
        return pages[0]["webSocketDebuggerUrl"] if pages else None

    try:
        wait_until(lambda: tab() is not None, 40, "the browser shows the page")
        with connect(str(tab()), max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(20)


def test_page_is_live_over_all_three_ways(page: Page, sheaf: Sheaf) -> None:
    sections = ("websocket", "socketio", "sse")
    for section in sections:
        wait_until(lambda: page.updates(section) >= 3, 20, f"{section} shows updates")
    state = "document.querySelector('#socketio').textContent.includes('(websocket)')"
    wait_until(lambda: page.evaluate(state), 20, "Socket.IO has upgraded to a WebSocket")
    before = [page.updates(section) for section in sections]
    time.sleep(1.5)
    assert all(page.updates(section) > seen for section, seen in zip(sections, before, strict=True)), "still live"
    assert sheaf.metric("sheaf_websocket_sessions") == 2
