"""A container as a process of this machine: PID 1 of its own namespaces, in the network of its pod.

Real: namespaces (mount, PID, cgroup; network and host name of the pod's sandbox), control groups, the root file system of
the image and nothing else, read-only where the manifest says so, user and groups, no capability, no_new_privs. As in a
real one a signal without a handler does not reach PID 1. Not there: seccomp and AppArmor profiles, a runtime, an image.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INSIDE = Path(__file__).with_name("pod_inside.py")
# Into the control groups named before "--", then the command behind it.
JOIN = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'


class Sandbox:
    """What holds the namespaces that a pod's containers share, as Kubernetes' pause container does."""

    def __init__(self, host_name: str) -> None:
        script = 'hostname "$0" && echo ready && exec sleep infinity'
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--uts", "sh", "-c", script, host_name]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout and self._process.stdout.readline() == "ready\n", "the pod has no namespaces"

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """The network ends with the last process in it."""
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True)
class Inside:
    """What a container is to be. `mounts`: source, path in the container, whether it may be written. `groups`: by folder
    of /sys/fs/cgroup."""

    root: str
    mounts: Sequence[tuple[str, str, bool]]
    links: Mapping[str, str]
    groups: Mapping[str, str]
    read_only: bool
    user: int
    group: int
    groups_of_user: Sequence[int]
    folder: str
    environment: Mapping[str, str]
    command: Sequence[str]


class Container:
    """One life of a container. `ended`: its exit code, negative the number of the signal that ended it."""

    def __init__(self, sandbox: Sandbox, inside: Inside, log_file: Path) -> None:
        self.inside = inside
        self.log_file = log_file
        self.pid: int | None = None  # of its PID 1, as this machine numbers it; None: it ended at once
        self.ended: asyncio.Task[int]
        self._sandbox = sandbox

    async def start(self) -> None:
        """Returns when its command is about to begin."""
        told, tell = os.pipe()
        words: dict[str, Any] = {**vars(self.inside), "sandbox": self._sandbox.pid, "told": tell}
        command = [sys.executable, "-I", "-S", str(INSIDE), json.dumps(words)]
        try:
            with self.log_file.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *self._joining(), "setpriv", "--pdeathsig", "KILL", *command,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(tell,), start_new_session=True,
                )  # fmt: skip
        finally:
            os.close(tell)
        self.ended = asyncio.create_task(self._process.wait())
        try:
            got_there = await asyncio.to_thread(os.read, told, 1)
        finally:
            os.close(told)
        assert got_there, f"the container does not start:\n{self.log()}"
        outer = self._process.pid
        with contextlib.suppress(FileNotFoundError, ValueError):  # a command that ends at once
            self.pid = int(Path(f"/proc/{outer}/task/{outer}/children").read_text())

    def _joining(self) -> list[str]:
        return ["/bin/sh", "-c", JOIN, "sh", *self.inside.groups.values(), "--"]

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """To its PID 1, unless that has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self.pid is not None and not self.ended.done():
                os.kill(self.pid, number)

    async def run(self, command: Sequence[str], seconds: float) -> int | None:
        """A command beside PID 1, as `kubectl exec`. Its exit code; None where it takes longer, and is killed."""
        namespaces = ["--mount", "--pid", "--net", "--uts", "--cgroup", "--root", "--wd"]
        user = ["--setuid", str(self.inside.user), "--setgid", str(self.inside.group)]
        with self.log_file.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._joining(), "/usr/bin/nsenter", "--target", str(self.pid), *namespaces, *user, "--", *command,
                env=dict(self.inside.environment),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            return await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):  # it has ended, and asyncio is about to tell
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
