"""Issue 10, item 4: a reader of stderr that hangs, is slow or gone stops nothing, and gets no line cut."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.backend import Backend
from harness.log_pipe import LogPipe
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
from harness.sheaf import BINARY, Sheaf, is_sanitized

WHOLE_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) .*")
# A line of about 1,300 bytes, so that 2,000 of them are more than queue and pipe hold.
LONG = "User-Agent: " + "x" * 1000 + "\n"


@pytest.fixture
def pipe() -> Iterator[LogPipe]:
    made = LogPipe()
    yield made
    made.close()


def ask(proxy: Sheaf, count: int, fields: str = "", clients: int = 8) -> None:
    """`count` requests over several connections at once; each must be answered."""

    def run(client_number: int) -> None:
        with RawClient(proxy.port, timeout=10) as client:
            for number in range(count // clients):
                target = f"/status/200?client={client_number}&number={number}."
                assert client.request(f"GET {target} HTTP/1.1\nHost: a\n{fields}\n").status == 200

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(run, range(clients)))


def ends_within(proxy: Sheaf, seconds: float, number: signal.Signals = signal.SIGTERM) -> None:
    proxy.signal(number)
    assert proxy.wait(seconds) == 0


def dropped(proxy: Sheaf) -> float:
    return proxy.metric("sheaf_log_dropped_total")


def test_reader_that_hangs_stops_nothing(make_sheaf, backend: Backend, pipe: LogPipe) -> None:
    proxy = make_sheaf(backend.url, stderr=pipe.writer)
    ask(proxy, 2000, LONG)
    assert proxy.admin("/readyz")[0] == 200
    before = dropped(proxy)
    assert before > 0
    ask(proxy, 80, LONG)
    assert dropped(proxy) == before + 80, "access lines are dropped while the queue is full"
    ends_within(proxy, 2.5)
    pipe.read_to_end()
    assert pipe.lines("access") and all(WHOLE_LINE.fullmatch(line) for line in pipe.lines())


def test_reader_that_hangs_drops_nothing_as_long_as_the_queue_has_room(
    make_sheaf, backend: Backend, pipe: LogPipe
) -> None:
    pipe.fill()
    proxy = make_sheaf(backend.url, stderr=pipe.writer)
    ask(proxy, 400, LONG)
    assert dropped(proxy) == 0
    pipe.read()
    wait_until(lambda: len(pipe.lines("access")) == 400, 5, "all access lines")
    ends_within(proxy, 5)
    pipe.read_to_end()
    assert not pipe.lines("dropped")
    assert pipe.lines("listening") and "stopped" in pipe.lines()[-1]


def test_reader_that_wakes_up_is_told_once_what_was_dropped(make_sheaf, backend: Backend, pipe: LogPipe) -> None:
    proxy = make_sheaf(backend.url, stderr=pipe.writer)
    ask(proxy, 2000, LONG)
    lost = dropped(proxy)
    assert lost > 0
    pipe.read()
    (told,) = wait_until(lambda: pipe.lines("log lines were dropped"), 5, "a line about dropped lines")
    assert WHOLE_LINE.fullmatch(told) and " warning " in told and told.endswith(f" lines={lost:.0f}")
    ask(proxy, 400)
    ends_within(proxy, 5)
    pipe.read_to_end()
    assert len(pipe.lines("log lines were dropped")) == 1
    assert all(WHOLE_LINE.fullmatch(line) for line in pipe.lines())
    assert len(pipe.lines(" access ")) == 2400 - lost
    assert "stopped" in pipe.lines()[-1]


def test_reader_that_hangs_from_the_start_on_delays_neither_start_nor_end(
    make_sheaf, backend: Backend, pipe: LogPipe
) -> None:
    pipe.fill()
    proxy = make_sheaf(backend.url, stderr=pipe.writer)
    assert get(proxy.port, "/page").status == 200
    ends_within(proxy, 2.5)


def test_reader_that_is_gone_stops_nothing_and_keeps_no_thread_busy(
    make_sheaf, backend: Backend, pipe: LogPipe
) -> None:
    proxy = make_sheaf(backend.url, stderr=pipe.writer)
    pipe.close_reader()
    ask(proxy, 400)
    wait_until(lambda: dropped(proxy) >= 400, 3, "all lines count as dropped")
    used = proxy.cpu_seconds()
    time.sleep(0.5)
    assert proxy.cpu_seconds() - used < 0.25
    ends_within(proxy, 2.5)


@pytest.mark.parametrize("nonblocking", [False, True], ids=["blocking", "nonblocking"])
def test_slow_reader_gets_whole_lines_of_eight_workers_in_order(
    make_sheaf, backend: Backend, pipe: LogPipe, nonblocking: bool
) -> None:
    if nonblocking:
        pipe.set_nonblocking()
    proxy = make_sheaf(backend.url, {"workers": 8, "log": {"format": "json", "query": "full"}}, stderr=pipe.writer)
    pipe.read(pause=0.001)
    stop = threading.Event()

    def write_too() -> None:
        while not stop.is_set():
            try:
                os.write(pipe.writer, b'{"other": "' + b"y" * 1000 + b'"}\n')
            except BlockingIOError:
                time.sleep(0.001)

    other = threading.Thread(target=write_too)
    other.start()
    try:
        ask(proxy, 1600)
    finally:
        stop.set()
        other.join()
    assert dropped(proxy) == 0
    ends_within(proxy, 10)
    pipe.read_to_end()
    lines = [json.loads(line) for line in pipe.lines()]
    numbers: dict[str, list[int]] = {}
    for line in lines:
        if line.get("msg") == "access":
            found = re.fullmatch(r"/status/200\?client=(\d+)&number=(\d+)\.", str(line["target"]))
            assert found
            numbers.setdefault(found[1], []).append(int(found[2]))
    assert len(numbers) == 8 and all(order == list(range(200)) for order in numbers.values())
    assert any("other" in line for line in lines)


def exit_code(pipe: LogPipe, *command: str, seconds: float = 10) -> int:
    """Of a program that logs to the pipe; it must end by itself in time."""
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=pipe.writer, timeout=seconds, check=False
    ).returncode


def cannot_start(pipe: LogPipe, seconds: float = 10) -> int:
    """Exit code of a proxy that opens its log and then finds that the admin address is not its own."""
    address = f"listen.address=127.0.0.1:{free_port()}"
    return exit_code(pipe, str(BINARY), "--set", address, "--set", "admin.address=203.0.113.1:9", seconds=seconds)


def test_why_it_cannot_start_is_the_last_line(pipe: LogPipe) -> None:
    assert cannot_start(pipe) == 1
    pipe.read_to_end()
    assert "cannot start" in pipe.lines()[-1]


def test_reader_that_hangs_does_not_keep_what_cannot_start(pipe: LogPipe) -> None:
    pipe.fill()
    assert cannot_start(pipe, seconds=2.5) == 1


def test_reader_that_wakes_up_in_time_hears_why_it_cannot_start(pipe: LogPipe) -> None:
    pipe.fill()
    threading.Timer(0.3, pipe.read).start()
    assert cannot_start(pipe) == 1
    pipe.read_to_end()
    assert "cannot start" in pipe.lines()[-1]


def test_reader_that_hangs_does_not_keep_a_bad_configuration(pipe: LogPipe) -> None:
    pipe.fill()
    assert exit_code(pipe, str(BINARY), "--set", "workers=0", seconds=2.5) == 1


def test_second_signal_ends_it_though_the_reader_hangs(make_sheaf, backend: Backend, pipe: LogPipe) -> None:
    proxy = make_sheaf(backend.url, {"drain": {"delay": "20s", "timeout": "30s"}}, stderr=pipe.writer)
    pipe.fill()
    proxy.signal()
    time.sleep(0.2)
    proxy.exit_codes = (1,)
    proxy.signal()
    assert proxy.wait(2.5) == 1


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer needs the address space")
def test_exception_that_nobody_catches_is_told_and_ends_it(pipe: LogPipe) -> None:
    """Threads need stacks: with 200 MB of address space there is none for 64 workers."""
    command = ["prlimit", "--as=200000000", str(BINARY), "--set", "workers=64", "--set", "admin.address="]
    assert exit_code(pipe, *command, "--set", f"listen.address=127.0.0.1:{free_port()}") == -signal.SIGABRT
    pipe.read_to_end()
    assert "cannot go on" in pipe.lines()[-1] and "exception=" in pipe.lines()[-1]
    assert WHOLE_LINE.fullmatch(pipe.lines()[-1])


def test_log_of_a_process_without_stderr_goes_to_no_client(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, wrapper=["sh", "-c", 'exec "$0" "$@" 2>&-'])
    assert get(proxy.port, "/page").status == 200
    assert os.readlink(f"/proc/{proxy.process.pid}/fd/2") == "/dev/null"
