"""A proxy whose conf file is written anew while it runs, and what each option promises of a reload."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from .ports import wait_until
from .sheaf import BINARY, Conf, Sheaf, conf_text, merged

TOKEN = "reload-test"
STATS = "/api/performance/websocket/stats"

Test = TypeVar("Test", bound=Callable[..., object])


def _promise(takes: str, options: tuple[str, ...]) -> Callable[[Test], Test]:
    def note(test: Test) -> Test:
        test.__dict__.setdefault("promises", {}).update(dict.fromkeys(options, takes))
        return test

    return note


def live(*options: str) -> Callable[[Test], Test]:
    """The test shows that a reload of these acts on what exists."""
    return _promise("live", options)


def new_sessions(*options: str) -> Callable[[Test], Test]:
    """The test shows that a living session keeps its value of these, and that a new one has the reload's."""
    return _promise("new sessions", options)


def restart(*options: str) -> Callable[[Test], Test]:
    """The test shows that a reload names these and changes nothing."""
    return _promise("restart", options)


BOTH_PLACES = pytest.mark.parametrize("in_route", [False, True], ids=["option", "route"])
# Where the key of a route has another name than the option whose value it inherits.
ROUTE_KEYS = {"timeouts.response": "response_timeout", "timeouts.body": "body_timeout", "deflate.enabled": "deflate"}


def where(option: str, value: object, in_route: bool) -> tuple[Conf, list[Conf]]:
    """Conf and routes that set a value as an option, or as the key of a route that all paths belong to."""
    section, _, key = option.partition(".")
    if in_route:
        return {}, [{"path": "/", ROUTE_KEYS.get(option, key): value}]
    return {section: {key: value}}, []


def options_of(binary: Path = BINARY) -> dict[str, str]:
    """What each option of the table promises: "live", "new sessions" or "restart", by its full name."""
    manual = subprocess.run([str(binary), "--print-options-manual"], capture_output=True, text=True, check=True).stdout
    rows = [re.split(r"(?<!\\)\|", line) for line in manual.splitlines() if line.startswith("| `")]
    return {row[1].strip(" `"): row[4].strip() for row in rows if len(row) == 7}


class ReloadableSheaf(Sheaf):
    """The admin listener asks for TOKEN. `conf` and `routes` are what it began with; what a reload gets is laid over
    `conf`, not over the reload before."""

    def __init__(self, folder: Path, upstream: str, conf: Conf | None = None, *arguments: Any, **options: Any) -> None:
        self.token = TOKEN
        super().__init__(folder, upstream, merged({"admin": {"token": TOKEN}}, conf or {}), *arguments, **options)

    def admin(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, str]:
        return super().admin(path, method, {"Authorization": f"Bearer {self.token}", **(headers or {})})

    def text(self, conf: Conf | None = None, routes: list[Conf] | None = None) -> str:
        """The conf file's text; routes that are not given are those it began with."""
        return conf_text(merged(self.conf, conf or {}), self.routes if routes is None else routes)

    def put(self, conf: Conf | None = None, routes: list[Conf] | None = None) -> None:
        """Writes the conf file."""
        self.conf_file.write_text(self.text(conf, routes))

    def replace(self, conf: Conf | None = None, routes: list[Conf] | None = None) -> None:
        """The same in one step: a reload that is under way reads the old file or the new one, and none that is empty."""
        beside = self.conf_file.with_suffix(".new")
        beside.write_text(self.text(conf, routes))
        beside.replace(self.conf_file)

    def post(self) -> tuple[int, dict[str, Any]]:
        """POST /reload of the file as it is: status and answer."""
        status, body = self.admin("/reload", "POST")
        return status, json.loads(body)

    def reload(self, conf: Conf | None = None, routes: list[Conf] | None = None) -> dict[str, Any]:
        """Writes the file and has it taken up, by POST; returns the answer."""
        self.put(conf, routes)
        status, answer = self.post()
        assert (status, answer["status"]) == (200, "ok"), (status, answer)
        return answer

    def refuse(self, conf: Conf | None = None, routes: list[Conf] | None = None, *, text: str | None = None) -> str:
        """The same for a file that must not be taken up, or for `text` in its place; returns the error."""
        self.put(conf, routes)
        if text is not None:
            self.conf_file.write_text(text)
        before = self.generation
        status, answer = self.post()
        assert (status, answer["status"], answer["generation"]) == (422, "failed", before), (status, answer)
        return str(answer["error"])

    def hang_up(self) -> None:
        """SIGHUP; returns when its reload is over, whatever came of it."""
        before = self.reloads + self.failed
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.reloads + self.failed > before, 10, "SIGHUP reloads", every=0.002)

    @property
    def generation(self) -> int:
        return int(self.metric("sheaf_generation"))

    @property
    def reloads(self) -> int:
        return int(self.metric("sheaf_reload_total"))

    @property
    def failed(self) -> int:
        return int(self.metric("sheaf_reload_failed_total"))

    @contextmanager
    def unchanged_sessions(self) -> Iterator[None]:
        """No session ends meanwhile."""
        before = self.metric("sheaf_websocket_closes_total")
        yield
        assert self.metric("sheaf_websocket_closes_total") == before


def post_and_leave(proxy: ReloadableSheaf) -> None:
    """POST /reload by a client that does not wait for the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.admin_port, timeout=5)
    connection.request("POST", "/reload", headers={"Authorization": f"Bearer {proxy.token}"})
    connection.close()
