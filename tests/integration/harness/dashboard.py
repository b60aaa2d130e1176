"""The dashboard of a Sheaf in a browser: what it shows, and what the browser saw it do."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .browser import Page, open_page
from .ports import wait_until
from .sheaf import ROOT, Sheaf

AXE = ROOT / "build/clients/node_modules/axe-core/axe.min.js"
FIGURES = "/api/performance/websocket"
# Runs in front of the page's own scripts.
WITNESS = """
globalThis.witness = {violations: [], errors: [], requests: []};
document.addEventListener('securitypolicyviolation', ({violatedDirective: rule, blockedURI: what}) =>
  witness.violations.push(`${rule} ${what}`));
addEventListener('error', ({message}) => witness.errors.push(String(message)));
addEventListener('unhandledrejection', ({reason}) => witness.errors.push(String(reason)));
new PerformanceObserver((list) => witness.requests.push(...list.getEntries().map(({name}) => name)))
  .observe({type: 'resource', buffered: true});
"""
TROUBLES = ("pool", "memory", "latency", "connections")


class Dashboard:
    """The page; open_dashboard() makes it."""

    def __init__(self, page: Page, sheaf: Sheaf) -> None:
        self.page = page
        self.sheaf = sheaf
        self._window = page.command("Browser.getWindowForTarget")["result"]["windowId"]

    def json(self, expression: str) -> Any:
        """A value of the page's, or what a promise brings; None where there is none."""
        return json.loads(str(self.page.evaluate(f"Promise.resolve({expression}).then((value) => JSON.stringify(value ?? null))")))

    def text(self, selector: str) -> str:
        """What stands in the first element; empty where there is none."""
        return str(self.json(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''"))

    def figure(self, field: str) -> str:
        """The newest value of a field of the history, as it is written."""
        return self.text(f'dd[data-figure="{field}"]')

    def rows(self, panel: str) -> list[dict[str, str]]:
        """The cells of a panel's table by their keys; a table without any figures has no rows."""
        cells = "[...row.cells].map((cell) => [cell.dataset.key, cell.textContent])"
        rows = f"[...document.querySelectorAll('#{panel} tbody tr:not(:has(.nothing))')]"
        return list(self.json(f"{rows}.map((row) => Object.fromEntries({cells}))"))

    def level(self, trouble: str) -> str:
        """`ok`, `watch` or `act`; empty as long as nothing is known."""
        return str(self.json(f"document.querySelector('[data-trouble={trouble}]')?.dataset.level ?? ''"))

    def formatted(self, kind: str, value: float) -> str:
        """A value as the page's own format.js writes it."""
        return str(self.json(f"import('./dashboard/format.js').then((format) => format.{kind}({json.dumps(value)}))"))

    def newest_sample(self) -> dict[str, Any]:
        """Of the history that the API tells."""
        status, body = self.sheaf.admin(f"{FIGURES}/metrics?last=5s")
        assert status == 200, body
        return dict(json.loads(body)["metrics"][-1])

    def witness(self, what: str) -> list[str]:
        """`violations` of the Content-Security-Policy, `errors` of scripts, or the addresses of `requests`."""
        return list(self.json(f"witness.{what}"))

    def wait_until_live(self) -> None:
        wait_until(lambda: self.text("#link") == "live", 20, "the dashboard is live")

    def hide(self, hidden: bool) -> None:
        """Minimises the window, or brings it back."""
        state = "minimized" if hidden else "normal"
        self.page.command("Browser.setWindowBounds", windowId=self._window, bounds={"windowState": state})
        wait_until(lambda: self.json("document.hidden") == hidden, 10, f"the page is {'hidden' if hidden else 'shown'}")

    def press(self, key: str) -> None:
        """A key by its name in the DOM: Tab, Enter, ArrowLeft."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37}
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.page.command("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], **text)

    def type(self, text: str) -> None:
        """Into what has the focus."""
        self.page.command("Input.insertText", text=text)

    def accessibility_violations(self) -> list[str]:
        """What axe-core finds, each with the element."""
        self.page.evaluate(AXE.read_text() + "; 0")
        found = "axe.run().then(({violations}) => violations.flatMap(({id, nodes}) => nodes.map(({html}) => `${id}: ${html}`)))"
        return list(self.json(found))


@contextlib.contextmanager
def open_dashboard(sheaf: Sheaf, folder: Path, token: str = "") -> Iterator[Dashboard]:
    """The dashboard of `sheaf` in a browser of its own, whose profile is in `folder`. `token`: as if it had been entered
    before."""
    url = f"http://127.0.0.1:{sheaf.admin_port}/"
    with open_page("about:blank", folder) as page:
        page.command("Page.enable")
        entered = f"sessionStorage.setItem('sheaf-admin-token', {json.dumps(token)});" if token else ""
        page.command("Page.addScriptToEvaluateOnNewDocument", source=WITNESS + entered)
        page.command("Page.navigate", url=url)
        wait_until(lambda: page.shows(url), 20, "the dashboard is there")
        yield Dashboard(page, sheaf)


def _read(socket: Any) -> None:
    with contextlib.suppress(ConnectionClosed):
        for _ in socket:
            pass


@contextlib.contextmanager
def readers(
    sheaf: Sheaf, count: int, path: str = "/ws/quotes", fields: dict[str, str] | None = None
) -> Iterator[None]:
    """So many clients that read all that comes, each in a thread; `fields`: more of their handshakes."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            socket = stack.enter_context(connect(sheaf.ws_url + path, max_size=None, additional_headers=fields))
            threading.Thread(target=_read, args=(socket,), daemon=True).start()
        yield
