"""What a run's figures are of: the machine, and the versions of all that took part. What cannot be read is left out."""

import contextlib
import os
import pathlib
import platform
import re
import subprocess

import peers

PACKAGES = ("uvicorn", "fastapi", "starlette", "websockets", "python-socketio", "python-engineio", "uvloop", "httptools")
GOVERNOR = pathlib.Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def first_line(*words):
    """Of what a command says; None when there is no such command, or it fails."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True, timeout=20)
        return (done.stdout + done.stderr).strip().partition("\n")[0] or None
    return None


def field_of(file, name):
    """The value of a field in a file of /proc, or None."""
    with contextlib.suppress(OSError):
        found = re.search(rf"^{name}\s*:\s*(.+)$", pathlib.Path(file).read_text(), re.MULTILINE)
        return found and found[1]
    return None


def machine():
    """The computer, its system, and how busy it was just now."""
    memory = field_of("/proc/meminfo", "MemTotal")
    governor = GOVERNOR.read_text().strip() if GOVERNOR.is_file() else None
    release = platform.freedesktop_os_release() if pathlib.Path("/etc/os-release").exists() else {}
    known = {
        "processor": field_of("/proc/cpuinfo", "model name"), "cores": len(os.sched_getaffinity(0)),
        "memory": memory and f"{int(memory.split()[0]) / 2**20:.0f} GiB",
        "virtualisation": first_line("systemd-detect-virt"),
        "system": release.get("PRETTY_NAME"), "kernel": platform.release(), "governor": governor,
        "load at the start": " ".join(f"{one:.2f}" for one in os.getloadavg()),
    }
    return {name: value for name, value in known.items() if value is not None}


def compiler(sheaf):
    """The C++ compiler of a Sheaf in its build folder; None elsewhere."""
    cache = pathlib.Path(sheaf).resolve().parent / "CMakeCache.txt"
    found = cache.is_file() and re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache.read_text(), re.MULTILINE)
    return first_line(found[1], "--version") if found else None


def commit():
    """The source's, with "-dirty" where files differ from it; None outside of git."""
    return first_line("git", "-C", peers.SOURCE, "describe", "--always", "--dirty", "--exclude=*")


def packages(python):
    """Name -> version of what the Python backend runs on; empty without it."""
    code = ("import importlib.metadata as m, platform\n"
            f"print('Python', platform.python_version())\nfor n in {PACKAGES!r}: print(n, m.version(n))")
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
        return dict(line.split(" ") for line in done.stdout.splitlines())
    return {}


def versions(programs, python, sheaf):
    """Name -> version. `programs`: name -> (set-up, binary); `sheaf`: where the first Sheaf was built."""
    found = {name: peers.version(name, binary) for name, (_, binary) in programs.items()}
    others = {"C++ compiler": compiler(sheaf), "OpenSSL": first_line("openssl", "version")}
    return found | {name: value for name, value in others.items() if value} | packages(python)
