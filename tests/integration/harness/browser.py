"""A real browser: one tab of a headless Chromium, spoken to over the DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from .ports import free_port, wait_until

# Without the background features Chromium makes no connections of its own.
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage")


class Page:
    """One tab; open_page() makes it."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._calls = 0

    def evaluate(self, expression: str, seconds: float = 10) -> object:
        """The value of a JavaScript expression in the page; a promise is waited for. AssertionError where it throws."""
        answer = self.command("Runtime.evaluate", seconds, expression=expression, returnByValue=True, awaitPromise=True)
        result = answer.get("result", answer)
        assert "result" in result and "exceptionDetails" not in result, result
        return result["result"].get("value")

    def command(self, method: str, seconds: float = 10, **parameters: object) -> dict[str, Any]:
        """The answer to a command of the DevTools protocol: it has `result`, or `error`."""
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=seconds))
            if answer.get("id") == self._calls:
                return dict(answer)

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """Shows the page in a window of that size (CSS pixels), in the light or the dark scheme."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setScrollbarsHidden", hidden=True)
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def screenshot(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self.command("Page.captureScreenshot", 30, format="png")["result"]["data"])

    def shows(self, url: str) -> bool:
        """Whether `url` is there, complete. Before, the tab has a blank page, or nothing to evaluate in."""
        try:
            return self.evaluate("`${document.readyState} ${location.href}`") == f"complete {url}"
        except AssertionError:
            return False


@contextlib.contextmanager
def open_page(url: str, folder: Path) -> Iterator[Page]:
    """A browser of its own that shows `url`, with its profile in `folder`."""
    browser = shutil.which("chromium")
    assert browser, "chromium is not installed: run tests/install.sh"
    port = free_port()
    process = subprocess.Popen(
        [browser, *QUIET, f"--user-data-dir={folder}", f"--remote-debugging-port={port}", url],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def tab() -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=2) as answer:
                pages = [one for one in json.load(answer) if one["type"] == "page" and one["url"].startswith(url)]
        except OSError:
            return None
        return pages[0]["webSocketDebuggerUrl"] if pages else None

    try:
        wait_until(lambda: tab() is not None, 40, f"the browser shows {url}")
        with connect(str(tab()), max_size=None) as socket:
            page = Page(socket)
            wait_until(lambda: page.shows(url), 20, f"{url} is complete")
            yield page
    finally:
        process.terminate()
        process.wait(20)
