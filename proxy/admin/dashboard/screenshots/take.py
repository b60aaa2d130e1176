#!/usr/bin/env python3
"""Takes the screenshots of the dashboard that proxy/operating.md shows: at work, on a phone, and in each of the four
troubles (harness/troubles.py), with what the API says of it. About four minutes.

    SHEAF_BINARY=build/release/sheaf build/venv/bin/python proxy/admin/dashboard/screenshots/take.py
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "tests/integration"))

from harness.backend import Backend  # noqa: E402  # from the folder that was just added
from harness.dashboard import Dashboard, open_dashboard, readers  # noqa: E402
from harness.guarded import TOKEN as GUARDED_TOKEN  # noqa: E402
from harness.ports import wait_until  # noqa: E402
from harness.sheaf import Sheaf  # noqa: E402
from harness.troubles import SIGNS, TROUBLES  # noqa: E402

TOKEN = "screenshot"
DESKTOP, PHONE, TROUBLE = (1440, 900), (390, 844), (1440, 800)
USERS = ("ann", "bob", "carla", "dmitri")


def take(dashboard: Dashboard, name: str, size: tuple[int, int], *, dark: bool = False) -> None:
    """What the page shows in a window of that size, into a file beside this one."""
    dashboard.page.resize(*size, dark=dark)
    time.sleep(1)  # charts are drawn in the new size
    file = HERE / f"{name}.png"
    file.write_bytes(dashboard.page.screenshot())
    print(f"{file.name}: {file.stat().st_size} bytes")


def show_last_minutes(dashboard: Dashboard) -> None:
    """The shortest range, which a Sheaf that was just started fills best."""
    dashboard.json("document.querySelector('#range input').click()")


@contextlib.contextmanager
def audience(sheaf: Sheaf) -> Iterator[None]:
    """Clients that come one after another, with and without batch frames."""
    with contextlib.ExitStack() as stack:
        for number in range(30):
            path = "/ws/quotes?sheaf=json" if number % 3 else "/ws/quotes"
            stack.enter_context(readers(sheaf, 1, path, {"X-User-ID": random.choice(USERS)}))
            time.sleep(0.5)
        yield


def take_at_work(folder: Path, backend: Backend, seconds: float) -> None:
    """The page of a Sheaf that is well."""
    conf = {"admin": {"token": TOKEN}, "forwarded": {"trusted_proxies": ["127.0.0.1"]}}
    sheaf = Sheaf(folder, backend.url, conf)
    try:
        with open_dashboard(sheaf, folder / "at-work", token=TOKEN) as dashboard, audience(sheaf):
            with readers(sheaf, 12, "/ws/quotes?sheaf=json"):
                time.sleep(seconds / 2)
            time.sleep(seconds / 2)
            show_last_minutes(dashboard)
            take(dashboard, "desktop", DESKTOP)
            take(dashboard, "phone", PHONE, dark=True)
            dashboard.page.resize(*DESKTOP, dark=True)
            dashboard.json("document.getElementById('connections').scrollIntoView()")
            wait_until(lambda: dashboard.rows("connections"), 20, "the connections are shown")
            take(dashboard, "connections", DESKTOP, dark=True)
    finally:
        sheaf.stop()


def take_trouble(folder: Path, name: str) -> None:
    """The page in one of the four troubles; and what the API says of it."""
    with TROUBLES[name](folder) as sheaf, open_dashboard(sheaf, folder / name, token=GUARDED_TOKEN) as dashboard:
        wait_until(lambda: dashboard.level(name) == "act", 60, f"{name} is to be acted on")
        time.sleep(25)
        show_last_minutes(dashboard)
        dashboard.json(f"document.querySelector('[data-trouble={name}] summary').click()")
        take(dashboard, f"trouble-{name}", TROUBLE)
        for field, value in SIGNS[name](sheaf).items():
            print(f"  {field}: {value}")


def main() -> None:
    """Takes those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["work", *TROUBLES], help=f"of: work, {', '.join(TROUBLES)}")
    parser.add_argument("--seconds", type=float, default=80, help="that the page at work has to gather its figures")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        backend = Backend(folder)
        try:
            for one in wanted.names:
                take_at_work(folder, backend, wanted.seconds) if one == "work" else take_trouble(folder, one)
        finally:
            backend.stop()


if __name__ == "__main__":
    main()
