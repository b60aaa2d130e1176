"""Runs the services of docker/compose.yaml as processes of this machine: their commands, environment, volumes and secrets are
read from that file, and from the image of Sheaf what it adds. What a container has to itself is replaced: paths by folders of
the test, the names and ports of services by free ports of loopback."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from .ports import free_port, wait_until
from .sheaf import BINARY, ROOT

DOCKER = ROOT / "docker"
PROGRAMS = {"uvicorn": [sys.executable, "-m", "uvicorn"], "/usr/bin/sheaf": [str(BINARY)], "python": [sys.executable]}


def image_words(instruction: str) -> list[str]:
    """The words of ENTRYPOINT or CMD, in their exec form, of the image of Sheaf; of HEALTHCHECK those behind its CMD."""
    text = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
    found = re.findall(rf"^{instruction}\b.*?(\[.*\])$", text, flags=re.MULTILINE)
    words: list[str] = json.loads(found[-1])
    return words


class Composed:
    """All services that have a program here. `folder`: what the containers would see lies beneath it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
        self.port, self.admin_port, self.prometheus_port = free_port(), free_port(), free_port()
        self.token = secrets.token_hex(16)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "secrets").mkdir()
        for name in self.file["secrets"]:
            (folder / "secrets" / name).write_text(self.token + "\n")

    def _place(self, service: str, volume: str) -> tuple[str, Path]:
        """Where a volume is in the container, and here: named ones are shared, folders of the repository copied."""
        source, target = volume.split(":")[:2]
        if not source.startswith("."):
            place = self._folder / "volumes" / source
            place.mkdir(parents=True, exist_ok=True)
            return target, place
        place = self._folder / service / target.lstrip("/")
        if not place.exists():
            shutil.copytree(DOCKER / source, place)
        return target, place

    def _translate(self, service: str, text: str) -> str:
        """What names a place or an address in the container names the one here."""
        of_service = self.file["services"][service]
        places = dict(self._place(service, volume) for volume in of_service["volumes"])
        names = {target: str(place) for target, place in places.items()}
        names |= {f"/run/secrets/{name}": str(self._folder / "secrets" / name) for name in of_service.get("secrets", [])}
        names |= {"sheaf:9901": f"127.0.0.1:{self.admin_port}", '":9901"': f'"127.0.0.1:{self.admin_port}"',
                  "localhost:9090": f"127.0.0.1:{self.prometheus_port}"}  # fmt: skip
        pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        return re.sub(rf"(?<![\w/])(?:{pattern})(?!\w)", lambda found: names[found[0]], text)

    def _translate_files(self, service: str) -> None:
        """The copies of the repository's files too. Prometheus looks each second, so that tests do not wait for it."""
        for volume in self.file["services"][service]["volumes"]:
            if volume.startswith("."):
                _, place = self._place(service, volume)
                for path in [*place.rglob("*.conf"), *place.rglob("*.yml")]:
                    path.write_text(re.sub(r"(_interval: )\d+s", r"\g<1>1s", self._translate(service, path.read_text())))

    def _command(self, service: str, words: list[str]) -> list[str]:
        program, *arguments = words
        return [*PROGRAMS.get(program, [program]), *(self._translate(service, word) for word in arguments)]

    def _environment(self, service: str) -> dict[str, str]:
        """The service's own, and where its image would have its programs and the demo."""
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(DOCKER), **self.file["services"][service].get("environment", {})}

    def start(self, service: str, *more: str) -> None:
        """Starts a service; `more`: words for its command, for what a container has to itself."""
        of_service = self.file["services"][service]
        image = image_words("ENTRYPOINT") + image_words("CMD")
        words = {"sheaf": image, "prometheus": ["prometheus", *of_service.get("command", [])]}
        self._translate_files(service)
        command = self._command(service, words.get(service, of_service.get("command", [])))
        with (self._folder / f"{service}.log").open("wb") as log:
            self.processes[service] = subprocess.Popen(
                [*command, *more], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(service)
            )

    def is_healthy(self, service: str) -> bool:
        """What the service's health check says."""
        assert self.processes[service].poll() is None, self.log(service)
        checked = self.file["services"][service].get("healthcheck")
        words = checked["test"][1:] if checked else image_words("HEALTHCHECK")
        done = subprocess.run(self._command(service, words), env=self._environment(service), capture_output=True, check=False)
        return done.returncode == 0

    def start_all(self) -> None:
        """The applications, then Sheaf, each until it is healthy; then Prometheus."""
        applications = sorted(name for name in self.file["services"] if name.startswith("app"))
        for name in applications:
            self.start(name)
        for name in applications:
            self._wait_for(name)
        self.start("sheaf", "--set", f"listen.address=127.0.0.1:{self.port}", "--set", "drain.delay=0s")
        self._wait_for("sheaf")
        self.start("prometheus", f"--web.listen-address=127.0.0.1:{self.prometheus_port}")

    def _wait_for(self, service: str) -> None:
        wait_until(lambda: self.is_healthy(service), 40, f"{service} is healthy", every=0.2)

    def log(self, service: str) -> str:
        return (self._folder / f"{service}.log").read_text(errors="replace")

    def stop(self) -> dict[str, int]:
        """Stops all as `docker compose down` would, who depends on others before them; the exit codes by service."""
        codes = {}
        for service in sorted(self.processes, key=lambda name: name.startswith("app")):
            process = self.processes[service]
            process.send_signal(signal.SIGTERM)
            grace = self.file["services"][service].get("stop_grace_period", "10s")
            codes[service] = process.wait(int(grace.removesuffix("s")))
        return codes
