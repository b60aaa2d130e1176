"""Whether the parts of a pod find each other: sockets, volumes, ports, token, Service."""

from __future__ import annotations

import collections
import pathlib
import re
from collections.abc import Iterator

from .pod import Pod, uvicorn_option, words
from .render import Document


def application_listens_where_sheaf_asks(pod: Pod) -> Iterator[str]:
    """And believes what Sheaf says of clients, which uvicorn does of no Unix peer by itself."""
    sockets = {app["name"]: uvicorn_option(app, "uds") for app in pod.apps}
    asked = sorted(url.removeprefix("unix:") for url in pod.upstreams() if url.startswith("unix:"))
    if sorted(sockets.values()) != asked:
        yield f"Sheaf asks {asked}, the application listens on {sorted(sockets.values())}"
    for app in pod.apps:
        if uvicorn_option(app, "forwarded-allow-ips") != "*":
            yield f"{app['name']} does not believe Sheaf's X-Forwarded-*"


def sockets_are_in_a_shared_volume(pod: Pod) -> Iterator[str]:
    """One emptyDir at the same place in both."""
    for app in pod.apps:
        folder = pathlib.PurePosixPath(uvicorn_option(app, "uds")).parent
        shared = pod.mounts_at(app, folder) & pod.mounts_at(pod.sheaf, folder)
        if len(shared) != 1:
            yield f"{app['name']} and sheaf do not share a volume at {folder}"
        elif "emptyDir" not in pod.volumes[min(shared)]:
            yield f"the sockets' volume {min(shared)} is no emptyDir"


def volumes_match(pod: Pod) -> Iterator[str]:
    """Each mount has its volume, each volume a mount."""
    mounted = {mount["name"] for one in pod.containers for mount in one.get("volumeMounts", [])}
    for name in sorted(mounted ^ pod.volumes.keys()):
        yield f"volume {name} is " + ("mounted, but not there" if name in mounted else "there, but mounted by nobody")


def conf_file_arrives_when_it_changes(pod: Pod) -> Iterator[str]:
    """The kubelet never brings a changed ConfigMap to a mount with subPath; Sheaf reads a changed file with reload.watch. A name
    with kustomize's hash changes with the content, and restarts every pod in the place of a reload."""
    if "-c" not in words(pod.sheaf):
        yield "sheaf reads no conf file (-c)"
    if any("subPath" in mount for mount in pod.sheaf.get("volumeMounts", [])):
        yield "a changed conf file never arrives at a mount with subPath"
    mounted = [volume["configMap"]["name"] for volume in pod.volumes.values() if "configMap" in volume]
    if any(re.search("-[2456789bcdfghkmt]{10}$", name) for name in mounted):
        yield "a changed conf file restarts every pod: its ConfigMap has a hash in its name (disableNameSuffixHash)"
    if pod.options["reload"]["watch"] is not True:
        yield "a changed conf file is not read: reload.watch is off"


def token_comes_from_a_secret(pod: Pod) -> Iterator[str]:
    """Without a token anybody who reaches the pod could read what the admin listener tells."""
    token = [one for one in pod.sheaf.get("env", []) if one["name"] == "SHEAF_ADMIN_TOKEN"]
    if len(token) != 1 or "secretKeyRef" not in token[0].get("valueFrom", {}):
        yield "SHEAF_ADMIN_TOKEN does not come from a Secret"
    elif token[0]["valueFrom"]["secretKeyRef"].get("optional"):
        yield "the admin listener is open where the Secret is missing (optional)"


def ports_are_told(pod: Pod) -> Iterator[str]:
    """PodMonitors, NetworkPolicies and people go by the container's ports."""
    told = {port["containerPort"] for port in pod.sheaf.get("ports", [])}
    if told != {pod.port("listen"), pod.port("admin")}:
        yield f"sheaf tells the ports {sorted(told)}, but listens on {pod.port('listen')} and {pod.port('admin')}"
    names = collections.Counter(port.get("name") for one in pod.containers for port in one.get("ports", []))
    for name in [name for name, times in names.items() if name and times > 1]:
        yield f"two containers have a port of the name {name}"


def sheaf_starts_first_and_ends_last(pod: Pod) -> Iterator[str]:
    """An init container without this would have to end before the application starts."""
    if pod.native and pod.sheaf.get("restartPolicy") != "Always":
        yield "sheaf is an init container that would have to end, not a sidecar (restartPolicy: Always)"


def service_leads_to_sheaf(pod: Pod, documents: list[Document]) -> Iterator[str]:
    """By number, since Services do not resolve the port names of init containers before Kubernetes 1.32."""
    services = [one["spec"] for one in documents if one["kind"] == "Service" and one["spec"].get("selector")]
    leading = [one for one in services if one["selector"].items() <= pod.labels.items()]
    if not leading:
        yield "no Service selects the pod"
    for port in [port for one in leading for port in one["ports"]]:
        if port.get("targetPort", port["port"]) != pod.port("listen"):
            yield f"the Service's port {port['port']} does not lead to listen.address by number"
