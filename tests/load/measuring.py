"""What processes take, as the kernel counts it, and on what machine."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
import subprocess
import threading
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


def cpu_seconds(pid: int) -> float:
    """User and system time of a process's threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def pss_bytes(pid: int) -> int:
    """The proportional set size: what it shares counts by its share."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


class Meter:
    """CPU and the peak of memory of processes between `start` and `stop`; memory is sampled each `interval` seconds."""

    def __init__(self, pids: dict[str, int], interval: float = 1.0) -> None:
        self._pids, self._interval = pids, interval
        self._over = threading.Event()
        self._peaks = dict.fromkeys(pids, 0)
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def start(self) -> None:
        """From now on."""
        self._busy_before = machine_busy_seconds()
        self._before = {name: cpu_seconds(pid) for name, pid in self._pids.items()}
        self._thread.start()

    def stop(self) -> dict[str, dict[str, float]]:
        """Seconds of CPU and bytes by process; under "machine" the CPU of all that ran on it."""
        figures = {name: {"cpu_seconds": cpu_seconds(pid) - self._before[name]} for name, pid in self._pids.items()}
        figures["machine"] = {"cpu_seconds": machine_busy_seconds() - self._busy_before}
        self._over.set()
        self._thread.join()
        for name, peak in self._peaks.items():
            figures[name]["peak_bytes"] = peak
        return figures

    def _sample(self) -> None:
        while True:
            for name, pid in self._pids.items():
                self._peaks[name] = max(self._peaks[name], pss_bytes(pid))
            if self._over.wait(self._interval):
                return


def machine_busy_seconds() -> float:
    """CPU time of the machine that was not idle."""
    fields = [int(one) for one in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def machine(binary: Path, root: Path) -> dict[str, Any]:
    """What a figure is worth nothing without."""
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    commit = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    named = ("uvicorn", "fastapi", "python-socketio", "python-engineio", "websockets", "uvloop", "locust", "gevent", "websocket-client")
    return {
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs ({model[1] if model else platform.machine()}), "
                   f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // MIB} MiB",
        "load_average_before": os.getloadavg(),
        "sheaf": subprocess.run([binary, "--version"], env={}, capture_output=True, text=True, check=True).stdout.split("\n")[0],
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "node": subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip(),
        "packages": {name: version for name in named if (version := installed(name))},
    }


def installed(package: str) -> str:
    """Its version, or nothing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
