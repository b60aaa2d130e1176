"""docker/demo.sh --workers 4: four processes of the backend behind one Sheaf, and the page says which serves."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from harness.browser import Page
from harness.demo import Demo, running_demo
from harness.demo_page import ages, counted, figure, set_conflation, text, wait_for_messages
from harness.ports import wait_until
from harness.sheaf import ROOT

WORKERS = 4


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo"), arguments=["--workers", str(WORKERS)]) as running:
        yield running


def ask(demo: Demo, path: str, method: str = "GET") -> dict[str, object]:
    with urllib.request.urlopen(urllib.request.Request(demo.url + path, method=method), timeout=5) as answer:
        return json.load(answer)


def test_all_processes_serve(demo: Demo) -> None:
    assert len({ask(demo, "/api/quotes/acme")["process"] for _ in range(40)}) == WORKERS


def test_a_feed_is_of_one_process_whoever_asks(demo: Demo) -> None:
    processes = set()
    for number in range(40):
        about = f"feed=name-{number}"
        with connect(f"ws://127.0.0.1:{demo.port}/ws/feed?{about}&rate=5") as reader:
            assert json.loads(reader.recv(timeout=5))["sequence"] == 1
            assert ask(demo, f"/api/feed?{about}&rate=7", "PUT") == {"rate": 7}
            places = [ask(demo, f"/api/feed/place?{about}") for _ in range(3)]
        assert [place["processes"] for place in places] == [WORKERS] * 3
        seen = {place["process"] for place in places}
        assert len(seen) == 1
        processes |= seen
    assert len(processes) == WORKERS


def test_page_says_which_process_serves(page: Page) -> None:
    process = re.fullmatch(r"One of 4 Python processes \((\d+)\)", text(page, "#backend"))
    assert process and (Path("/proc") / process[1]).exists()
    for panel in ("websocket", "socketio", "sse"):
        wait_until(lambda: re.fullmatch(r" · process \d+", text(page, f"#{panel} .process")), 15, f"a process of {panel}")
    wait_until(lambda: "(websocket)" in text(page, "#socketio .name"), 15, "Socket.IO has upgraded")


def test_comparison_is_as_with_one_process(page: Page) -> None:
    wait_for_messages(page, 300)
    assert (counted(page, "direct")["gaps"], counted(page, "sheaf")["gaps"]) == (0, 0)
    last = [counted(page, side)["last"] for side in ("direct", "sheaf")]
    assert abs(last[0] - last[1]) < 250, "both read the same feed"
    for side in ("direct", "sheaf"):
        wait_until(lambda: re.fullmatch(r"[\d.]+ k?B", figure(page, side, "wire")), 15, f"bytes on the wire of {side}")
    page.evaluate("document.getElementById('slow-toggle').click()")
    wait_until(lambda: len(ages(page)) == 3, 20, "all three slow clients have an age")
    page.evaluate("document.getElementById('slow-toggle').click()")
    set_conflation(page, True)
    wait_until(lambda: counted(page, "sheaf")["messages"] > 200, 30, "quotes come over the conflated path")


@pytest.mark.parametrize("arguments", [["--workers", "0"], ["--workers", "65"], ["--workers"], ["--worker", "2"], ["4"]])
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    done = subprocess.run([ROOT / "docker/demo.sh", *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2 and "usage: " in done.stderr
