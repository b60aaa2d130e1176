"""The Pod Security Standard "restricted", and what Sheaf's containers promise beyond it.

Source: kubernetes.io/docs/concepts/security/pod-security-standards. Linux pods alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from .pod import Pod
from .render import Document

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
}
SECCOMP = {"RuntimeDefault", "Localhost"}


def pod_is_restricted(pod: Pod) -> Iterator[str]:
    """The pod shares nothing with its node."""
    for shared in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(shared):
            yield f"{shared} is on"
    for volume in pod.spec.get("volumes", []):
        if not volume.keys() & VOLUMES:
            yield f"volume {volume['name']} is of a kind that the profile forbids: {sorted(volume.keys() - {'name'})}"
    for sysctl in pod.spec.get("securityContext", {}).get("sysctls", []):
        if sysctl["name"] not in SYSCTLS:
            yield f"sysctl {sysctl['name']} is not among the safe ones"


def _privileges(container: Document) -> Iterator[str]:
    security = container.get("securityContext", {})
    capabilities = security.get("capabilities", {})
    if security.get("privileged"):
        yield "is privileged"
    if security.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges (allowPrivilegeEscalation)"
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "keeps capabilities"
    if security.get("procMount", "Default") != "Default":
        yield "sees more of /proc than others (procMount)"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "takes a port of the node"


def containers_are_restricted(pod: Pod) -> Iterator[str]:
    """Each container, with what the pod says for all of them."""
    for container in pod.containers:
        security = {**pod.spec.get("securityContext", {}), **container.get("securityContext", {})}
        for sentence in _privileges(container):
            yield f"{container['name']} {sentence}"
        if security.get("runAsNonRoot") is not True or security.get("runAsUser") == 0:
            yield f"{container['name']} may run as root"
        if security.get("seccompProfile", {}).get("type") not in SECCOMP:
            yield f"{container['name']} has no seccomp profile"


def containers_are_thrifty(pod: Pod) -> Iterator[str]:
    """Beyond the profile: a root that nobody writes to, a user by number, and bounds for the scheduler and the kernel."""
    for container in pod.containers:
        security = {**pod.spec.get("securityContext", {}), **container.get("securityContext", {})}
        resources = container.get("resources", {})
        if security.get("readOnlyRootFilesystem") is not True:
            yield f"{container['name']} has a root file system that can be written to"
        if "runAsUser" not in security:
            yield f"{container['name']} leaves its user to the image, of which runAsNonRoot may not know the number"
        if "memory" not in resources.get("limits", {}):
            yield f"{container['name']} has no memory limit"
        if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
            yield f"{container['name']} requests no CPU or memory"
