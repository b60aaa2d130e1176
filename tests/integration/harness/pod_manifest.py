"""What the rendered documents say: Deployment, ConfigMaps, Secrets and Service, and the numbers in them.

    manifest = Manifest(list(yaml.safe_load_all(text)))

The documents are taken as Kubernetes would get them, wherever they come from: a file, kustomize or helm.
"""

from __future__ import annotations

import base64
import copy
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

Document = dict[str, Any]

UNITS = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


class Manifest:
    """The documents of one application."""

    def __init__(self, documents: Sequence[Document | None]) -> None:
        self.documents = [copy.deepcopy(one) for one in documents if one]

    def of_kind(self, kind: str) -> list[Document]:
        return [one for one in self.documents if one["kind"] == kind]

    def named(self, kind: str, name: str) -> Document:
        found = [one for one in self.of_kind(kind) if one["metadata"]["name"] == name]
        assert len(found) == 1, f"the pod wants {kind} {name}, and there are {len(found)}: it would not start"
        return found[0]

    @property
    def deployment(self) -> Document:
        (deployment,) = self.of_kind("Deployment")
        return deployment

    @property
    def service(self) -> Document:
        """The one that leads to the Deployment's pods and has an address."""
        labels = self.deployment["spec"]["template"]["metadata"]["labels"]
        (service,) = [
            one
            for one in self.of_kind("Service")
            if one["spec"]["selector"].items() <= labels.items() and one["spec"].get("clusterIP") != "None"
        ]
        return service

    @property
    def pod_spec(self) -> Document:
        return self.deployment["spec"]["template"]["spec"]

    def container(self, name: str) -> Document:
        (found,) = [
            one
            for one in [*self.pod_spec.get("initContainers", []), *self.pod_spec["containers"]]
            if one["name"] == name
        ]
        return found

    def data(self, kind: str, name: str) -> dict[str, bytes]:
        """The keys of a ConfigMap or a Secret."""
        document = self.named(kind, name)
        if kind == "ConfigMap":
            binary = {key: base64.b64decode(value) for key, value in document.get("binaryData", {}).items()}
            return {key: value.encode() for key, value in document.get("data", {}).items()} | binary
        data = {key: base64.b64decode(value) for key, value in document.get("data", {}).items()}
        return data | {key: value.encode() for key, value in document.get("stringData", {}).items()}


def quantity(text: str | float) -> float:
    """Kubernetes' numbers with a unit: "256Mi" in bytes, "100m" in CPUs."""
    found = re.fullmatch(r"([0-9.]+)(m|k|M|G|Ki|Mi|Gi)?", str(text))
    assert found, f"not a quantity: {text}"
    return float(found[1]) * UNITS[found[2] or ""]


def share(value: int | str, replicas: int, *, up: bool) -> int:
    """maxSurge (`up`) or maxUnavailable: a number of pods, or a percentage of `replicas`, rounded up or down."""
    if isinstance(value, int):
        return value
    hundredths = int(value.removesuffix("%")) * replicas
    return -(-hundredths // 100) if up else hundredths // 100


def is_sidecar(container: Mapping[str, Any]) -> bool:
    """Whether this init container is a native one."""
    return container.get("restartPolicy") == "Always"


def hastened(manifest: Manifest, pace: float) -> Manifest:
    """The same with the times that the containers themselves keep: `sleep` in a preStop hook, uvicorn's graceful shutdown
    (a second at least), and [drain] of the conf files. 0.25: a quarter of each. What the kubelet keeps is the kubelet's
    (Pod.pace)."""
    result = Manifest(manifest.documents)
    spec = result.pod_spec
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        hook = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
        if len(hook) == 2 and hook[0].endswith("sleep"):
            hook[1] = str(float(hook[1]) * pace)
        _hasten_uvicorn(container, pace)
    for document in result.of_kind("ConfigMap"):
        document["data"] = {key: _hastened_drain(text, pace) for key, text in document.get("data", {}).items()}
    return result


def _hasten_uvicorn(container: Document, pace: float) -> None:
    def shorter(seconds: str) -> str:
        return str(math.ceil(int(seconds) * pace))

    command = container.get("command", [])
    if "--timeout-graceful-shutdown" in command:
        place = command.index("--timeout-graceful-shutdown") + 1
        command[place] = shorter(command[place])
    for variable in container.get("env", []):
        if variable["name"] == "UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN":
            variable["value"] = shorter(variable["value"])


def _hastened_drain(text: str, pace: float) -> str:
    def shorter(found: re.Match[str]) -> str:
        milliseconds = int(found[2]) * (1 if found[3] == "ms" else 1000)
        return f'{found[1]} = "{round(milliseconds * pace)}ms"'

    head, section, rest = text.partition("[drain]")
    body, bracket, after = rest.partition("\n[")
    return head + section + re.sub(r'^(delay|timeout) = "(\d+)(ms|s)"', shorter, body, flags=re.M) + bracket + after
