"""A memory control group for the processes of one run: what the kernel holds for them is counted with what they hold."""

import contextlib
import itertools
import os
import pathlib
import time

MOUNT = pathlib.Path("/sys/fs/cgroup/memory")  # of version 1, which counts a connection's memory by itself
REMOVE_SECONDS = 5
_numbers = itertools.count(1)


class ControlGroup:
    """One group. `files`: each holds a number of bytes; the sum is what the group holds, kernel memory included."""

    def __init__(self, folder):
        self._folder = folder
        self.files = [folder / "memory.usage_in_bytes", folder / "memory.kmem.tcp.usage_in_bytes"]

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


@contextlib.contextmanager
def control_group():
    """A ControlGroup; None where there cannot be one: without root, or with version 2, which has no such groups for us."""
    folder = MOUNT / f"sheaf-bench-{os.getpid()}-{next(_numbers)}"
    try:
        folder.mkdir()
        # Sockets' buffers are counted from the first limit on.
        (folder / "memory.kmem.tcp.limit_in_bytes").write_text(str(1 << 40))
    except OSError:
        yield None
        return
    group = ControlGroup(folder)
    try:
        yield group
    finally:
        group.remove()
