"""The proxies that are compared and the backends behind them: found, started and stopped.

A proxy is started anew for every measurement, so that none carries memory over. peer_configs.py has how each is set up.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

from peer_configs import SETUPS, SOCKET, free_port

SOURCE = pathlib.Path(__file__).resolve().parents[2]
STARTUP_SECONDS = 10
MUX_TOKEN = "no-secret-but-the-benchmarks"
OWN_PLACES = {"envoy": SOURCE / "build/envoy/envoy/_bin/envoy"}  # where tests/bench.sh installs it


def make_certificate(folder):
    """A self-signed P-256 certificate, the usual kind today; returns nothing, the names are fixed."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())


VERSION_ARGUMENTS = {"nginx": "-v", "haproxy": "-v", "caddy": "version", "envoy": "--version", "sheaf": "--version",
                     "vs": "--version"}


def find(name):
    """The program's path, or None. Debian puts servers where a user's PATH does not look."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    own = OWN_PLACES.get(name)
    return found or (own if own and own.is_file() else None)


def find_all():
    """Name -> path or None, of all other proxies."""
    return {name: find(name) for name in SETUPS}


def version(name, binary):
    """The number that the program says of itself, with what its package adds."""
    done = subprocess.run([binary, VERSION_ARGUMENTS[name]], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    found = re.search(r"(?<![\w.])\d+\.\d+\.\d+[\w.+~-]*", said)
    return found[0] if found else said.partition("\n")[0]


def process_tree(root):
    """The process and all its descendants."""
    children = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            text = entry.read_text()
            parent = int(text.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def answers(port, tls):
    """Whether GET / on the port is answered with 200."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") if tls else plain as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(4096).startswith(b"HTTP/1.1 200")
    return False


class Running:
    """A started server, as a context; its log stands in <folder>/<label>.log. `group`: a ControlGroup that it is in;
    `admin`: the port of its metrics."""

    def __init__(self, label, command, environment, folder, port, tls=False, group=None, admin=None):
        self.port = port
        self.admin = admin
        self._log_path = folder / f"{label}.log"
        self._tls = tls
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | environment, start_new_session=True, preexec_fn=group and group.enter)

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            undo.callback(self.__exit__)
            self._await_answer()
            undo.pop_all()
        return self

    def _await_answer(self):
        deadline = time.monotonic() + STARTUP_SECONDS
        while not answers(self.port, self._tls):
            if self.ended() or time.monotonic() > deadline:
                raise RuntimeError(f"does not start, see {self._log_path}")
            time.sleep(0.05)

    def pids(self):
        return process_tree(self._process.pid)

    def ended(self):
        return self._process.poll() is not None

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def start_backend(binary, folder):
    port = free_port()
    return Running("backend", [binary, f"127.0.0.1:{port}", SOCKET], {}, folder, port)


def start_uvicorn(python, folder, app, mux, group):
    """An app beside this file, as it would be run in production but for the access log. `mux`: with the middleware."""
    port = free_port()
    environment = {"PYTHONDONTWRITEBYTECODE": "1"}
    if mux:
        environment |= {"PYTHONPATH": str(SOURCE / "pool/asgi"), "SHEAF_APP": app, "SHEAF_TOKEN": MUX_TOKEN}
    command = [python, "-m", "uvicorn", "sheaf_asgi:app" if mux else app, "--app-dir", pathlib.Path(__file__).parent,
               "--port", port, "--log-level", "warning", "--backlog", "8192"]
    return Running("uvicorn", command, environment, folder, port, group=group)


def start_proxy(label, setup, binary, site, group=None):
    """A proxy in front of the site's backend. `setup`: of peer_configs.py."""
    command, environment = setup(binary, site)
    return Running(label, command, environment, site.folder, site.port, site.tls, group, site.admin)


def metric(running, name):
    """One of a Sheaf's metrics, all of its lines added up; None of another proxy."""
    with contextlib.suppress(OSError):
        with urllib.request.urlopen(f"http://127.0.0.1:{running.admin}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))
    return None
