"""Whether the files for several processes behind one Sheaf keep what they promise: the sockets on which the application
listens are those that Sheaf asks, systemd takes the units, and nothing is ended before it could end by itself.
Usage: check_processes.py"""

from __future__ import annotations

import configparser
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from typing import Any

ROOT = pathlib.Path(__file__).parent.parent
UNITS = ROOT / "conf/systemd"
PROCESSES = 4
failures: list[str] = []


def expect(condition: bool, sentence: str) -> None:
    if not condition:
        failures.append(sentence)


def unit(name: str) -> configparser.SectionProxy:
    """The [Service] section of a unit."""
    parser = configparser.RawConfigParser(strict=False, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name)
    return parser["Service"]


def after(words: list[str], flag: str) -> str:
    """The word behind a flag; empty where there is none."""
    return words[words.index(flag) + 1] if flag in words else ""


def seconds(text: str) -> int:
    """Of "15s", or of a plain number."""
    return int(text.removesuffix("s"))


def check_systemd(conf: dict[str, Any]) -> None:
    app, sheaf = unit("app@.service"), unit("sheaf.service")
    command = app["ExecStart"].split()
    expected = [f"unix:{after(command, '--uds').replace('%i', str(number + 1))}" for number in range(PROCESSES)]
    expect(conf["upstream"]["urls"] == expected, f"conf/backends.conf does not ask where app@ listens: {expected}")
    expect(after(command, "--forwarded-allow-ips") == "*", "app@: uvicorn does not believe Sheaf's X-Forwarded-*")
    folder = pathlib.PurePosixPath(after(command, "--uds")).parent
    expect(folder == pathlib.PurePosixPath("/run") / app["RuntimeDirectory"], "app@: the sockets are not in RuntimeDirectory")
    expect(app["RuntimeDirectoryPreserve"] == "yes", "app@: the first process that ends takes the others' sockets with it")
    expect(app["Group"] == sheaf["Group"] and app["RuntimeDirectoryMode"] == "0750", "app@: not only Sheaf gets to the sockets")
    expect(seconds(app["TimeoutStopSec"]) > int(after(command, "--timeout-graceful-shutdown")), "app@ is killed too early")
    expect(seconds(sheaf["TimeoutStopSec"]) > 30, "sheaf.service is killed before drain.timeout is over")
    admin = pathlib.PurePosixPath(conf["admin"]["address"].removeprefix("unix:"))
    expect(admin.parent == pathlib.PurePosixPath("/run") / sheaf["RuntimeDirectory"], "the admin socket is in no RuntimeDirectory")


def check_units() -> None:
    """systemd's own view, where systemd-analyze is there; programs that are not on this machine are left out."""
    if not shutil.which("systemd-analyze"):
        print("systemd-analyze is not there: conf/systemd was not verified by it")
        return
    with tempfile.TemporaryDirectory() as folder:
        for path in UNITS.iterdir():
            text = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", path.read_text(), flags=re.MULTILINE)
            (pathlib.Path(folder) / path.name).write_text(text)
        names = [f"{folder}/{name}" for name in ("app@1.service", "app.target", "sheaf.service")]
        verified = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False
        )
    expect(verified.returncode == 0 and not verified.stderr, f"systemd-analyze: {verified.stderr}")


if __name__ == "__main__":
    check_systemd(tomllib.loads((ROOT / "conf/backends.conf").read_text()))
    check_units()
    for failure in failures:
        print("FAILED:", failure, file=sys.stderr)
    if not failures:
        print("conf/backends.conf and conf/systemd agree")
    sys.exit(1 if failures else 0)
