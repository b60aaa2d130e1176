"""The soak of deflate: stock clients and raw ones get a random mix of messages through Sheaf as shipped, while clients
join and leave, some are slow and conflated, reloads change the options of [deflate], and memory runs short.

Each stock client inflates by its own library and checks each message; a witness between it and Sheaf inflates each frame
once more, with exactly the window that was agreed on.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from .backend import Backend
from .browser import Page, open_page
from .cgroup import MIB
from .clients_js import MODULES
from .helpers import Helper
from .inspecting import Ledger
from .leaky import LeakySheaf
from .reloading import ReloadableSheaf
from .sheaf import AS_SHIPPED, ROOT, Conf, merged

STOCK = ROOT / "tests/clients/stock"
BUILT = ROOT / "build/stock_clients"
CONF: Conf = merged(AS_SHIPPED, {"log": {"access": False}, "drain": {"delay": "0s"}})
ROUTES: list[Conf] = [
    {"path": "/conflated", "slow_client": "conflate", "conflate": [{"prefix": '{"s":"q', "key": "/s"}]}
]
VARIANTS: list[Conf] = [
    {"context": "none"}, {"level": 9}, {"context": "own"}, {"threshold": 0}, {"window_bits": 10}, {"memory_level": 2},
    {"max_context_bytes": 150_000}, {"enabled": False}, {"threshold": 1000},
]
LEVELS = ("high", "normal", "moderate", "normal")
SLICE = 2000  # deliveries that the backend is asked for at a time
LIMIT = 1024 * MIB  # so that what the clients' contexts take does not make a high level a critical one, which refuses
STAY = 0.3  # seconds that a variant stays at the least, so that clients join
PATIENCE = 120.0  # seconds that anything may take
RAW_SHARE = 6  # so many times fewer clients of each raw kind, of which there are more

# Programs that take a URL and a count and print their ledger, and what each needs to be there.
PROGRAMS: dict[str, list[str]] = {
    "gorilla": [str(BUILT / "stock_go"), "soak", "gorilla"],
    "coder": [str(BUILT / "stock_go"), "soak", "coder"],
    "java": ["java", "-cp", str(BUILT / "java"), "Soak"],
    "ws": ["node", str(STOCK / "soak_ws.cjs")],
    "websockets": [sys.executable, str(STOCK / "soak_websockets.py")],
}
NEEDS = {"gorilla": BUILT / "stock_go", "coder": BUILT / "stock_go", "java": BUILT / "java/Soak.class"}
CLIENTS = [*PROGRAMS, "chromium"]


def missing(client: str) -> str:
    """Why a client cannot take part; empty where it can."""
    if client in NEEDS and not NEEDS[client].exists():
        return f"{NEEDS[client]} is not there: tests/stock_clients.sh --build {client} makes it, given its toolchain"
    return "" if client != "java" or shutil.which("java") else "there is no java"


class SoakSheaf(LeakySheaf, ReloadableSheaf):
    """Reloads, and leaks what it is told to."""


@dataclass
class Seen:
    """A kind of client: what it found itself (None for the raw ones), and what its frames were when inflated again."""

    own: Ledger | None
    again: Ledger

    @property
    def problems(self) -> str:
        """Whatever is not as it must be, or empty. What conflation replaces is not missing."""
        found = []
        for who, ledger in (("the client", self.own), ("inflated again", self.again)):
            if ledger and (ledger.wrong or ledger.missing or ledger.out_of_order or ledger.failed):
                found.append(f"{who}: {ledger}")
        if self.own and self.own.messages != self.again.messages:
            found.append(f"the client got {self.own.messages} messages, the witness saw {self.again.messages}")
        return "; ".join(found)


class Traffic:
    """Has the backend talk all the while, in a thread of its own."""

    def __init__(self, control: ClientConnection) -> None:
        self.sent = 0
        self._socket = control
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def _talk(self) -> None:
        while not self._stopping.is_set():
            self.sent += self._ask({"deliveries": SLICE})["sent"]

    def _ask(self, command: dict[str, object]) -> dict[str, int]:
        self._socket.send(json.dumps(command))
        return dict(json.loads(self._socket.recv(timeout=PATIENCE)))

    @property
    def alive(self) -> bool:
        """Whether the backend still answers."""
        return self._thread.is_alive()

    def end(self) -> None:
        """The soak is over, for all clients."""
        self._stopping.set()
        self._thread.join(PATIENCE)
        self._ask({"over": True})


class Soak:
    """One run. `deliveries`: at least so many, and more where that is over before all has happened once. `each`: clients of
    a stock kind at a time."""

    def __init__(self, folder: Path, deliveries: int, each: int, clients: list[str]) -> None:
        self.seen: dict[str, Seen] = {}
        self.told: dict[str, float] = {}  # what happened besides
        self._folder, self._deliveries, self._each, self._clients = folder, deliveries, each, clients

    @property
    def complaints(self) -> list[str]:
        """What is not as it must be, of clients and besides; also where the soak did not do what it is for."""
        found = [f"{name}: {seen.problems}" for name, seen in self.seen.items() if seen.problems]
        for name in ("reloads", "contexts dropped for memory", "conflated"):
            if not self.told[name]:
                found.append(f"{name}: none")
        if lost := self.told["missing at slow clients beside that"]:
            found.append(f"slow clients miss {lost:.0f} messages that were not conflated")
        return found

    def run(self) -> None:
        """Soaks; afterwards `seen` and `told` are there. AssertionError where Sheaf itself does not end well."""
        with ExitStack() as stack:
            backend = Backend(self._folder, app="harness.deflate_app:app", app_folder=ROOT / "tests/integration")
            stack.callback(backend.stop)
            proxy = SoakSheaf(self._folder, backend.url, CONF, ROUTES, limit=LIMIT)
            stack.callback(proxy.stop)
            witness = stack.enter_context(Helper("witness", target=proxy.port, kinds=",".join(self._clients)))
            urls = {name: f"ws://127.0.0.1:{port}/soak" for name, port in witness.latest["ports"].items()}
            raw = stack.enter_context(
                _program([sys.executable, "-m", "harness.raw_members", "--port", str(proxy.port), "--each",
                          str(max(1, self._each // RAW_SHARE))]))
            stock = {name: stack.enter_context(_program([*PROGRAMS[name], urls[name], str(self._each)]))
                     for name in self._clients if name in PROGRAMS}
            page = None
            if "chromium" in self._clients:
                page = stack.enter_context(open_page(f"{backend.url}/", self._folder / "chromium"))
                page.evaluate((STOCK / "soak_check.js").read_text())
                page.evaluate(f"soakMembers(() => new WebSocket('{urls['chromium']}'), {self._each})"
                              ".then((ledger) => (globalThis.soaked = ledger)); 0")
            control = stack.enter_context(connect(f"ws://127.0.0.1:{backend.port}/control", compression=None))
            self._talk(Traffic(control), proxy, raw)
            self._gather(stock, page, witness)
            for kind, ledger in _ledger_of(raw).items():
                self.seen[f"raw, {kind}"] = Seen(None, Ledger(**ledger))
            self._look(proxy)

    def _talk(self, traffic: Traffic, proxy: SoakSheaf, raw: subprocess.Popen[str]) -> None:
        events = list(self._events(proxy))
        for number, event in enumerate(itertools.cycle(events), 1):
            event()
            time.sleep(STAY)
            assert traffic.alive, "the backend does not answer any more"
            if number >= len(events) and traffic.sent >= self._deliveries:
                break
        proxy.reload()
        traffic.end()
        assert raw.stdin
        print(file=raw.stdin, flush=True)  # slow clients read the rest at once
        self.told["delivered"] = traffic.sent

    @staticmethod
    def _events(proxy: SoakSheaf) -> Iterator[Callable[[], object]]:
        """Each variant, then what is shipped, then another level of memory pressure."""
        for variant, level in zip(VARIANTS, itertools.cycle(LEVELS)):
            yield lambda variant=variant: proxy.reload({"deflate": variant})  # type: ignore[misc]
            yield proxy.reload
            yield lambda level=level: proxy.go_to(level)  # type: ignore[misc]
        yield lambda: proxy.go_to("normal")

    def _gather(self, stock: dict[str, subprocess.Popen[str]], page: Page | None, witness: Helper) -> None:
        own = {name: Ledger(**_ledger_of(process)) for name, process in stock.items()}
        if page:
            told = page.evaluate("new Promise((resolve) => setInterval(() => globalThis.soaked && resolve(soaked), 50))",
                                 PATIENCE)
            own["chromium"] = Ledger(**told)  # type: ignore[arg-type]
        again = witness.tell("report")
        self.seen |= {name: Seen(own[name], Ledger(**again[name])) for name in self._clients}

    def _look(self, proxy: SoakSheaf) -> None:
        slow = self.seen["raw, slow"].again
        self.told |= {
            "reloads": proxy.reloads,
            "contexts dropped for memory": proxy.relief("drop_contexts"),
            "conflated": proxy.metric("sheaf_conflated_messages_total"),
            "missing at slow clients beside that": slow.missing - proxy.metric("sheaf_conflated_messages_total"),
        }
        slow.missing = 0


def _program(command: list[str]) -> subprocess.Popen[str]:
    """Starts one that prints JSON when it ends; as a context it is killed where it does not end."""
    return _Program(command, cwd=ROOT / "tests/integration", env={**os.environ, "NODE_PATH": str(MODULES)},
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class _Program(subprocess.Popen[str]):
    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait()


def _ledger_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and output, f"{process.args!r} ended with {process.returncode}"
    return dict(json.loads(output.splitlines()[-1]))


COLUMNS = ("messages", "wrong", "missing", "out_of_order", "failed")


def lines(soak: Soak) -> list[list[str]]:
    """The report's cells: a line a kind of client, with the larger of both counts."""
    rows = [["client", "connections", "messages", "compressed", "bytes", *COLUMNS[1:]]]
    for name, seen in soak.seen.items():
        again = seen.again
        both = [again, seen.own] if seen.own else [again]
        counts = {column: max(getattr(ledger, column) for ledger in both) for column in COLUMNS}
        shares = again.compressed / max(1, again.messages), again.wire_bytes / max(1, again.plain_bytes)
        rows.append([name, f"{again.connections:,}", f"{counts.pop('messages'):,}", *(f"{share:.1%}" for share in shares),
                     *map(str, counts.values())])
    return rows
