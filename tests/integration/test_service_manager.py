"""What systemd is told (sd_notify), by a manager of the test's own at the other end of the datagram socket."""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.ports import wait_until
from harness.reloading import ReloadableSheaf


class Manager:
    """A datagram socket as systemd has it; `name` is the value of NOTIFY_SOCKET, "@name" an abstract one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        self.socket.settimeout(10)

    def take(self, beginning: str) -> str:
        """The next datagram but for those of the watchdog; fails where it does not begin so, or none comes."""
        while (text := self.socket.recv(4096).decode()) == "WATCHDOG=1":
            pass
        assert text.startswith(beginning), text
        return text

    def is_silent(self) -> bool:
        """Whether nothing is there to be read."""
        return not select.select([self.socket], [], [], 0)[0]

    def forget(self) -> None:
        """Leaves nothing that could be read."""
        while not self.is_silent():
            self.socket.recv(4096)


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    one = Manager(f"{tmp_path}/notify" if request.param == "path" else f"@sheaf-test-{tmp_path}")
    with one.socket:
        yield one


def start(folder: Path, backend: Backend, manager: Manager, **variables: str) -> ReloadableSheaf:
    environment = {"NOTIFY_SOCKET": manager.name, **variables}
    return ReloadableSheaf(folder, backend.url, {"drain": {"delay": "300ms"}}, environment=environment)


def test_from_ready_over_reloads_to_stopping(folder: Path, backend: Backend, manager: Manager) -> None:
    proxy = start(folder, backend, manager)
    assert manager.take("READY=1\n") == "READY=1\nSTATUS=serving"
    assert manager.is_silent()

    asked_at = time.monotonic_ns() // 1000
    proxy.hang_up()
    begun = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", manager.take("RELOADING=1\n"))
    assert begun and asked_at <= int(begun[1]) <= time.monotonic_ns() // 1000
    assert manager.take("READY=1\n") == "READY=1\nSTATUS=serving, generation 2"

    proxy.conf_file.write_text("[pool]\nmin_sise = 1\nmax_sise = 2\n")
    proxy.hang_up()
    manager.take("RELOADING=1\n")
    failed = manager.take("READY=1\n")
    assert "STATUS=the last reload failed, serving generation 2: " in failed and 'unknown key "min_sise"' in failed
    assert failed.count("\n") == 1 and "max_sise" not in failed

    proxy.signal()
    assert manager.take("STOPPING=1\n") == "STOPPING=1\nSTATUS=draining"
    assert proxy.admin("/readyz")[0] == 503, "it is told when the delay begins, not when it is over"
    proxy.stop()
    assert manager.is_silent()


def test_the_watchdog_is_fed_again_and_again(folder: Path, backend: Backend, manager: Manager) -> None:
    proxy = start(folder, backend, manager, WATCHDOG_USEC="600000")
    manager.take("READY=1\n")
    for _ in range(3):
        assert manager.socket.recv(4096) == b"WATCHDOG=1"
    with proxy.suspended():  # a process that hangs as a whole
        manager.forget()
        time.sleep(0.7)
        assert manager.is_silent()
    assert manager.socket.recv(4096) == b"WATCHDOG=1"
    proxy.stop()


def test_a_watchdog_of_another_process_is_not_fed(folder: Path, backend: Backend, manager: Manager) -> None:
    proxy = start(folder, backend, manager, WATCHDOG_USEC="200000", WATCHDOG_PID="1")
    manager.take("READY=1\n")
    time.sleep(0.5)
    assert manager.is_silent()
    proxy.stop()


def test_a_manager_that_has_gone_stops_nothing(folder: Path, backend: Backend, manager: Manager) -> None:
    manager.socket.close()
    proxy = start(folder, backend, manager)
    wait_until(lambda: proxy.log_lines("the service manager could not be told"), 5, "a line of the log")
    proxy.stop()
