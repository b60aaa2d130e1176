"""A proxy that leaks as much as the test says (the build with tests/fakes/ballast.cc), under a limit that it knows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from .cgroup import MIB
from .frames import RawWebSocket
from .ports import wait_until
from .reloading import ReloadableSheaf
from .sheaf import ROOT, Conf, Sheaf, is_sanitized, merged

BALLAST_BINARY = Path(os.environ.get("SHEAF_BALLAST_BINARY", ROOT / "build/release/tests/sheaf_ballast"))
LEVELS = ["normal", "moderate", "high", "critical"]
# So large that what the program itself needs is no matter of levels: 1 % is more than its heap grows by in a test.
LIMIT = (1024 if is_sanitized() else 256) * MIB
# Percent of the limit in the middle of each level, with the shipped thresholds (60, 72, 80).
INSIDE = {"normal": 50.0, "moderate": 66.0, "high": 76.0, "critical": 88.0}
# Looks and steps down that do not take the tests' time; the thresholds are the shipped ones.
QUICK: Conf = {"check_interval": "20ms", "dwell": "200ms", "hysteresis": 2}
IDLE: Conf = {"idle_after": "500ms"}
# Batches that wait for longer than the test does, and no warm connections: the backend's latest is the client's.
LONG_BATCHES: Conf = {"batching": {"timeout": "10s", "adaptive": False}, "pool": {"min_size": 0}}
OLD = 1.5  # seconds: longer than any idle_after in the tests


class LeakySheaf(Sheaf):
    """memory.limit is `limit` bytes; 0: there is none of Sheaf's own, the kernel's counts (a control group's)."""

    def __init__(
        self, folder: Path, upstream: str, conf: Conf | None = None, *arguments: Any, limit: int = LIMIT, **options: Any
    ) -> None:
        assert BALLAST_BINARY.exists(), f"{BALLAST_BINARY} is not built: run tests/run.sh, or set SHEAF_BALLAST_BINARY"
        self.ballast_file = folder / f"ballast-{id(self)}"
        self.ballast_file.write_text("0\n")
        memory: Conf = {"memory": {**QUICK, "limit": f"{limit // MIB}MiB" if limit else "0"}}
        options["environment"] = {**options.get("environment", {}), "SHEAF_BALLAST_FILE": str(self.ballast_file)}
        super().__init__(folder, upstream, merged(memory, conf or {}), *arguments, binary=BALLAST_BINARY, **options)
        self._held = 0
        if limit and self.memory["source"] != "process":
            self.stop()
            pytest.skip("this place has a memory limit of its own, against which others' memory counts, too")

    @property
    def memory(self) -> dict[str, Any]:
        """The latest reading: memory_optimizer of the statistics."""
        return self.stats()["memory_optimizer"]

    @property
    def level(self) -> str:
        return self.memory["pressure_level"]

    def hold(self, mebibytes: int) -> None:
        """Leaks so much in all; returns before it is done."""
        self._held = max(0, mebibytes)
        self.ballast_file.write_text(f"{self._held}\n")

    def fill_to(self, percent: float) -> None:
        """Leaks until so much of the limit is in use, or lets go, and waits until it is seen."""
        for _ in range(5):  # what else is in use may change meanwhile
            memory = self.memory
            change = round(percent / 100 * memory["limit_mb"] - memory["used_mb"])
            if change == 0:
                return
            self.hold(self._held + change)
            wait_until(self._holds_it, 20, f"{self._held} MiB are held")
            looks = self.memory["looks"]
            wait_until(lambda seen=looks: self.memory["looks"] > seen + 1, 10, "memory is looked at")
        assert abs(self.memory["percent"] - percent) < 2.5, f"{self.memory} instead of {percent} %"

    def _holds_it(self) -> bool:
        held = self.ballast_file.with_name(self.ballast_file.name + ".held")
        return (int(held.read_text() or -1) if held.exists() else 0) == self._held

    def wait_for_level(self, level: str, seconds: float = 10) -> None:
        wait_until(lambda: self.level == level, seconds, f"the level is {level}")

    def go_to(self, level: str) -> None:
        """Leaks, or lets go, until the level is this one."""
        self.fill_to(INSIDE[level])
        self.wait_for_level(level)

    def relief(self, step: str) -> float:
        """How often a step was taken; of shed_idle and shed_by_cost, how many sessions were closed by it."""
        return self.metric("sheaf_memory_relief_total", step=step)


class ReloadableLeaky(ReloadableSheaf, LeakySheaf):
    """Both: it leaks, and its conf file is written anew."""


MakeLeaky = Callable[..., LeakySheaf]


def leaky(
    make: MakeLeaky, backend_url: str, routes: list[dict[str, object]] | None = None, **memory: object
) -> LeakySheaf:
    """One worker and a short idle_after, unless the test says otherwise."""
    workers = memory.pop("workers", 1)
    sections = memory.pop("sections", {})
    assert isinstance(sections, dict)
    conf = {"workers": workers, "memory": {**IDLE, **memory}, **sections}
    return make(backend_url, conf, routes)


@contextmanager
def crowd(proxy: LeakySheaf, count: int, path: str = "/ws/idle") -> Iterator[list[RawWebSocket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(RawWebSocket(proxy.port, path)) for _ in range(count)]


def grow_old(proxy: LeakySheaf, seconds: float = OLD) -> None:
    """Lets the sessions' idleness pass its mark, by the proxy's own clock."""
    before = proxy.stats()["uptime_seconds"]
    wait_until(lambda: proxy.stats()["uptime_seconds"] >= before + seconds, seconds + 10, "time passes")


def shed(proxy: LeakySheaf) -> int:
    return proxy.memory["sessions_shed"]
