"""What a test does to a pod and asks it, from the node."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from .pod_clients import PlainTalker
from .pod_cluster import Cluster
from .pod_kubelet import Pod
from .pod_manifest import Manifest
from .pod_probes import http_get
from .pod_rendered import TOKEN

HTTP, ADMIN = 8080, 9901


async def status(pod: Pod, path: str = "/") -> int:
    """Of a GET through the pod's Sheaf."""
    return await http_get(pod.address, HTTP, {"path": path})


async def metrics(pod: Pod) -> dict[str, float]:
    """Those of the pod's Sheaf that have no labels."""
    reader, writer = await asyncio.open_connection(pod.address, ADMIN)
    writer.write(f"GET /metrics HTTP/1.0\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
    text = (await reader.read()).decode()
    writer.close()
    return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)\r?$", text, re.M)}


async def one_pod(cluster: Cluster) -> Pod:
    """A new one, ready."""
    pod = cluster.create()
    await cluster.wait_ready([pod])
    return pod


async def talking(cluster: Cluster, pod: Pod, count: int) -> list[PlainTalker]:
    """So many clients of the pod, each of which has had an acknowledgement."""
    talkers = [PlainTalker(f"c{number}", f"{pod.address}:{HTTP}", 0.1) for number in range(count)]
    await cluster.wait(lambda: all(one.acknowledged for one in talkers), 10, "all have been heard")
    return talkers


def with_conf(manifest: Manifest, addition: str) -> Manifest:
    """The same with more in the conf file."""
    changed = Manifest(manifest.documents)
    data: dict[str, Any] = changed.named("ConfigMap", "sheaf-conf")["data"]
    data["sheaf.conf"] += addition
    return changed
