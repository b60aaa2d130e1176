"""A memory control group for the processes of one run: what the kernel holds for them is counted with what they hold."""

import contextlib
import itertools
import os
import pathlib
import time

VERSION_1 = pathlib.Path("/sys/fs/cgroup/memory")  # counts a connection's memory by itself
VERSION_2 = pathlib.Path("/sys/fs/cgroup")
REMOVE_SECONDS = 5
_numbers = itertools.count(1)


class ControlGroup:
    """One group. `files`: each holds a number of bytes; the sum is what the group holds, kernel memory included."""

    def __init__(self, folder, files):
        self._folder = folder
        self.files = [folder / file for file in files]

    def enter(self):
        """Puts the calling process into the group."""
        (self._folder / "cgroup.procs").write_text("0")

    def remove(self):
        """Of a group whose processes have been told to end."""
        deadline = time.monotonic() + REMOVE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # a killed process leaves its group a moment later
                self._folder.rmdir()
                return
            time.sleep(0.05)


def make_group():
    """A new ControlGroup of the version that there is. OSError where there cannot be one: without root, or without the
    memory controller."""
    name = f"sheaf-bench-{os.getpid()}-{next(_numbers)}"
    if VERSION_1.is_dir():
        group = ControlGroup(VERSION_1 / name, ["memory.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes"])
        group.files[0].parent.mkdir()
        # Sockets' buffers are counted from the first limit on.
        (VERSION_1 / name / "memory.kmem.tcp.limit_in_bytes").write_text(str(1 << 40))
        return group
    if "memory" not in (VERSION_2 / "cgroup.subtree_control").read_text().split():
        raise OSError("the memory controller is not delegated")
    (VERSION_2 / name).mkdir()
    return ControlGroup(VERSION_2 / name, ["memory.current"])


@contextlib.contextmanager
def control_group():
    """A ControlGroup; None where there cannot be one."""
    try:
        group = make_group()
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        group.remove()
