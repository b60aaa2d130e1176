"""What tests/stock_clients.sh runs: stock WebSocket clients, each directly at uvicorn and FastAPI (app.py) and through Sheaf
with its shipped options. Prints a line a client and case.

Usage: table.py FOLDER MODE CLIENT...: where the programs and logs are, how Sheaf reaches the backend (tunnel or mux), and
the clients whose toolchains are there. Exits 1 where a case differs that is not meant to.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.browser import Page, open_page
from harness.modes import Served
from harness.ports import wait_until
from harness.sheaf import AS_SHIPPED, ROOT

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0

CASES = {
    "text": "a text, echoed",
    "binary": "a binary message, echoed",
    "5 MB": "5 MB of text as the client's writer fragments it, echoed",
    "16 MB": "16,000,000 bytes as the client's writer fragments them, echoed",
    "deflate": "100 KB with permessage-deflate offered, echoed",
    "receive": "20 MiB from the backend",
    "fragments": "20,000 fragments of 10 bytes, echoed",
    "ping": "a ping of the client",
    "protocol": "the second of two subprotocols",
    "close": "a Close of the client, 4001 bye",
    "closed": "a Close of the backend, 4002 enough",
    "stopped": "the backend is stopped (SIGTERM)",
    "killed": "the backend is killed (SIGKILL)",
    "abort": "the client goes without a Close",
    "half": "the client half-closes, then reads",
}
# Where the difference is meant, and why.
EXPECTED = {
    "killed": "websocket.upstream_lost: a lost backend is told by 1012; \"none\" leaves it at 1006",
    "half": "a FIN without a Close is the end of a WebSocket's client: an answer still under way may be lost",
}
# Over links, besides.
EXPECTED_OF_MUX = {
    "stopped": "the server's 1012 is the link's; what is said beside it to the clients is Sheaf's",
    "abort": "a client that is gone is 1006, as RFC 6455 has it; uvicorn says 1005 with some of its implementations",
}

Ask = Callable[[str, str, Callable[[], None]], str]


def program(command: list[str], environment: dict[str, str] | None = None) -> Ask:
    """A client that is a program: `command BASE CASE`. `opened` is called when it says so."""

    def ask(base: str, case: str, opened: Callable[[], None]) -> str:
        process = subprocess.Popen([*command, base, case], env={**os.environ, **(environment or {})}, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            if case in ("stopped", "killed"):
                assert process.stdout
                if process.stdout.readline().strip() == "open":
                    opened()
            output, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return f"nothing within {PATIENCE:.0f} s"
        lines = output.strip().splitlines()
        return lines[-1] if lines else f"failed: {errors.strip().splitlines()[-1:]}"

    return ask


def browser(page: Page) -> Ask:
    """A client that is a page's script."""
    page.evaluate((HERE / "browser.js").read_text() + "; 0")

    def ask(base: str, case: str, opened: Callable[[], None]) -> str:
        page.evaluate(f"window.stage = window.seen = null; run('{base}', '{case}').then((seen) => (window.seen = seen)); 0")
        deadline = time.monotonic() + PATIENCE
        told = False
        while time.monotonic() < deadline:
            stage, seen = page.evaluate("[window.stage, window.seen]")  # type: ignore[misc]
            if seen is not None:
                return str(seen)
            if stage == "open" and not told:
                told = True
                opened()
            time.sleep(0.02)
        return f"nothing within {PATIENCE:.0f} s"

    return ask


@contextlib.contextmanager
def client(name: str, folder: Path, page_url: str) -> Iterator[Ask]:
    if name == "chromium":
        with open_page(page_url, folder / "chromium-profile") as page:
            yield browser(page)
        return
    modules = {"NODE_PATH": os.environ.get("SHEAF_NODE_MODULES", str(ROOT / "build/clients/node_modules"))}
    yield {
        "gorilla": program([str(folder / "stock_go"), "gorilla"]),
        "coder": program([str(folder / "stock_go"), "coder"]),
        "tungstenite": program([str(folder / "cargo/release/stock_tungstenite")]),
        "java": program(["java", "-cp", str(folder / "java"), "Stock"]),
        "ws": program(["node", str(HERE / "ws.cjs")], modules),
        "websockets": program([sys.executable, str(HERE / "websockets_client.py")]),
    }[name]


def run(name: str, ask: Ask, served: Served, case: str) -> str:
    """What a client saw of one case, and where the client ended it, what the backend saw."""
    if case not in ("stopped", "killed"):
        seen = ask(served.ws_url, case, lambda: None)
        return seen if case not in ("close", "abort") or seen == "-" else f"{seen}; the backend: {end_of(name, served)}"
    process = served.backend.process
    seen = ask(served.ws_url, case, process.terminate if case == "stopped" else process.kill)
    served.backend.stop()
    served.backend.start()
    if served.mode != "direct":
        wait_until(lambda: served.sheaf.admin("/readyz")[0] == 200, 10, "sheaf has the backend back")
    if served.mode == "mux":
        links = served.sheaf.stats()["workers"]
        wait_until(lambda: served.sheaf.metric("sheaf_mux_links", state="ready") >= links, 10, "each worker has a link")
    return seen


def end_of(name: str, served: Served) -> str:
    """How the application saw the client's WebSocket end."""

    def look() -> str:
        with urllib.request.urlopen(f"{served.backend.url}/ends?id={name}", timeout=5) as answer:
            return str(json.load(answer))

    try:
        return wait_until(look, 3, "the backend has seen the end")
    except AssertionError:
        return "saw no end within 3 s"


def main() -> int:
    folder, mode, names = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    meant = EXPECTED | (EXPECTED_OF_MUX if mode == "mux" else {})
    same = expected = differ = absent = 0
    form = "{:<12} {:<10} {:<46} {:<46} {}"
    served_by = {"app": "app:app", "app_folder": HERE, "conf": AS_SHIPPED}
    with Served(logs, "direct", **served_by) as alone, Served(logs, mode, **served_by) as proxied:
        print(form.format("client", "case", "directly", f"through Sheaf ({mode})", ""))
        for name in names:
            with client(name, folder, f"{alone.url}/") as ask:
                for case in CASES:
                    direct = run(name, ask, alone, case)
                    through = run(name, ask, proxied, case)
                    verdict = "same"
                    if direct == through == "-":
                        absent += 1
                        verdict = "the client cannot"
                    elif direct == through:
                        same += 1
                    elif case in meant:
                        expected += 1
                        verdict = "differs, as meant"
                    else:
                        differ += 1
                        verdict = "DIFFERS"
                    print(form.format(name, case, direct, through, verdict), flush=True)
    print("\nThe cases:")
    for case, meaning in CASES.items():
        print(f"  {case:<10} {meaning}" + (f". Meant: {meant[case]}" if case in meant else ""))
    print(f"\n{same} the same, {expected} differ as meant, {differ} DIFFER; {absent} that a client cannot do")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
