"""The life of the installed service, told to a real systemd; run as root by service.sh in its container.

Usage: service_inside.py PACKAGES    a folder with sheaf_0.0.1-1_*.deb and a newer one
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

SOURCE = Path(__file__).resolve().parent.parent
CONF = Path("/etc/sheaf/sheaf.conf")
ADMIN = "/run/sheaf/admin.sock"
APP = """
async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (got := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": got["text"]})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
"""
SERVED = """
[listen]
address = ":443"
tls_certificate = "/etc/sheaf/tls.crt"
tls_key = "/etc/sheaf/tls.key"
[[listener]]
address = ":80"
tls_certificate = ""
[upstream]
url = "unix:/run/app/1.sock"
[admin]
address = "unix:/run/sheaf/admin.sock"
[drain]
delay = "0s"
timeout = "2s"
"""


def run(*words: str, status: int = 0) -> str:
    """What a command prints; fails with all of it where its exit status is another one."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == status, f"{' '.join(words)}: status {done.returncode}\n{done.stdout}"
    return done.stdout


def show(name: str) -> str:
    """A property of the unit, as `systemctl show` has it."""
    return run("systemctl", "show", "--value", "--property", name, "sheaf").strip()


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Until it is true; fails when that takes longer."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def get(path: str, connection: http.client.HTTPConnection) -> tuple[int, str]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def page(port: int, context: ssl.SSLContext | None = None) -> tuple[int, str]:
    if context is None:
        return get("/", http.client.HTTPConnection("127.0.0.1", port, timeout=10))
    return get("/", http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context))


def metric(name: str) -> float:
    """One gauge or counter without labels, over the admin listener's Unix socket."""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(ADMIN)
    found = re.search(rf"^{name} (\S+)$", get("/metrics", connection)[1], re.MULTILINE)
    assert found, name
    return float(found[1])


def process_status() -> dict[str, str]:
    """/proc/PID/status of the main process."""
    lines = Path(f"/proc/{show('MainPID')}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def listeners() -> str:
    return run("ss", "-Hltn")


def install(package: Path) -> str:
    return run("dpkg", "-i", str(package))


def installed_it_serves(old: Path, _: Path) -> None:
    install(old)
    assert show("ActiveState") == "active"
    assert run("systemctl", "is-enabled", "sheaf").strip() == "enabled"
    assert page(8080)[0] == 503, "there is no application yet"
    assert re.search(r"127\.0\.0\.1:8080\s", listeners()) and ":8080" not in listeners().replace("127.0.0.1:8080", "")


def serves_the_application_on_low_ports(_: Path, __: Path) -> None:
    run("useradd", "--system", "app")
    folder = Path("/srv/app")
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(APP)
    (folder / "venv").symlink_to(Path(sys.executable).parent.parent)
    Path("/etc/systemd/system/app@.service").write_text((SOURCE / "conf/systemd/app@.service").read_text())
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "app@1")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
        "-subj", "/CN=localhost", "-keyout", "/etc/sheaf/tls.key", "-out", "/etc/sheaf/tls.crt")
    run("chgrp", "sheaf", "/etc/sheaf/tls.key")
    run("chmod", "640", "/etc/sheaf/tls.key")
    CONF.write_text(SERVED)
    run("systemctl", "reload", "sheaf")
    wait_for(lambda: "generation 2" in show("StatusText"))
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    assert page(443, trusting) == (200, "hello")
    assert page(80) == (200, "hello")


def runs_with_one_capability(_: Path, __: Path) -> None:
    status = process_status()
    assert status["Uid"].split()[0] == run("id", "-u", "sheaf").strip()
    assert int(status["CapEff"], 16) == 1 << 10, "CAP_NET_BIND_SERVICE alone"
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    namespace = os.readlink(f"/proc/{show('MainPID')}/ns/mnt")
    assert namespace != os.readlink("/proc/self/ns/mnt")
    assert int(show("NRestarts")) == 0


def nothing_that_it_does_is_forbidden(_: Path, __: Path) -> None:
    """What fails for want of a right is in the log, or shows as a figure that is not there."""
    log = run("journalctl", "-u", "sheaf", "-b", "--no-pager")
    assert "not permitted" not in log and "denied" not in log and "read-only" not in log.lower(), log
    assert "no memory pressure trigger" not in log, log
    folder = Path(f"/proc/{show('MainPID')}/fd")
    assert any(os.readlink(link).endswith("memory") for link in folder.iterdir()), "PSI wakes it"
    assert metric("sheaf_memory_used_bytes") > 1_000_000
    assert metric("sheaf_memory_looks_total") > 0
    assert metric("process_open_fds") > 10
    assert os.stat(ADMIN).st_mode & 0o077 == 0, "whoever may write to it may do all"
    run("sheaf", "stats", "--admin", f"unix:{ADMIN}")


def takes_its_limit_from_the_cgroup(_: Path, __: Path) -> None:
    """Of version 1 the container's, of version 2 the unit's."""
    first_version = Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")
    if first_version.exists():
        assert metric("sheaf_memory_limit_bytes") == 1500 << 20 == int(first_version.read_text())
        return
    run("systemctl", "set-property", "--runtime", "sheaf", "MemoryMax=200M")
    wait_for(lambda: metric("sheaf_memory_limit_bytes") == 200 << 20)
    run("systemctl", "set-property", "--runtime", "sheaf", "MemoryMax=infinity")


def is_replaced_when_it_hangs(_: Path, __: Path) -> None:
    override = Path("/run/systemd/system/sheaf.service.d/watchdog.conf")
    override.parent.mkdir(parents=True)
    override.write_text("[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "sheaf")
    hung = int(show("MainPID"))
    os.kill(hung, signal.SIGSTOP)
    wait_for(lambda: show("NRestarts") == "1" and show("ActiveState") == "active")
    assert page(80) == (200, "hello")
    override.unlink()
    run("systemctl", "daemon-reload")


def a_wrong_conf_file_is_not_upgraded_to(_: Path, new: Path) -> None:
    before = show("MainPID")
    CONF.write_text(SERVED + "[poool]\n")
    assert "not restarted" in install(new)
    assert show("MainPID") == before and page(80) == (200, "hello")


def an_upgrade_drains(_: Path, new: Path) -> None:
    CONF.write_text(SERVED)
    before = show("MainPID")
    with connect("ws://127.0.0.1/") as client:
        client.send("a")
        assert client.recv() == "a"
        assert "not restarted" not in install(new)
        try:
            client.recv(timeout=10)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code == 1012, closed
    assert show("MainPID") != before and show("Result") == "success"
    assert CONF.read_text() == SERVED
    assert page(80) == (200, "hello")


def an_upgrade_knows_what_a_drop_in_sets(_: Path, new: Path) -> None:
    """A token that the service's environment alone has, without which the conf file is not valid."""
    override = Path("/etc/systemd/system/sheaf.service.d/override.conf")
    override.parent.mkdir(parents=True)
    override.write_text("[Service]\nEnvironment=SHEAF_UPSTREAM_TOKEN=0123456789abcdef0123456789abcdef\n")
    CONF.write_text(SERVED.replace("[upstream]\n", '[upstream]\nmode = "mux"\n'))
    run("sheaf", "-t", "-c", str(CONF), status=1)
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "sheaf")
    before = show("MainPID")
    assert "not restarted" not in install(new)
    assert show("MainPID") != before and page(80) == (200, "hello")
    before = show("MainPID")
    CONF.write_text(CONF.read_text() + "[poool]\n")
    assert "not restarted" in install(new) and show("MainPID") == before
    override.unlink()
    override.parent.rmdir()
    CONF.write_text(SERVED)
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "sheaf")


def what_is_disabled_stays_so(_: Path, new: Path) -> None:
    run("systemctl", "disable", "--now", "sheaf")
    assert show("Result") == "success" and not Path("/run/sheaf").exists()
    install(new)
    assert show("ActiveState") == "inactive"
    assert run("systemctl", "is-enabled", "sheaf", status=1).strip() == "disabled"
    run("systemctl", "enable", "--now", "sheaf")


def removed_it_ends_and_purged_it_is_gone(_: Path, __: Path) -> None:
    run("dpkg", "-r", "sheaf")
    assert show("ActiveState") == "inactive" and CONF.exists()
    for made in ("tls.key", "tls.crt"):
        (CONF.parent / made).unlink()
    run("dpkg", "-P", "sheaf")
    assert not CONF.parent.exists() and not Path("/run/sheaf").exists()
    assert show("LoadState") == "not-found"
    run("id", "sheaf", status=1)


STEPS = (
    installed_it_serves,
    serves_the_application_on_low_ports,
    runs_with_one_capability,
    nothing_that_it_does_is_forbidden,
    takes_its_limit_from_the_cgroup,
    is_replaced_when_it_hangs,
    a_wrong_conf_file_is_not_upgraded_to,
    an_upgrade_drains,
    an_upgrade_knows_what_a_drop_in_sets,
    what_is_disabled_stays_so,
    removed_it_ends_and_purged_it_is_gone,
)


def main() -> None:
    packages = sorted(Path(sys.argv[1]).glob("sheaf_*.deb"))
    print(run("systemctl", "--version").splitlines()[0], json.dumps([package.name for package in packages]))
    for step in STEPS:
        try:
            step(packages[0], packages[-1])
        except BaseException:
            print("FAILED", step.__name__, run("journalctl", "-n", "60", "--no-pager"), sep="\n")
            raise
        print("ok", step.__name__.replace("_", " "), flush=True)
    print(f"{len(STEPS)} passed, 0 failed")


main()
