"""`sheaf top`: in a terminal, which is as before whatever ends it, and elsewhere."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from harness.backend import Backend
from harness.commands import ENTER, LEAVE, screen, sheaf
from harness.ports import free_port, wait_until
from harness.reloading import ReloadableSheaf
from harness.sheaf import BINARY


@pytest.fixture(scope="module")
def proxy(folder: Path, backend: Backend) -> Iterator[ReloadableSheaf]:
    one = ReloadableSheaf(folder, backend.url)
    yield one
    one.stop()


def top(proxy: ReloadableSheaf, *words: str) -> tuple[str | Path, ...]:
    return ("top", "-c", proxy.conf_file, "--interval", "1", *words)


def fits(frame: str, rows: int, columns: int) -> bool:
    """Whether the frame is as large as this terminal, and no larger."""
    lines = frame.split("\r\n")
    return len(lines) == rows and all(len(line) <= columns for line in lines)


# ---- no terminal


def test_once_prints_plain_text_of_one_interval(proxy: ReloadableSheaf) -> None:
    with connect(f"{proxy.ws_url}/ws/echo"):
        done = sheaf(*top(proxy, "--once"))
    assert done.returncode == 0, done.stderr
    assert "sessions 1, " in done.stdout and "messages " in done.stdout and "memory " in done.stdout
    assert "\x1b" not in done.stdout


def test_a_pipe_gets_frame_after_frame(proxy: ReloadableSheaf) -> None:
    with subprocess.Popen([str(BINARY), *map(str, top(proxy))], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        heads = 0
        for line in running.stdout:
            assert "\x1b" not in line
            heads += line.startswith("Sheaf ")
            if heads == 2:
                break
        running.terminate()
    assert running.returncode == -signal.SIGTERM


def test_json_is_an_object_a_look(proxy: ReloadableSheaf) -> None:
    done = sheaf(*top(proxy, "--once", "--json"))
    document = json.loads(done.stdout)
    assert done.returncode == 0 and document["stats"]["workers"] == 2
    assert document.keys() == {"stats", "pools", "connections", "events"}


def test_who_does_not_answer_the_first_look_ends_it(proxy: ReloadableSheaf) -> None:
    assert sheaf("top", "--admin", f":{free_port()}").returncode == 3
    refused = sheaf("top", "--admin", f":{proxy.admin_port}")
    assert refused.returncode == 1 and refused.stderr.startswith("sheaf top: admin.token is asked for as a bearer token\n  -> ")


# ---- a terminal


def test_it_fills_the_screen_with_figures_that_change(proxy: ReloadableSheaf) -> None:
    with screen(*top(proxy), rows=30, columns=100) as shown:
        shown.wait_for("sessions 0, ")
        with connect(f"{proxy.ws_url}/ws/echo"):
            shown.wait_for("sessions 1, ")
        frame = shown.wait_for("sessions 0, ")
        assert len(frame.split("\r\n")) <= 30 and all(len(line) <= 100 for line in frame.split("\r\n"))
        shown.press("q")
        assert shown.end() == 0 and shown.is_restored()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_leaves_the_terminal_as_it_was(proxy: ReloadableSheaf, number: signal.Signals) -> None:
    with screen(*top(proxy)) as shown:
        shown.wait_for("sessions")
        assert not shown.is_restored()
        shown.process.send_signal(number)
        assert shown.end() == 0 and shown.is_restored()


def test_control_c_ends_it_as_a_key(proxy: ReloadableSheaf) -> None:
    with screen(*top(proxy)) as shown:
        shown.wait_for("sessions")
        shown.press("\x03")
        assert shown.end() == 0 and shown.is_restored()


def test_it_stops_for_the_shell_and_comes_back(proxy: ReloadableSheaf) -> None:
    with screen(*top(proxy)) as shown:
        shown.wait_for("sessions")
        shown.process.send_signal(signal.SIGTSTP)
        shown.wait_for_bytes(LEAVE)
        wait_until(lambda: os.waitid(os.P_PID, shown.process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT), 5, "it stops")
        assert shown.is_restored()
        shown.process.send_signal(signal.SIGCONT)
        shown.wait_for_bytes(ENTER, 2)
        shown.wait_for("sessions")
        assert not shown.is_restored()
        shown.press("q")
        assert shown.end() == 0 and shown.is_restored()


def test_it_follows_the_size_of_its_window(proxy: ReloadableSheaf) -> None:
    with screen(*top(proxy), rows=30, columns=120) as shown:
        shown.wait_for("q quit")
        shown.resize(6, 30)
        wait_until(lambda: fits(shown.frames()[-1], 6, 30), 5, "a small frame")
        shown.press("q")
        assert shown.end() == 0


def test_keys_sort_and_pause(proxy: ReloadableSheaf) -> None:
    with screen(*top(proxy), rows=40) as shown:
        shown.wait_for("sorted by bytes")
        for key, order in (("i", "idle"), ("r", "rate"), ("u", "queued"), ("b", "bytes")):
            shown.press(key)
            shown.wait_for(f"sorted by {order}")
        shown.press(" ")
        up = re.search(r"up [\w. ]+", shown.wait_for("PAUSED"))
        time.sleep(2.2)
        shown.press("x")  # has no meaning, and draws the frame again
        later = re.search(r"up [\w. ]+", shown.wait_for("PAUSED"))
        assert up and later and up[0] == later[0]
        shown.press(" ")
        wait_until(lambda: "PAUSED" not in shown.frames()[-1], 5, "it goes on")
        shown.press("q")
        assert shown.end() == 0


def test_a_sheaf_that_goes_and_comes_is_told_and_found_again(make_sheaf, backend: Backend) -> None:
    port = free_port()
    first = make_sheaf(backend.url, {"admin": {"address": f"127.0.0.1:{port}"}}, admin_port=port)
    with screen("top", "--admin", f":{port}", "--interval", "1", rows=24, columns=100) as shown:
        shown.wait_for("sessions")
        first.stop()
        shown.wait_for("NO ANSWER: ")
        make_sheaf(backend.url, {"admin": {"address": f"127.0.0.1:{port}"}}, admin_port=port)
        wait_until(lambda: "NO ANSWER" not in shown.frames()[-1], 10, "it is found again")
        shown.press("q")
        assert shown.end() == 0 and shown.is_restored()


def test_a_sheaf_that_hangs_does_not_hold_the_keys_up(proxy: ReloadableSheaf) -> None:
    with screen(*top(proxy)) as shown:
        shown.wait_for("sessions")
        with proxy.suspended():
            time.sleep(1.5)  # it asks by now
            shown.process.send_signal(signal.SIGINT)
            assert shown.end(3) == 0 and shown.is_restored()
