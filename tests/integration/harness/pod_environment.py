"""The environment variables of a pod's containers, as the kubelet makes them from env, envFrom and its own."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .pod_manifest import Manifest, quantity
from .pod_network import NODE


@dataclass(frozen=True)
class Identity:
    """What a pod can be told of itself."""

    name: str
    address: str
    labels: Mapping[str, str]

    def field(self, path: str) -> str:
        """The value of a fieldRef."""
        if label := re.fullmatch(r"metadata\.labels\['([^']+)'\]", path):
            return self.labels[label[1]]
        values = {
            "metadata.name": self.name,
            "metadata.namespace": "default",
            "metadata.uid": self.name,
            "spec.nodeName": "node",
            "status.podIP": self.address,
            "status.hostIP": NODE,
        }
        assert path in values, f"there is no field {path}"
        return values[path]


def environment(container: Mapping[str, Any], pod: Identity, manifest: Manifest) -> dict[str, str]:
    """All that the container's processes get besides its image's. Fails where a Secret is missing, as the kubelet does."""
    result = {"HOSTNAME": pod.name, "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    for source in container.get("envFrom", []):
        kind = "ConfigMap" if "configMapRef" in source else "Secret"
        name = (source.get("configMapRef") or source["secretRef"])["name"]
        prefix = source.get("prefix", "")
        result |= {prefix + key: value.decode() for key, value in manifest.data(kind, name).items()}
    for variable in container.get("env", []):
        if "valueFrom" in variable:
            value = _value_from(variable["valueFrom"], container, pod, manifest)
        else:
            value = re.sub(r"\$\((\w+)\)", lambda name: result.get(name[1], name[0]), variable.get("value", ""))
        if value is not None:
            result[variable["name"]] = value
    return result


def _value_from(source: Mapping[str, Any], container: Mapping[str, Any], pod: Identity, manifest: Manifest) -> str | None:
    if "fieldRef" in source:
        return pod.field(source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return _resource(source["resourceFieldRef"], container, manifest)
    kind, key = ("Secret", "secretKeyRef") if "secretKeyRef" in source else ("ConfigMap", "configMapKeyRef")
    reference = source[key]
    known = {document["metadata"]["name"] for document in manifest.of_kind(kind)}
    if reference.get("optional") and reference["name"] not in known:
        return None
    return manifest.data(kind, reference["name"])[reference["key"]].decode()


def _resource(reference: Mapping[str, Any], container: Mapping[str, Any], manifest: Manifest) -> str:
    """A limit or a request in units of `divisor`, rounded up; of a limit that is not set, what the node has."""
    owner = manifest.container(reference["containerName"]) if "containerName" in reference else container
    sort, _, name = reference["resource"].partition(".")
    value = owner.get("resources", {}).get(sort, {}).get(name)
    if value is None:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        value = {"cpu": os.cpu_count() or 1, "memory": pages}[name]
    return str(math.ceil(quantity(value) / (quantity(reference.get("divisor", "1")) or 1)))
