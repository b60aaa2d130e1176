"""When sessions get their Close in a drain, and how it ends: over the time there is, at once, at a terminal, cut short."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.closings import Closings
from harness.frames import TEXT, RawWebSocket, upgrade
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
from harness.recorder import Recorder, Request, upgrade_answer
from harness.sheaf import BINARY, TSAN_SUPPRESSIONS, Sheaf, is_sanitized, write_conf

SLACK = 0.3 if not is_sanitized() else 1.5


@contextmanager
def crowd(proxy: Sheaf, sessions: int) -> Iterator[Closings]:
    """So many open sessions, watched."""
    with Closings([RawWebSocket(proxy.port) for _ in range(sessions)]) as watched:
        yield watched


def drained(proxy: Sheaf, watched: Closings, number: signal.Signals = signal.SIGTERM) -> list[float]:
    """Ends the proxy, and tells when each client got its Close, in seconds after the signal."""
    began = time.monotonic()
    proxy.signal(number)
    closed = watched.wait_for(len(watched.clients), 30)
    assert {one.code for one in closed} == {1012}
    return sorted(one.at - began for one in closed)


def most_in_one_second(times: list[float]) -> int:
    return max(sum(1 for one in times if begin <= one < begin + 1) for begin in times)


def test_drain_of_many_sessions_spreads_over_the_time_it_has(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"drain": {"timeout": "5s"}})
    with crowd(proxy, 300) as watched:
        times = drained(proxy, watched)
        assert proxy.wait(5) == 0
    # Three of the five seconds: the rest is for the last Close handshakes.
    assert times[-1] < 3 + SLACK, "the last Close came late"
    assert times[-1] > 2.7, "the drain did not use its time"
    assert most_in_one_second(times) <= 1.5 * 100
    gaps = [after - before for before, after in zip([0.0, *times], times)]
    assert max(gaps) < 0.2 + SLACK, "they go in bursts"
    assert not proxy.log_lines("drain.timeout is over")


def test_window_ends_soon_before_the_timeout_where_handshakes_are_short(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"drain": {"timeout": "6s"}, "websocket": {"close_timeout": "200ms"}})
    with crowd(proxy, 60) as watched:
        times = drained(proxy, watched)
        assert proxy.wait(5) == 0
    assert 4.4 < times[-1] < 4.8 + SLACK
    assert most_in_one_second(times) <= 1.5 * 60 / 4.8


def test_up_to_20_sessions_of_all_workers_together_go_at_once(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"workers": 4, "drain": {"timeout": "20s"}})
    with crowd(proxy, 20) as watched:
        times = drained(proxy, watched)
        assert times[-1] < SLACK
        assert proxy.wait(3) == 0


def test_21_sessions_do_not_go_at_once(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"workers": 4, "drain": {"timeout": "5s"}})
    with crowd(proxy, 21) as watched:
        times = drained(proxy, watched)
        assert proxy.wait(5) == 0
    assert times[10] > 0.7 and times[-1] > 2
    assert most_in_one_second(times) <= 1.5 * 7 + 1


def test_sessions_that_were_idle_longest_go_first(make_sheaf, backend: Backend) -> None:
    conf = {"workers": 1, "drain": {"timeout": "3s"}, "memory": {"idle_after": "1s"}}  # activity is noted every 125 ms
    proxy = make_sheaf(backend.url, conf)
    with crowd(proxy, 40) as watched:
        time.sleep(0.3)
        active = range(0, 40, 2)
        for index in active:
            watched.clients[index].send_frame(TEXT, b"I am here")
        wait_until(lambda: all(watched.messages[index] for index in active), 5, "the active ones have their echo")
        drained(proxy, watched)
        assert proxy.wait(5) == 0
    assert set(watched.indices[:20]) == set(range(1, 40, 2))


def test_session_that_comes_out_of_its_handshake_amid_a_drain_is_closed_in_time(
    make_sheaf, make_recorder, backend: Backend
) -> None:
    go = threading.Event()

    def slow_handshake(request: Request) -> bytes:
        go.wait(10)
        return upgrade_answer(request)

    recorder: Recorder = make_recorder(slow_handshake, at_head=True)
    proxy = make_sheaf(recorder.url, {"drain": {"timeout": "4s"}, "pool": {"min_size": 0}})
    with RawClient(proxy.port) as late:
        late.send(upgrade("/ws/late").replace("\n", "\r\n").encode())
        wait_until(lambda: proxy.metric("sheaf_http_requests_active") == 1, 3, "the handshake is under way")
        began = time.monotonic()
        proxy.signal()
        wait_until(lambda: proxy.admin("/readyz")[0] == 503, 3, "it drains")
        time.sleep(0.5)
        go.set()
        assert late.response().status == 101
        assert RawWebSocket.over(late).read_close().code == 1012
        assert time.monotonic() - began < 2.4 + SLACK


def test_second_signal_amid_the_spreading_ends_it_at_once(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"drain": {"timeout": "25s"}})
    proxy.exit_codes = (1,)
    with crowd(proxy, 100) as watched:
        proxy.signal()
        watched.wait_for(3, 5)
        assert len(watched.closed) < 50
        began = time.monotonic()
        proxy.signal()
        assert proxy.wait(5) == 1
        assert time.monotonic() - began < 1 + SLACK
    assert proxy.log_lines("stopped before the drain was over")


# ---- at a terminal


class Terminal:
    """A pseudo-terminal. What runs under `wrapper` has it as its standard input, and its Ctrl-C."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.wrapper = ["sh", "-c", 'exec setsid --ctty "$@" <"$0"', os.ttyname(self.slave)]

    def press_control_c(self) -> None:
        os.write(self.master, b"\x03")

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


PATIENT = {"drain": {"delay": "15s", "timeout": "25s"}}


def test_control_c_at_a_terminal_ends_it_within_two_seconds(make_sheaf, backend: Backend, terminal: Terminal) -> None:
    proxy = make_sheaf(backend.url, PATIENT, wrapper=terminal.wrapper)
    with crowd(proxy, 60) as watched, RawClient(proxy.port) as endless:
        endless.send(b"GET /sse HTTP/1.1\r\nHost: a\r\n\r\n")
        endless.read_until(b"id: 0")
        began = time.monotonic()
        terminal.press_control_c()
        closed = watched.wait_for(60, 10)
        assert {one.code for one in closed} == {1012}
        assert 0.7 < max(one.at for one in closed) - began < 1.2 + SLACK, "they are not spread over the time there is"
        assert proxy.wait(5) == 0
        assert time.monotonic() - began < 2 + SLACK


def test_sigterm_keeps_its_delay_at_a_terminal(make_sheaf, backend: Backend, terminal: Terminal) -> None:
    proxy = make_sheaf(backend.url, PATIENT, wrapper=terminal.wrapper)
    proxy.exit_codes = (1,)
    proxy.signal()
    proxy.wait_for_log("draining")
    time.sleep(0.3)
    assert get(proxy.port, "/page").status == 200
    proxy.signal()
    assert proxy.wait(5) == 1


def test_sigint_keeps_its_delay_without_a_terminal(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, PATIENT)
    proxy.exit_codes = (1,)
    proxy.signal(signal.SIGINT)
    proxy.wait_for_log("draining")
    time.sleep(0.3)
    assert get(proxy.port, "/page").status == 200
    proxy.signal(signal.SIGINT)
    assert proxy.wait(5) == 1


# ---- while it starts


def test_sigterm_at_any_moment_of_the_start_ends_it_cleanly(folder: Path) -> None:
    conf = {
        "listen": {"address": f"127.0.0.1:{free_port()}"},
        "admin": {"address": f"127.0.0.1:{free_port()}"},
        "upstream": {"url": "http://127.0.0.1:9"},
        "drain": {"delay": "0s", "timeout": "5s"},
    }
    conf_file = write_conf(folder / "start.conf", conf, [])
    environment = {**os.environ, "TSAN_OPTIONS": f"suppressions={TSAN_SUPPRESSIONS}"}
    codes = []
    for milliseconds in [*range(0, 40, 2), 1500]:  # the last is behind the start, whatever the build
        with subprocess.Popen(
            [BINARY, "-c", conf_file], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
        ) as process:
            time.sleep(milliseconds / 1000)
            process.terminate()
            log = process.communicate(timeout=10)[1].decode()
            codes.append(process.returncode)
        # Before its first line it has not taken the signal over yet; then the kernel ends it.
        assert process.returncode == 0 or (process.returncode == -signal.SIGTERM and "listening" not in log), log
        assert not re.search("Sanitizer|runtime error", log), log
    assert codes[-1] == 0
