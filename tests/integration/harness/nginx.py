"""A real nginx that ends TLS in front of Sheaf, as an ingress does."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from types import TracebackType

from .certificates import Pair
from .ports import free_port, wait_until

NGINX = Path("/usr/sbin/nginx")


class TlsFront:
    """Serves https://localhost:`port` and passes all on to `target`, a port, from the address `source`.

    `fields`: the proxy_set_header lines for forwarding fields; by default what most guides show.
    """

    def __init__(
        self,
        folder: Path,
        target: int,
        certificate: Pair,
        source: str = "127.0.0.1",
        fields: tuple[str, ...] = (
            "X-Forwarded-For $proxy_add_x_forwarded_for",
            "X-Forwarded-Proto $scheme",
            "X-Real-IP $remote_addr",
        ),
    ) -> None:
        self.port = free_port()
        home = folder / f"nginx-{self.port}"
        home.mkdir()
        (home / "nginx.conf").write_text(
            f"""
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  server {{
    listen 127.0.0.1:{self.port} ssl;
    ssl_certificate {certificate.certificate};
    ssl_certificate_key {certificate.key};
    location / {{
      proxy_pass http://127.0.0.1:{target};
      proxy_bind {source};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      {" ".join(f"proxy_set_header {field};" for field in fields)}
    }}
  }}
}}
"""
        )
        self._log = (home / "error.log").open("wb")
        self.process = subprocess.Popen(
            [NGINX, "-p", home, "-c", "nginx.conf", "-e", "stderr"], stdout=self._log, stderr=self._log
        )
        wait_until(self._accepts, 10, "nginx accepts")

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> TlsFront:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait()
        self._log.close()
