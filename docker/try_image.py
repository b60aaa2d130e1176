"""Tries the image of Sheaf with a container engine, in front of the demo backend: which files are in it, whom it runs as, what
it may do, whether its HEALTHCHECK tells the truth, and how it ends. Run by build_image.sh, with what tests/install.sh demo
installs.

Usage: build/venv/bin/python docker/try_image.py ENGINE IMAGE    ENGINE: docker or podman, options of it included
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

ROOT = pathlib.Path(__file__).resolve().parent.parent
FORBIDDEN = re.compile(r"(^|/)(sh|bash|dash|busybox|apt|apt-get|dpkg|perl|python3?|node|npm|ld|openssl)$")
# As an operator would run it. The limits are lower than an engine's own, which an engine within a container may not set.
FLAGS = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host", "--no-healthcheck",
         "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]  # fmt: skip


def expect(condition: bool, sentence: str) -> None:
    """Ends the program with the sentence where the condition is false."""
    if not condition:
        sys.exit(f"FAILED: {sentence}")


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Waits at most 20 s."""
    deadline = time.monotonic() + 20
    while not condition():
        expect(time.monotonic() < deadline, f"after 20 s still not: {what}")
        time.sleep(0.1)


class Engine:
    """The engine's command line. Its errors end the program, but for `succeeds`."""

    def __init__(self, words: str) -> None:
        self._words = words.split()

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run([*self._words, *arguments], capture_output=True, text=True, check=False)
        expect(done.returncode == 0, f"{' '.join(arguments[:2])}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def succeeds(self, *arguments: str) -> bool:
        """Whether the command ends with 0."""
        return subprocess.run([*self._words, *arguments], capture_output=True, check=False).returncode == 0

    def files(self, image: str) -> list[tarfile.TarInfo]:
        """What is in the image's root file system, but for the folders and links that the engine lays there."""
        container = self("create", image)
        try:
            with subprocess.Popen([*self._words, "export", container], stdout=subprocess.PIPE) as exporting:
                with tarfile.open(fileobj=exporting.stdout, mode="r|") as archive:
                    return [entry for entry in archive if entry.isfile()]
        finally:
            self("rm", container)


def check_description(engine: Engine, image: str) -> list[str]:
    """Looks at the files and the configuration; returns the words of the HEALTHCHECK."""
    files = engine.files(image)
    for entry in sorted(files, key=lambda entry: entry.name):
        print(f"  {entry.size:>9} {entry.name}")
    print(f"  {sum(entry.size for entry in files):>9} in {len(files)} files")
    expect(not any(FORBIDDEN.search(entry.name) for entry in files), "there is a shell, or a tool")
    expect(not any(entry.mode & 0o6000 for entry in files), "a file has the setuid or setgid bit")
    expect(not any(entry.mode & 0o022 for entry in files), "a file can be written by others than root")
    config: dict[str, Any] = json.loads(engine("image", "inspect", image))[0]
    settings = {**config, **config["Config"]}
    expect(settings["User"] == "65532:65532", f"the user is {settings['User']}")
    expect(settings["Entrypoint"] == ["/usr/bin/sheaf"], f"the entry point is {settings['Entrypoint']}")
    expect(settings.get("StopSignal", "SIGTERM") in ("SIGTERM", "15"), "it is not stopped by SIGTERM")
    for name, value in sorted(settings["Labels"].items()):
        print(f"  {name}={value}")
    health: list[str] = settings["Healthcheck"]["Test"]
    expect(health[0] == "CMD", f"the HEALTHCHECK needs a shell: {health}")
    return health[1:]


@contextlib.contextmanager
def running_backend(port: int) -> Iterator[None]:
    """The demo backend under uvicorn, which is up when the block begins."""
    command = [sys.executable, "-m", "uvicorn", "demo.app:app", "--app-dir", str(ROOT / "docker"), "--port", str(port),
               "--log-level", "warning"]  # fmt: skip
    with subprocess.Popen(command) as backend:
        try:
            wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the demo backend listens")
            yield
        finally:
            backend.terminate()


def check_process(pid: int) -> None:
    """As this machine sees it: user, capabilities, and no file open for writing."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    expect(set(fields["Uid"].split()) == {"65532"}, f"it runs as {fields['Uid']}")
    expect(all(int(fields[name], 16) == 0 for name in ("CapPrm", "CapEff", "CapBnd")), "it has capabilities")
    expect(fields["NoNewPrivs"].strip() == "1", "it could get privileges")
    mounts = [line.split() for line in pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    expect(all("ro" in mount[5].split(",") for mount in mounts if mount[4] == "/"), "its root can be written")
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        target = str(descriptor.readlink())
        expect(re.match(r"socket:|pipe:|anon_inode:|/dev/null|/proc/|/sys/", target) is not None, f"it holds {target}")


def check_traffic(port: int) -> None:
    """A request, and a WebSocket that echoes and ticks, from the backend's side to the client's."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/quotes", timeout=5) as answer:
        expect(answer.status == 200 and len(json.load(answer)) > 0, "GET /api/quotes did not come through")
    with connect(f"ws://127.0.0.1:{port}/ws/echo") as client:
        client.send("through the image")
        expect(client.recv(timeout=5) == "through the image", "the WebSocket does not echo")
    with connect(f"ws://127.0.0.1:{port}/ws/quotes") as client:
        expect("symbol" in json.loads(client.recv(timeout=5)), "no quote came")


def check_end(engine: Engine, container: str, port: int) -> None:
    """A SIGTERM with a WebSocket open: its client gets a Close 1012, and the process ends with 0."""
    with connect(f"ws://127.0.0.1:{port}/ws/echo") as client:
        client.send("still here")
        client.recv(timeout=5)
        engine("kill", "--signal", "TERM", container)
        try:
            client.recv(timeout=20)
            expect(False, "a message came that nobody sent")
        except ConnectionClosed as closed:
            expect(closed.rcvd is not None and closed.rcvd.code == 1012, f"the client was closed with {closed.rcvd}")
    expect(engine("wait", container) == "0", "it did not end with 0 after SIGTERM")


def check_running(engine: Engine, image: str, health: list[str]) -> None:
    """Starts the image without its backend, then with it, and ends it."""
    port, backend_port, admin_port = free_port(), free_port(), free_port()
    options = {
        "LISTEN_ADDRESS": f"127.0.0.1:{port}", "UPSTREAM_URL": f"http://127.0.0.1:{backend_port}", "DRAIN_TIMEOUT": "5s",
        "ADMIN_ADDRESS": f"127.0.0.1:{admin_port}", "DRAIN_DELAY": "0s", "POOL_HEALTH_CHECK_INTERVAL": "1s",
    }  # fmt: skip
    environment = [word for name, value in options.items() for word in ("--env", f"SHEAF_{name}={value}")]
    container = engine("run", "--detach", *FLAGS, *environment, image)
    try:
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", admin_port)) == 0, "Sheaf listens")
        expect(not engine.succeeds("exec", container, *health), "its HEALTHCHECK succeeds without a backend")
        with running_backend(backend_port):
            wait_until(lambda: engine.succeeds("exec", container, *health), "its HEALTHCHECK succeeds")
            check_traffic(port)
            check_process(int(engine("inspect", "--format", "{{.State.Pid}}", container)))
            check_end(engine, container, port)
    finally:
        engine("rm", "--force", container)


if __name__ == "__main__":
    chosen, name = Engine(sys.argv[1]), sys.argv[2]
    print(f"== trying {name} with {sys.argv[1]}")
    words = check_description(chosen, name)
    print(chosen("run", "--rm", *FLAGS, name, "--version"))
    print(chosen("run", "--rm", *FLAGS, name, "--check", "-c", "/etc/sheaf/sheaf.conf").splitlines()[0])
    check_running(chosen, name, words)
    print("== it serves, read-only, as 65532 without capabilities, is healthy when it is, and ends with 0 after SIGTERM")
