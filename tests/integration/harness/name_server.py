"""What Sheaf's look-ups see: a resolv.conf and a hosts file of the test's own, and a name server that never answers."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType

import pytest

NAME = "backend.sheaf.test"


class SilentNameServer:
    """Takes questions on port 53 of a loopback address and answers none; `questions` counts them."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.address = "127.53.53.53"
        self.socket.bind((self.address, 53))
        self._questions = 0

    @property
    def questions(self) -> int:
        while True:
            try:
                self.socket.recv(4096)
            except BlockingIOError:
                return self._questions
            self._questions += 1

    def __enter__(self) -> SilentNameServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()


class Names:
    """Files that stand in for /etc/resolv.conf and /etc/hosts in a mount namespace of Sheaf's own."""

    def __init__(self, folder: Path, name_server: str | None = None) -> None:
        self.hosts = folder / "hosts"
        self.resolv_conf = folder / "resolv.conf"
        # Without a server nothing is asked: port 53 of the loopback refuses at once.
        self.resolv_conf.write_text(f"nameserver {name_server or '127.0.0.1'}\n")
        self.point_to(None)

    def point_to(self, *addresses: str | None) -> None:
        """NAME has these addresses from now on; None: no address. The file stays the one that is mounted."""
        lines = "".join(f"{address} {NAME}\n" for address in addresses if address)
        self.hosts.write_text(f"127.0.0.1 localhost\n{lines}")

    @property
    def wrapper(self) -> list[str]:
        """For Sheaf: runs it where these files are the system's."""
        script = 'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"'
        return ["unshare", "-m", "sh", "-c", script, "sh", str(self.resolv_conf), str(self.hosts)]


def skip_without_namespaces(folder: Path) -> None:
    """Skips the test where the kernel or the rights do not allow a mount namespace."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed (util-linux)")
    tried = subprocess.run([*Names(folder).wrapper, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no mount namespace can be made here: {tried.stderr.strip()}")
