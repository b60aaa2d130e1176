"""The proxies that are compared: how each is configured, started and stopped.

Each is set up as its own documentation recommends for WebSockets, with as many threads as Sheaf has workers, no access
log, and the same certificate. A proxy is started anew for every measurement, so that none carries memory over.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

SOURCE = pathlib.Path(__file__).resolve().parents[2]
STARTUP_SECONDS = 10
SOCKET = "backend.sock"  # of bench_backend, in the folder of the run
MUX_TOKEN = "no-secret-but-the-benchmarks"
THREADS = len(os.sched_getaffinity(0))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(folder):
    """A self-signed P-256 certificate, the usual kind today; returns nothing, the names are fixed."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())


class Site:
    """What a proxy has to serve: a listening port, plain or TLS, and the backend's port."""

    def __init__(self, folder, backend_port, tls, settings):
        self.folder = folder
        self.settings = settings  # Sheaf's
        self.backend = f"127.0.0.1:{backend_port}"
        self.port = free_port()
        self.admin = free_port()  # Sheaf's
        self.tls = tls

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path


def nginx(binary, site):
    tls = ("ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;"
           " ssl_session_cache shared:SSL:10m; ssl_session_tickets on;") if site.tls else ""
    site.write("nginx.conf", f"""
user root;
worker_processes {THREADS};
worker_rlimit_nofile 20000;
daemon off;
pid nginx.pid;
events {{ worker_connections 9500; }}
http {{
  access_log off;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream backend {{ server {site.backend}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{site.port} {"ssl" if site.tls else ""} reuseport backlog=4096;
    {tls}
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout 1h;
    }}
  }}
}}
""")
    return [binary, "-p", site.folder, "-c", "nginx.conf", "-e", "stderr"], {}


def haproxy(binary, site):
    tls = "ssl crt both.pem alpn http/1.1" if site.tls else ""
    path = site.write("haproxy.cfg", f"""
global
  nbthread {THREADS}
  maxconn 9500
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 5s
  timeout client 1m
  timeout server 1m
  timeout tunnel 1h
  timeout http-request 10s
  option forwardfor
frontend clients
  bind 127.0.0.1:{site.port} backlog 4096 {tls}
  default_backend app
backend app
  server one {site.backend}
""")
    return [binary, "-db", "-q", "-f", path], {}


def caddy(binary, site):
    address = f"https://localhost:{site.port}" if site.tls else f"http://:{site.port}"
    tls = "tls cert.pem key.pem" if site.tls else ""
    path = site.write("Caddyfile", f"""
{{
  admin off
  auto_https off
  servers {{
    protocols h1
  }}
}}
{address} {{
  bind 127.0.0.1
  {tls}
  reverse_proxy {site.backend}
}}
""")
    home = str(site.folder)
    return ([binary, "run", "--config", path, "--adapter", "caddyfile"],
            {"GOMAXPROCS": str(THREADS), "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home})


def envoy(binary, site):
    host, port = site.backend.split(":")
    tls = """
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates: [{certificate_chain: {filename: cert.pem}, private_key: {filename: key.pem}}]""" \
        if site.tls else ""
    path = site.write("envoy.yaml", f"""
static_resources:
  listeners:
  - name: clients
    address: {{socket_address: {{address: 127.0.0.1, port_value: {site.port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          codec_type: HTTP1
          upgrade_configs: [{{upgrade_type: websocket}}]
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: "/"}}, route: {{cluster: app, timeout: 0s}}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}{tls}
  clusters:
  - name: app
    connect_timeout: 5s
    circuit_breakers: {{thresholds: [{{max_connections: 20000, max_requests: 20000, max_pending_requests: 20000}}]}}
    load_assignment:
      cluster_name: app
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: {host}, port_value: {port}}}}}}}
""")
    return [binary, "-c", path, "--concurrency", str(THREADS), "--disable-hot-restart", "-l", "error"], {}


def sheaf(binary, site):
    tls = f'tls_certificate = "{site.folder}/cert.pem"\ntls_key = "{site.folder}/key.pem"' if site.tls else ""
    path = site.write("sheaf.conf", f"""
workers = "auto"
[listen]
address = "127.0.0.1:{site.port}"
{tls}
[upstream]
url = "http://{site.backend}"
[pool]
max_size = 10000
[admin]
address = "127.0.0.1:{site.admin}"
[log]
level = "warning"
access = false
""")
    sets = [word for name, value in settings_of(binary, site.settings).items() for word in ("--set", f"{name}={value}")]
    return [binary, "-c", path, *sets], {}


def settings_of(binary, settings):
    """Those that the Sheaf knows. One from before batching is unbatched anyway; RuntimeError when it should batch."""
    known = subprocess.run([binary, "--print-default-config"], capture_output=True, text=True, check=False).stdout
    if "[batching]" in known:
        return settings
    if settings.get("batching.delivery") != "off":
        raise RuntimeError("this Sheaf has no batching")
    return {}


PEERS = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy, "envoy": envoy}
VERSION_ARGUMENTS = {"nginx": "-v", "haproxy": "-v", "caddy": "version", "envoy": "--version", "sheaf": "--version",
                     "vs": "--version"}


def find(name):
    """The program's path, or None. Debian puts servers where a user's PATH does not look."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def version(name, binary):
    done = subprocess.run([binary, VERSION_ARGUMENTS[name]], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().split("\n")[0]


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
        deadline = time.monotonic() + STARTUP_SECONDS
        while not answers(self.port, self._tls):
            if self.ended() or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"does not start, see {self._log_path}")
            time.sleep(0.05)
        return self

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


def start_proxy(label, setup, binary, folder, backend_port, tls, settings, group):
    settings = {name: value.replace("FOLDER", str(folder)) for name, value in settings.items()}
    site = Site(folder, backend_port, tls, settings)
    command, environment = setup(binary, site)
    return Running(label, command, environment, folder, site.port, tls, group, site.admin)


def metric(running, name):
    """One of a Sheaf's metrics, all of its lines added up; None of another proxy."""
    with contextlib.suppress(OSError):
        with urllib.request.urlopen(f"http://127.0.0.1:{running.admin}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))
    return None
