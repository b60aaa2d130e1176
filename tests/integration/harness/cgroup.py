"""A real memory limit of the kernel: a control group (version 1) of the test's own.

    with memory_cgroup(64 * MIB) as group:
        proxy = make_sheaf(backend.url, wrapper=group.wrapper)
        ...
        assert group.oom_kills == 0

The group lies directly below the root of the hierarchy, so that no other limit holds than the test's. Where the memory
controller is not mounted, it is mounted in a private folder for the while. Sheaf itself looks for its group below
/sys/fs/cgroup only (proxy/base/cgroup.h), so in such a place the limit holds for it, but it does not see it: ask
`seen_by_sheaf` first where that matters. Skips the test, with the reason, where no such group can be made: without
root, in a container with a read-only /sys/fs/cgroup, or where the controller belongs to version 2.

Every group is charged for accepted sockets, as in version 2. In version 1 the kernel does that (2.3 KiB for each, for
all groups alike) only while any group of the machine has ever had a limit of memory for TCP, be it one that was removed
but of which a cached file is left; so without a limit of its own a test would depend on what ran before it.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from .ports import wait_until

MIB = 1024 * 1024
STANDARD_MOUNT = Path("/sys/fs/cgroup/memory")
TCP_LIMIT = 1 << 40  # bytes: never reached
_numbers = itertools.count(1)


class MemoryCgroup:
    """One group. All sizes in bytes, as the kernel counts them: heap, page cache and kernel memory of its processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Puts a command into the group before its first instruction: the shell moves itself, then becomes the command.
        self.wrapper = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(folder)]
        self.seen_by_sheaf = folder.is_relative_to(STANDARD_MOUNT)

    def read(self, file: str) -> str:
        return (self.folder / file).read_text()

    def write(self, file: str, value: int) -> None:
        (self.folder / file).write_text(f"{value}\n")

    @property
    def limit(self) -> int:
        return int(self.read("memory.limit_in_bytes"))

    @limit.setter
    def limit(self, size: int) -> None:
        """Takes effect at once; raises OSError if more is in use than can be taken back."""
        self.write("memory.limit_in_bytes", size)

    @property
    def usage(self) -> int:
        return int(self.read("memory.usage_in_bytes"))

    @property
    def working_set(self) -> int:
        """What Sheaf goes by: the usage less the inactive file pages."""
        inactive = re.search(r"^total_inactive_file (\d+)$", self.read("memory.stat"), re.MULTILINE)
        assert inactive
        return max(0, self.usage - int(inactive[1]))

    @property
    def peak(self) -> int:
        """The highest usage since the beginning or the last reset_peak."""
        return int(self.read("memory.max_usage_in_bytes"))

    def reset_peak(self) -> None:
        self.write("memory.max_usage_in_bytes", 0)

    @property
    def failures(self) -> int:
        """How often the limit was hit, and memory was reclaimed before anything else."""
        return int(self.read("memory.failcnt"))

    @property
    def oom_kills(self) -> int:
        """How many processes the kernel has killed for want of memory."""
        kills = re.search(r"^oom_kill (\d+)$", self.read("memory.oom_control"), re.MULTILINE)
        assert kills, "this kernel does not count OOM kills in memory.oom_control"
        return int(kills[1])

    @property
    def processes(self) -> list[int]:
        return [int(line) for line in self.read("cgroup.procs").split()]

    def remove(self) -> None:
        """Kills what is left in the group, then removes it."""
        wait_until(self._emptied, 10, f"{self.folder} is empty and can be removed")

    def _emptied(self) -> bool:
        for process in self.processes:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            self.folder.rmdir()
        except OSError:  # a killed process leaves the group some time after it has ended
            return False
        return True


def mounted_at(controller: str = "memory") -> Path | None:
    """The mount of this version 1 controller whose root is the hierarchy's or a container's own group."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        # proc(5): id parent device root mount-point options [tags...] - type source super-options
        mount, _, file_system = line.partition(" - ")
        kind, _, super_options = file_system.split(" ", 2)
        if kind == "cgroup" and controller in super_options.split(","):
            return Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), mount.split(" ")[4]))
    return None


@contextmanager
def _mounted_here() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sheaf-cgroup-") as folder:
        command = ["mount", "-t", "cgroup", "-o", "memory", "none", folder]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        except FileNotFoundError:
            pytest.skip("no memory cgroup: the version 1 controller is not mounted, and there is no mount command")
        if done.returncode != 0:
            pytest.skip(f"no memory cgroup: version 1 is not mounted and cannot be: {done.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True, timeout=10)


def _make(mount: Path, limit: int) -> MemoryCgroup:
    group = MemoryCgroup(mount / f"sheaf-test-{os.getpid()}-{next(_numbers)}")
    try:
        group.folder.mkdir()
    except OSError as error:
        pytest.skip(f"no memory cgroup: {group.folder} cannot be made: {error.strerror}")
    try:
        group.limit = limit
        # With swap the limit would slow processes down instead of ending them.
        group.write("memory.swappiness", 0)
        group.write("memory.kmem.tcp.limit_in_bytes", TCP_LIMIT)
    except OSError as error:
        group.remove()
        pytest.skip(f"no memory cgroup: {error.filename} cannot be written: {error.strerror}")
    return group


@contextmanager
def memory_cgroup(limit: int) -> Iterator[MemoryCgroup]:
    """A group with this limit, for the length of the with statement; what still runs in it then is killed."""
    with ExitStack() as stack:
        group = _make(mounted_at() or stack.enter_context(_mounted_here()), limit)
        stack.callback(group.remove)
        yield group


@contextmanager
def seen_memory_cgroup(limit: int) -> Iterator[MemoryCgroup]:
    """The same. Skips the test where Sheaf would not see the group."""
    with memory_cgroup(limit) as group:
        if not group.seen_by_sheaf:
            pytest.skip("the memory controller is not mounted where Sheaf looks for it")
        yield group
