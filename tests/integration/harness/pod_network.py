"""The network of one node: a bridge, and a network namespace for each pod.

    with node_network() as network:
        address = network.attach(pid)      # of a process in a new network namespace

The node itself is a network namespace, which the calling thread enters for the while, and with it all threads and
processes that it starts: addresses, ports and names of interfaces meet nobody else's, and everything goes with the last
process in it. From there the pods can be reached, as by a kubelet; the rest of the machine cannot.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .pod_skip import skip_pods

CLONE_NEWNET = 0x40000000
BRIDGE = "pods"
NODE = "10.244.0.1"  # the kubelet's end; the pods count on from there
SERVICES = "10.96.0.0/24"  # all of it is the node's own, as with kube-proxy

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _ip(commands: str, *prefix: str) -> None:
    """Lines of ip(8). Raises CalledProcessError."""
    subprocess.run([*prefix, "ip", "-batch", "-"], input=commands, text=True, check=True, capture_output=True, timeout=10)


class Network:
    """Made by node_network()."""

    def __init__(self) -> None:
        _ip(
            f"link set lo up\nroute add local {SERVICES} dev lo\nlink add {BRIDGE} type bridge\n"
            f"addr add {NODE}/24 dev {BRIDGE}\nlink set {BRIDGE} up\n"
        )
        self._latest = int(NODE.rpartition(".")[2])

    def attach(self, process: int) -> str:
        """Gives the process's network namespace a loopback, an address and a way to the node. Returns the address."""
        self._latest += 1
        address = f"{NODE.rpartition('.')[0]}.{self._latest}"
        host_end = f"pod{self._latest}"
        _ip(
            f"link add {host_end} type veth peer name eth0 netns {process}\n"
            f"link set {host_end} master {BRIDGE}\nlink set {host_end} up\n"
        )
        _ip(
            f"link set lo up\naddr add {address}/24 dev eth0\nlink set eth0 up\nroute add default via {NODE}\n",
            *("nsenter", "--target", str(process), "--net"),
        )
        return address


@contextmanager
def node_network() -> Iterator[Network]:
    """Enters a new node, and leaves it at the end. Skips the test where none can be made."""
    if os.geteuid() != 0:
        skip_pods("that takes root")
    if not shutil.which("ip"):
        skip_pods("ip(8) is missing: apt-get install iproute2")
    outside = os.open(f"/proc/self/task/{_thread()}/ns/net", os.O_RDONLY)
    try:
        try:
            _checked(_libc.unshare(CLONE_NEWNET))
        except OSError as error:
            skip_pods(f"no network namespace can be made: {error.strerror}")
        try:
            yield _made()
        finally:
            _checked(_libc.setns(outside, CLONE_NEWNET))
    finally:
        os.close(outside)


def _thread() -> int:
    return int(Path("/proc/thread-self").readlink().name)


def _made() -> Network:
    try:
        return Network()
    except subprocess.CalledProcessError as error:
        skip_pods(f"the node's network cannot be made: {error.stderr.strip()}")
