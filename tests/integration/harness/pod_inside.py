"""The way into a container, run as root: its namespaces, its file system, its user, then its command as PID 1.

    python -I -S pod_inside.py '{"root": ..., ...}'      (what pod_container.Inside holds)

Ends as the command does, by the same signal. One byte on the descriptor `told` says that all went well until the command
began; standard error why not. (unshare(1) of Debian 12 does all of this but pass on a SIGKILL.)
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x20000, 0x2000000, 0x4000000
CLONE_NEWPID, CLONE_NEWNET = 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 1, 38, 24
SIGKILL = 9
LAST_CAPABILITY = int(open("/proc/sys/kernel/cap_last_cap").read())
DEVICES = ("null", "zero", "full", "random", "urandom")

_libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> None:
    """Raises OSError for what a function of libc has returned."""
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). Raises OSError."""
    result = _libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode())
    checked(result, f"mount {source} at {target}")


def enter_namespaces(sandbox: int) -> None:
    """Network and host name are the sandbox's, all else is new; PIDs for the next child on."""
    for name, kind in (("net", CLONE_NEWNET), ("uts", CLONE_NEWUTS)):
        with open(f"/proc/{sandbox}/ns/{name}", "rb") as namespace:
            checked(_libc.setns(namespace.fileno(), kind), f"setns {name}")
    checked(_libc.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP), "unshare")
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def end_like(child: int) -> NoReturn:
    """Waits for the child, then ends as it did."""
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status))


def bind(source: str, target: str, *, writable: bool) -> None:
    """Puts a file or a folder where another path leads to; the path is made."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "a").close()
    mount(source, target, flags=MS_BIND)
    if not writable:
        mount("", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID)


def build_root(inside: dict[str, Any]) -> None:
    """All that the container sees, below inside["root"]."""
    root = inside["root"]
    mount("tmpfs", root, "tmpfs", data="mode=0755")
    for path, value in inside["links"].items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.symlink(value, root + path)
    for source, path, writable in inside["mounts"]:
        bind(source, root + path, writable=writable)
    os.makedirs(f"{root}/dev", exist_ok=True)
    for device in DEVICES:
        bind(f"/dev/{device}", f"{root}/dev/{device}", writable=True)
    os.makedirs(f"{root}/proc", exist_ok=True)
    mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    os.makedirs(f"{root}/sys", exist_ok=True)
    mount("sysfs", f"{root}/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
    mount("tmpfs", f"{root}/sys/fs/cgroup", "tmpfs", data="mode=0755")
    for controller, group in inside["groups"].items():
        bind(group, f"{root}/sys/fs/cgroup/{controller}", writable=False)
    if inside["read_only"]:
        mount("", root, flags=MS_REMOUNT | MS_BIND | MS_RDONLY)


def become_user(inside: dict[str, Any]) -> None:
    """Gives up root and, as drop: ["ALL"] has it, every capability for good."""
    for capability in range(LAST_CAPABILITY + 1):
        _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups(inside["groups_of_user"])
    os.setresgid(inside["group"], inside["group"], inside["group"])
    os.setresuid(inside["user"], inside["user"], inside["user"])
    _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # After the change of user, which takes it away: the container ends with the test that started it.
    _libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)


def main() -> None:
    inside = json.loads(sys.argv[1])
    enter_namespaces(inside["sandbox"])
    if child := os.fork():
        os.close(inside["told"])
        end_like(child)
    build_root(inside)
    os.chroot(inside["root"])
    os.chdir(inside["folder"])
    become_user(inside)
    os.environ.clear()
    os.environ.update(inside["environment"])
    os.write(inside["told"], b"1")
    os.close(inside["told"])
    os.execvp(inside["command"][0], inside["command"])


if __name__ == "__main__":
    main()
