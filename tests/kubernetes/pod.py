"""A pod with Sheaf in it, taken out of rendered documents."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

from . import conf
from .render import Document

WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet"}
NAME = "sheaf"
"""Of the container that is Sheaf."""


def words(container: Document) -> list[str]:
    """What the container runs, command and arguments."""
    return [*container.get("command", []), *container.get("args", [])]


def uvicorn_option(container: Document, name: str) -> str:
    """Of "timeout-graceful-shutdown" the value of the flag, or of the variable that uvicorn reads instead; "" without either."""
    command = words(container)
    if f"--{name}" in command[:-1]:
        return command[command.index(f"--{name}") + 1]
    variable = "UVICORN_" + name.upper().replace("-", "_")
    return next((str(one.get("value", "")) for one in container.get("env", []) if one["name"] == variable), "")


@dataclasses.dataclass(frozen=True)
class Pod:
    """Of one workload. `sheaf` and `apps` are containers; `options` what Sheaf understands, by section and key."""

    name: str
    labels: dict[str, str]
    spec: Document
    sheaf: Document
    native: bool
    apps: list[Document]
    options: dict[str, Any]

    @property
    def containers(self) -> list[Document]:
        """Every container that runs as long as the pod does, init containers that end included."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def volumes(self) -> dict[str, Document]:
        """By name."""
        return {volume["name"]: volume for volume in self.spec.get("volumes", [])}

    def port(self, option: str) -> int:
        """The port of "listen" or "admin"; 0 where it is a Unix socket or several addresses."""
        address = str(self.options[option]["address"])
        return int(address.rsplit(":", 1)[1]) if address.rsplit(":", 1)[-1].isdigit() else 0

    def upstreams(self) -> list[str]:
        """The addresses of every backend, as the options write them."""
        first = self.options["upstream"]
        named = [url for backend in self.options.get("backend", []) for url in backend["urls"]]
        return (first["urls"] or [first["url"]]) + named

    def mounts_at(self, container: Document, folder: pathlib.PurePosixPath) -> set[str]:
        """The names of the volumes that the container has at this folder."""
        return {mount["name"] for mount in container.get("volumeMounts", []) if mount["mountPath"].rstrip("/") == str(folder)}


def workloads(documents: list[Document]) -> Iterator[Document]:
    """Those whose pods have a container named sheaf."""
    for document in documents:
        if document["kind"] in WORKLOADS:
            spec = document["spec"]["template"]["spec"]
            if any(one["name"] == NAME for one in [*spec.get("initContainers", []), *spec["containers"]]):
                yield document


def read(workload: Document, documents: list[Document], binary: str) -> Pod:
    """The workload's pod. Raises conf.Refused where Sheaf would not start in it."""
    template = workload["spec"]["template"]
    spec = template["spec"]
    sidecars = [one for one in spec.get("initContainers", []) if one["name"] == NAME]
    sheaf = (sidecars or [one for one in spec["containers"] if one["name"] == NAME])[0]
    command = words(sheaf)
    path = command[command.index("-c") + 1] if "-c" in command[:-1] else ""
    text = conf.mounted_file(path, sheaf, spec, documents) if path else ""
    return Pod(
        name=f"{workload['kind']}/{workload['metadata']['name']}",
        labels=template["metadata"].get("labels", {}),
        spec=spec,
        sheaf=sheaf,
        native=bool(sidecars),
        apps=[one for one in spec["containers"] if one["name"] != NAME],
        options=conf.options(binary, text, conf.environment(sheaf)),
    )
