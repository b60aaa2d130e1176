"""How each proxy is set up: as its own documentation recommends for WebSockets, and all alike where it matters.

All have as many threads as there are CPUs, a listen queue of 4,096, room for all clients, idle tunnels that live for an
hour, X-Forwarded-For, TLS 1.2 and 1.3 with the same certificate, no compression, and no access log. Who has a buffer a
direction smaller than the messages of a scenario (nginx: a page; HAProxy: 16 KiB) gets larger ones for it, as an
operator with such messages would give them. Each function writes the file, and returns the command and the environment.
"""

import os
import socket

THREADS = len(os.sched_getaffinity(0))
SOCKET = "backend.sock"  # of bench_backend, in the folder of the run
LARGE_BUFFER = 32768  # bytes, for messages of 16 KiB and their heads


def free_port():
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """What a proxy has to serve. `tls`: its listener; `settings`: Sheaf's; `unix`: whether the backend is reached over its
    Unix socket; `large`: whether messages are larger than usual buffers."""

    def __init__(self, folder, backend_port, *, tls=False, settings=(), unix=False, large=False):
        self.folder = folder
        self.settings = dict(settings)
        self.backend = f"127.0.0.1:{backend_port}"
        self.backend_port = backend_port
        self.socket = folder / SOCKET if unix else None
        self.large = large
        self.port = free_port()
        self.admin = free_port()  # Sheaf's
        self.tls = tls

    def write(self, name, text):
        """Writes a file into the folder of the run; returns its path."""
        path = self.folder / name
        path.write_text(text)
        return path


def nginx(binary, site):
    """With the map for Upgrade of its documentation."""
    tls = ("ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;"
           " ssl_session_cache shared:SSL:10m; ssl_session_tickets on;") if site.tls else ""
    buffers = "proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;" if site.large else ""
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
  upstream backend {{ server {f"unix:{site.socket}" if site.socket else site.backend}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{site.port} {"ssl" if site.tls else ""} reuseport backlog=4096;
    {tls}
    location / {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      {buffers}
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }}
  }}
}}
""")
    return [binary, "-p", site.folder, "-c", "nginx.conf", "-e", "stderr"], {}


def haproxy(binary, site):
    """One process of several threads; tunnels have a timeout of their own."""
    tls = "ssl crt both.pem alpn http/1.1" if site.tls else ""
    path = site.write("haproxy.cfg", f"""
global
  nbthread {THREADS}
  maxconn 9500
  ssl-default-bind-options ssl-min-ver TLSv1.2
  {f"tune.bufsize {LARGE_BUFFER}" if site.large else ""}
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
  server one {f"unix@{site.socket}" if site.socket else site.backend}
""")
    return [binary, "-db", "-q", "-f", path], {}


def caddy(binary, site):
    """Its reverse_proxy needs no word for WebSockets."""
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
  reverse_proxy {f"unix/{site.socket}" if site.socket else site.backend}
}}
""")
    home = str(site.folder)
    return ([binary, "run", "--config", path, "--adapter", "caddyfile"],
            {"GOMAXPROCS": str(THREADS), "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home})


ENVOY_TLS = """
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [http/1.1]
            tls_params: {tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_3}
            tls_certificates: [{certificate_chain: {filename: cert.pem}, private_key: {filename: key.pem}}]"""


def envoy(binary, site):
    """What its documentation recommends at the edge: buffers of 32 KiB, use_remote_address, timeouts; no admin listener."""
    backend = (f"pipe: {{path: {site.socket}}}" if site.socket else
               f"socket_address: {{address: 127.0.0.1, port_value: {site.backend_port}}}")
    tls = ENVOY_TLS if site.tls else ""
    path = site.write("envoy.yaml", f"""
static_resources:
  listeners:
  - name: clients
    address: {{socket_address: {{address: 127.0.0.1, port_value: {site.port}}}}}
    tcp_backlog_size: 4096
    per_connection_buffer_limit_bytes: 32768
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          codec_type: HTTP1
          use_remote_address: true
          common_http_protocol_options: {{idle_timeout: 3600s}}
          stream_idle_timeout: 3600s
          request_headers_timeout: 10s
          upgrade_configs: [{{upgrade_type: websocket}}]
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: "/"}}, route: {{cluster: app, timeout: 0s, idle_timeout: 3600s}}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}{tls}
  clusters:
  - name: app
    connect_timeout: 5s
    per_connection_buffer_limit_bytes: 32768
    circuit_breakers: {{thresholds: [{{max_connections: 20000, max_requests: 20000, max_pending_requests: 20000}}]}}
    load_assignment:
      cluster_name: app
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{{backend}}}}}
""")
    return [binary, "-c", path, "--concurrency", str(THREADS), "--disable-hot-restart", "-l", "error"], {}


def sheaf(binary, site):
    """Its defaults, and what the scenario sets."""
    tls = f'tls_certificate = "{site.folder}/cert.pem"\ntls_key = "{site.folder}/key.pem"' if site.tls else ""
    path = site.write("sheaf.conf", f"""
workers = "auto"
[listen]
address = "127.0.0.1:{site.port}"
{tls}
[upstream]
url = "{f"unix:{site.socket}" if site.socket else f"http://{site.backend}"}"
[pool]
max_size = 10000
[admin]
address = "127.0.0.1:{site.admin}"
[log]
level = "warning"
access = false
""")
    sets = [word for name, value in site.settings.items() for word in ("--set", f"{name}={value}")]
    return [binary, "-c", path, *sets], {}


SETUPS = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy, "envoy": envoy}
