"""A real Prometheus with the rules and the configuration that docker/monitoring ships, in a hurry.

    with Prometheus(folder, [proxy, ...]) as prometheus:      # GuardedSheafs: one token for all
        prometheus.firing()

All durations are divided by HURRY, those of the rules and the scrape interval alike, so that what is eight samples stays
eight samples.
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from .guarded import TOKEN
from .ports import free_port, wait_until
from .sheaf import ROOT, Sheaf

SHIPPED = ROOT / "docker/monitoring/prometheus"
HURRY = 60  # a sample each quarter of a second
_UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000}

Json = dict[str, Any]
Labels = dict[str, str]


def hurried(duration: str) -> str:
    """A duration of Prometheus (one number and s, m or h), divided by HURRY."""
    return f"{int(duration[:-1]) * _UNITS[duration[-1]] // HURRY}ms"


def hurried_rules(text: str) -> Json:
    """The rules of a file, with windows and `for` in a hurry."""
    rules: Json = yaml.safe_load(text)
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["expr"] = re.sub(r"\[(\d+[smh])\]", lambda window: f"[{hurried(window[1])}]", rule["expr"])
            if "for" in rule:
                rule["for"] = hurried(rule["for"])
    return rules


class Prometheus:
    """Scrapes the admin listeners of `proxies`, as job sheaf, from start to stop()."""

    def __init__(self, folder: Path, proxies: list[Sheaf]) -> None:
        self.folder = folder / "prometheus"
        self.folder.mkdir()
        self.port = free_port()
        self._write_configuration(proxies)
        self.log_file = self.folder / "log"
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--log.level=warn",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: self._scraped(len(proxies)), 30, "Prometheus has scraped every target")

    def _write_configuration(self, proxies: list[Sheaf]) -> None:
        configuration = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
        for interval in ("scrape_interval", "evaluation_interval"):
            configuration["global"][interval] = hurried(configuration["global"][interval])
        (job,) = (one for one in configuration["scrape_configs"] if one["job_name"] == "sheaf")
        job["authorization"]["credentials_file"] = "token"
        job["static_configs"] = [{"targets": [f"127.0.0.1:{proxy.admin_port}" for proxy in proxies]}]
        configuration["scrape_configs"] = [job]
        (self.folder / "token").write_text(TOKEN)
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        for name in configuration["rule_files"]:
            (self.folder / name).write_text(yaml.safe_dump(hurried_rules((SHIPPED / name).read_text())))

    def _scraped(self, targets: int) -> bool:
        assert self._process.poll() is None, f"Prometheus ended:\n{self.log_file.read_text()}"
        try:
            return len(self.query("up == 1")) == targets
        except OSError:
            return False

    def _ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of Prometheus' HTTP interface. Raises HTTPError (an OSError) where it is none."""
        address = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[tuple[Labels, float]]:
        """Labels and value of each series of an expression's vector, now."""
        result = self._ask("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def series(self, selector: str) -> list[Labels]:
        """The labels of each series that a selector finds, __name__ among them."""
        return list(self._ask("series", **{"match[]": selector}))

    def firing(self, proxy: Sheaf) -> set[tuple[str, str]]:
        """Name and severity of the alerts that fire for a proxy."""
        alerts = self.query(f'ALERTS{{alertstate="firing", instance="127.0.0.1:{proxy.admin_port}"}}')
        return {(labels["alertname"], labels["severity"]) for labels, _ in alerts}

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def __enter__(self) -> Prometheus:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
