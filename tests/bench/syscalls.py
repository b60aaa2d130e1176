#!/usr/bin/env python3
"""Counts the system calls that a short connection costs in Sheaf, as shipped, and in nginx.

A connection is one GET, answered and closed; or a WebSocket: upgrade, one echo, Close from both sides; or the same whose
client hangs up without a Close. Each program runs in front of bench_backend, is attached to by `strace -f -c` once it has
served a first thousand, and serves --connections more; printed are calls a connection by name. --at-once clients keep as
many connections under way: with more of them, one epoll_wait serves several, so figures compare only for the same number.
"""

import argparse
import collections
import contextlib
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

import peer_configs  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parents[2]
WARM_UP = 1000
ATTACH_SECONDS = 10
MASK = bytes(4)  # a key of zeros leaves the payload as it is


def masked(first, payload):
    return bytes([first, 0x80 | len(payload)]) + MASK + payload


GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
UPGRADE = (b"GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
ECHO = masked(0x82, b"x" * 100)
CLOSE = masked(0x88, b"\x03\xe8")


# ---- the programs: name -> how to configure it


def sheaf_as_shipped(binary, site):
    """Nothing but addresses: the access log is on."""
    path = site.write("sheaf-shipped.conf", f"""
[listen]
address = "127.0.0.1:{site.port}"
[upstream]
url = "http://{site.backend}"
[admin]
address = "127.0.0.1:{peers.free_port()}"
""")
    return [binary, "-c", path], {}


def sheaf_without_log(binary, site):
    command, environment = sheaf_as_shipped(binary, site)
    return [*command, "--set", "log.access=false"], environment


def nginx_with_log(binary, site):
    """The access log as nginx ships it: one write a request."""
    command, environment = peer_configs.nginx(binary, site)
    path = site.folder / "nginx.conf"
    path.write_text(path.read_text().replace("access_log off;", "access_log access.log;"))
    return command, environment


SETUPS = {
    "sheaf": sheaf_as_shipped,
    "sheaf, no access log": sheaf_without_log,
    "vs": sheaf_as_shipped,
    "vs, no access log": sheaf_without_log,
    "nginx": nginx_with_log,
    "nginx, no access log": peer_configs.nginx,
}


# ---- the clients


def read_until(connection, done):
    """What comes until `done(data)`."""
    data = b""
    while not done(data):
        more = connection.recv(65536)
        if not more:
            raise RuntimeError(f"the connection ended early: {data[:100]!r}")
        data += more
    return data


def get(port):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(GET)
        data = b""
        while more := connection.recv(65536):
            data += more
        if not data.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"not answered with 200: {data[:100]!r}")


def echo(port, close=True):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(UPGRADE)
        head = read_until(connection, lambda data: b"\r\n\r\n" in data)
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"not upgraded: {head[:100]!r}")
        connection.sendall(ECHO)
        read_until(connection, lambda data: len(data) >= 102)
        if not close:
            return
        connection.sendall(CLOSE)
        read_until(connection, lambda data: len(data) >= 4)
        while connection.recv(65536):
            pass  # the server ends the connection first (RFC 6455 7.1.1)


def hang_up(port):
    echo(port, close=False)


KINDS = {"GET": get, "WebSocket": echo, "WebSocket without Close": hang_up}


def play(port, kind, connections, at_once):
    """So many connections in all; raises what the first client that failed has met."""
    problems = []

    def some(count):
        try:
            for _ in range(count):
                KINDS[kind](port)
        except (OSError, RuntimeError) as problem:
            problems.append(problem)

    counts = [connections // at_once + (number < connections % at_once) for number in range(at_once)]
    threads = [threading.Thread(target=some, args=(count,)) for count in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise RuntimeError(f"{kind}: {problems[0]}")


# ---- counting


@contextlib.contextmanager
def traced(pids, summary):
    """Meanwhile every thread of these processes is traced; the counts stand in `summary` afterwards."""
    command = ["strace", "-f", "-c", "-o", summary, *(word for pid in pids for word in ("-p", str(pid)))]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + ATTACH_SECONDS
        while not all(is_traced(pid) for pid in pids):
            if tracer.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("strace cannot attach")
            time.sleep(0.05)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()


def is_traced(pid):
    """Whether all its threads are."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return all(not re.search(r"TracerPid:\s+0\n", (task / "status").read_text()) for task in tasks)


def counts_in(summary):
    """Name -> calls, of strace's table."""
    found = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", summary.read_text(), re.MULTILINE)
    return collections.Counter({name: int(count) for count, name in found if name != "total"})


def measure(arguments, name, binary, kind, folder):
    """Name -> calls a connection."""
    with peers.start_backend(arguments.programs / "bench_backend", folder) as backend:
        label = re.sub(r"\W+", "-", name)
        with peers.start_proxy(label, SETUPS[name], binary, peer_configs.Site(folder, backend.port)) as proxy:
            play(proxy.port, kind, WARM_UP, arguments.at_once)
            summary = folder / f"{label}-{kind.replace(' ', '-')}.strace"
            with traced(proxy.pids(), summary):
                play(proxy.port, kind, arguments.connections, arguments.at_once)
                time.sleep(0.5)  # the last ones are closed
    return {call: count / arguments.connections for call, count in counts_in(summary).items()}


def table(kind, figures):
    """Calls a connection as Markdown, the most frequent first; those that hardly occur are summed up as "others"."""
    names = list(figures)
    calls = sorted({call for one in figures.values() for call in one},
                   key=lambda call: -max(one.get(call, 0) for one in figures.values()))
    shown = [call for call in calls if max(one.get(call, 0) for one in figures.values()) >= 0.05]
    rows = [[f"{kind}: calls a connection", *names]]
    rows += [[call, *(f"{one.get(call, 0):.2f}" for one in figures.values())] for call in shown]
    rest = [sum(count for call, count in one.items() if call not in shown) for one in figures.values()]
    rows.append(["others", *(f"{count:.2f}" for count in rest)])
    rows.append(["all", *(f"{sum(one.values()):.2f}" for one in figures.values())])
    return report.markdown(rows)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, default=SOURCE / "build/release/bench",
                        help="folder with bench_backend")
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    parser.add_argument("--vs", type=pathlib.Path, help="a second Sheaf to compare the first with")
    parser.add_argument("--connections", type=int, default=4000, help="counted, of each kind")
    parser.add_argument("--at-once", type=int, default=8, help="connections under way")
    parser.add_argument("--kind", default=",".join(KINDS), help="only these, separated by commas")
    arguments = parser.parse_args()
    arguments.programs = arguments.programs.resolve()  # they are started from another folder
    return arguments


def binary_of(name, arguments):
    found = {"sheaf": arguments.sheaf, "vs": arguments.vs, "nginx": peers.find("nginx")}[name.split(",")[0]]
    return pathlib.Path(found).resolve() if found else None


def main():
    arguments = read_arguments()
    programs = {name: binary for name in SETUPS if (binary := binary_of(name, arguments))}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "tmp").mkdir()
        for kind in arguments.kind.split(","):
            figures = {one: measure(arguments, one, binary, kind, folder) for one, binary in programs.items()}
            print(table(kind, figures) + "\n", flush=True)
    for program, binary in programs.items():
        if "," not in program:
            print(f"{program}: {peers.version(program, binary)}")
    if not peers.find("nginx"):
        print("not installed: nginx")
    return 0


if __name__ == "__main__":
    sys.exit(main())
