"""A WSGI application for gunicorn: answers each request with its path; /slow waits a tenth of a second first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any


def app(environment: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    environment["wsgi.input"].read()
    path = str(environment["PATH_INFO"])
    if path == "/slow":
        time.sleep(0.1)
    body = path.encode("latin-1")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
