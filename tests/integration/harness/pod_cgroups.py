"""The control groups of a pod: one for the pod, below it one for each container, with the limits of the manifest.

Version 1, for the controllers that are mounted where programs look for them (/sys/fs/cgroup). Elsewhere there are none:
the containers run without limits, and tests of limits ask `Groups.limited` first.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .cgroup import MemoryCgroup, mounted_at
from .pod_manifest import quantity

PERIOD = 100_000  # microseconds: the kubelet's
CONTROLLERS = ("memory", "cpu")
_numbers = itertools.count(1)


class Groups:
    """Those of one pod. `name`: of the pod."""

    def __init__(self, name: str) -> None:
        mounts = {controller: mounted_at(controller) for controller in CONTROLLERS}
        mounted = {key: mount for key, mount in mounts.items() if mount and _can_be_used(mount)}
        unique = f"sheaf-test-{os.getpid()}-{next(_numbers)}-{name}"
        self._folders = {controller: mount / unique for controller, mount in mounted.items()}
        self._names = {controller: mount.name for controller, mount in mounted.items()}
        for folder in self._folders.values():
            folder.mkdir()

    @property
    def limited(self) -> bool:
        """Whether limits of memory and of CPU hold."""
        return set(self._folders) == set(CONTROLLERS)

    def make(self, container: Mapping[str, Any]) -> dict[str, Path]:
        """The container's own groups, by the folder of /sys/fs/cgroup in which it sees each; the same ones after a
        restart."""
        limits = container.get("resources", {}).get("limits", {})
        files = {}
        if "memory" in limits:
            files["memory"] = ("memory.limit_in_bytes", quantity(limits["memory"]))
        if "cpu" in limits:
            files["cpu"] = ("cpu.cfs_quota_us", quantity(limits["cpu"]) * PERIOD)
        made = {}
        for controller, pod in self._folders.items():
            folder = pod / container["name"]
            folder.mkdir(exist_ok=True)
            if controller in files:
                file, value = files[controller]
                (folder / file).write_text(f"{int(value)}\n")
            made[self._names[controller]] = folder
        return made

    def remove(self) -> None:
        """Kills what is left in them."""
        for pod in self._folders.values():
            for folder in [*(path for path in pod.iterdir() if path.is_dir()), pod]:
                MemoryCgroup(folder).remove()


def _can_be_used(mount: Path) -> bool:
    return mount.parent == Path("/sys/fs/cgroup") and os.access(mount, os.W_OK)
