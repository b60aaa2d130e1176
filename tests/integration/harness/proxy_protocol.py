"""PROXY headers (proxy-protocol.txt of HAProxy), and HAProxy itself as the one that sends them."""

from __future__ import annotations

import ipaddress
import socket
import struct
import subprocess
from pathlib import Path
from types import TracebackType

from .ports import free_port, wait_until

HAPROXY = Path("/usr/sbin/haproxy")
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21


def line(source: str, destination: str = "") -> bytes:
    """Version 1."""
    version = ipaddress.ip_address(source).version
    return f"PROXY TCP{version} {source} {destination or source} 56324 443\r\n".encode()


def block(command: int, family: int, rest: bytes = b"") -> bytes:
    """Version 2, of any parts."""
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(rest)) + rest


def binary(source: str, triples: bytes = b"") -> bytes:
    """Version 2, for a TCP connection from `source`."""
    address = ipaddress.ip_address(source)
    family = 0x11 if address.version == 4 else 0x21
    return block(PROXY, family, address.packed * 2 + struct.pack(">HH", 56324, 443) + triples)


class HAProxy:
    """Passes TCP connections on to `target` ("127.0.0.1:port", "unix@path"), with `options` of its server line."""

    def __init__(self, folder: Path, target: str, options: str) -> None:
        self.port = free_port()
        conf = folder / f"haproxy-{self.port}.cfg"
        conf.write_text(
            f"""
defaults
    mode tcp
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen front
    bind 127.0.0.1:{self.port}
    server sheaf {target} {options}
"""
        )
        self._log = (folder / f"haproxy-{self.port}.log").open("wb")
        self.process = subprocess.Popen([HAPROXY, "-db", "-f", conf], stdout=self._log, stderr=self._log)
        wait_until(self._accepts, 10, "haproxy accepts")

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> HAProxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()
