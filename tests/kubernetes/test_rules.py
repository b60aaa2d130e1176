"""Each rule catches what it is for: a sound manifest is broken on purpose, in one place at a time."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Callable, Iterator

import pytest

from . import ending, probes, quantities, render, restricted, rules, schemas, wiring
from .pod import read, workloads
from .render import Document

BINARY = os.environ["SHEAF_BINARY"]
SOUND = render.manifest((render.ROOT / "docker/k8s/sidecar.yaml").read_text())


@dataclasses.dataclass
class Manifest:
    """A copy of the sound documents, to be broken."""

    documents: list[Document]

    def of_kind(self, kind: str) -> Document:
        return next(document for document in self.documents if document["kind"] == kind)

    @property
    def pod(self) -> Document:
        spec: Document = self.of_kind("Deployment")["spec"]["template"]["spec"]
        return spec

    @property
    def sheaf(self) -> Document:
        container: Document = self.pod["initContainers"][0]
        return container

    @property
    def app(self) -> Document:
        container: Document = self.pod["containers"][0]
        return container

    def edit_conf(self, old: str, new: str) -> None:
        data = self.of_kind("ConfigMap")["data"]
        assert old in data["sheaf.conf"]
        data["sheaf.conf"] = data["sheaf.conf"].replace(old, new)

    def edit_command(self, flag: str, value: str) -> None:
        command = self.app["command"]
        command[command.index(flag) + 1] = value


Edit = Callable[[Manifest], object]
SECURITY = "securityContext"

BREAKS: list[tuple[Callable[..., Iterator[str]], str, Edit]] = [
    (restricted.pod_is_restricted, "hostNetwork is on", lambda m: m.pod.update(hostNetwork=True)),
    (restricted.pod_is_restricted, "forbids: ['hostPath']",
     lambda m: m.pod["volumes"].append({"name": "node", "hostPath": {"path": "/"}})),
    (restricted.pod_is_restricted, "sysctl kernel.msgmax",
     lambda m: m.pod[SECURITY].update(sysctls=[{"name": "kernel.msgmax", "value": "1"}])),
    (restricted.containers_are_restricted, "app may gain privileges",
     lambda m: m.app[SECURITY].pop("allowPrivilegeEscalation")),
    (restricted.containers_are_restricted, "sheaf is privileged", lambda m: m.sheaf[SECURITY].update(privileged=True)),
    (restricted.containers_are_restricted, "sheaf keeps capabilities", lambda m: m.sheaf[SECURITY].pop("capabilities")),
    (restricted.containers_are_restricted, "app keeps capabilities",
     lambda m: m.app[SECURITY]["capabilities"].update(add=["NET_ADMIN"])),
    (restricted.containers_are_restricted, "sees more of /proc", lambda m: m.app[SECURITY].update(procMount="Unmasked")),
    (restricted.containers_are_restricted, "takes a port of the node", lambda m: m.sheaf["ports"][0].update(hostPort=80)),
    (restricted.containers_are_restricted, "sheaf may run as root", lambda m: m.sheaf[SECURITY].update(runAsUser=0)),
    (restricted.containers_are_restricted, "app may run as root", lambda m: m.app[SECURITY].update(runAsNonRoot=False)),
    (restricted.containers_are_restricted, "app has no seccomp profile", lambda m: m.pod[SECURITY].pop("seccompProfile")),
    (restricted.containers_are_thrifty, "can be written to", lambda m: m.sheaf[SECURITY].pop("readOnlyRootFilesystem")),
    (restricted.containers_are_thrifty, "leaves its user to the image", lambda m: m.app[SECURITY].pop("runAsUser")),
    (restricted.containers_are_thrifty, "sheaf has no memory limit", lambda m: m.sheaf["resources"]["limits"].pop("memory")),
    (restricted.containers_are_thrifty, "app requests no CPU", lambda m: m.app["resources"].pop("requests")),
    (probes.sheaf_is_asked_for_the_right_things, "startupProbe of sheaf does not ask for /startupz",
     lambda m: m.sheaf["startupProbe"]["httpGet"].update(path="/readyz")),
    (probes.sheaf_is_asked_for_the_right_things, "does not ask the port", lambda m: m.edit_conf(":9901", ":9902")),
    (probes.kubelet_reaches_the_admin_listener, "cannot reach", lambda m: m.edit_conf('":9901"', '"127.0.0.1:9901"')),
    (probes.ready_is_not_asked_of_the_application, "livenessProbe of app asks Sheaf",
     lambda m: m.app.update(livenessProbe={"httpGet": {"path": "/", "port": 8080}})),
    (ending.grace_suffices, "but the way out takes up to 35 s", lambda m: m.pod.update(terminationGracePeriodSeconds=39)),
    (ending.grace_suffices, "is 30", lambda m: m.pod.pop("terminationGracePeriodSeconds")),
    (ending.grace_suffices, "takes up to 55 s", lambda m: m.edit_conf('timeout = "10s"', 'timeout = "30s"')),
    (ending.grace_suffices, "takes up to 50 s", lambda m: m.edit_command("--timeout-graceful-shutdown", "30")),
    (ending.application_outlasts_the_load_balancers, "no preStop", lambda m: m.app.pop("lifecycle")),
    (ending.application_outlasts_the_load_balancers, "no preStop",
     lambda m: m.app["lifecycle"].update(preStop={"sleep": {"seconds": 1}})),
    (ending.application_outlasts_the_load_balancers, "ends when its last client does", lambda m: m.app["command"].__delitem__(slice(-2, None))),
    (wiring.application_listens_where_sheaf_asks, "listens on ['/run/app/other.sock']",
     lambda m: m.edit_command("--uds", "/run/app/other.sock")),
    (wiring.application_listens_where_sheaf_asks, "does not believe", lambda m: m.edit_command("--forwarded-allow-ips", "127.0.0.1")),
    (wiring.sockets_are_in_a_shared_volume, "do not share", lambda m: m.app["volumeMounts"][1].update(mountPath="/run/other")),
    (wiring.sockets_are_in_a_shared_volume, "is no emptyDir",
     lambda m: m.pod["volumes"].__setitem__(2, {"name": "app-socket", "configMap": {"name": "quotes-sheaf"}})),
    (wiring.volumes_match, "app-socket is mounted, but not there", lambda m: m.pod["volumes"].pop()),
    (wiring.volumes_match, "spare is there", lambda m: m.pod["volumes"].append({"name": "spare", "emptyDir": {}})),
    (wiring.conf_file_arrives_when_it_changes, "subPath", lambda m: m.sheaf["volumeMounts"][0].update(subPath="sheaf.conf")),
    (wiring.conf_file_arrives_when_it_changes, "reload.watch is off", lambda m: m.edit_conf("watch = true", "watch = false")),
    (wiring.token_comes_from_a_secret, "does not come from a Secret",
     lambda m: m.sheaf.update(env=[{"name": "SHEAF_ADMIN_TOKEN", "value": "secret"}])),
    (wiring.token_comes_from_a_secret, "(optional)",
     lambda m: m.sheaf["env"][0]["valueFrom"]["secretKeyRef"].update(optional=True)),
    (wiring.ports_are_told, "tells the ports [9901]", lambda m: m.sheaf["ports"].pop(0)),
    (wiring.sheaf_starts_first_and_ends_last, "would have to end", lambda m: m.sheaf.pop("restartPolicy")),
    (wiring.service_leads_to_sheaf, "no Service", lambda m: m.of_kind("Service")["spec"].update(selector={"other": "pod"})),
    (wiring.service_leads_to_sheaf, "port 80 does not lead", lambda m: m.of_kind("Service")["spec"]["ports"][0].pop("targetPort")),
    (schemas.documents_match_their_schemas, "none of Kubernetes 1.29", lambda m: m.sheaf.update(livenesProbe={})),
    (schemas.documents_match_their_schemas, "Kubernetes 1.37 has no",
     lambda m: m.documents.append({"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "old"}})),
]  # fmt: skip


def outcome(rule: Callable[..., Iterator[str]], documents: list[Document]) -> list[str]:
    """What this one rule has to say."""
    if rule in rules.OF_ALL:
        return list(rule(documents))
    pod = read(next(workloads(documents)), documents, BINARY)
    return list(rule(pod, documents) if rule in rules.OF_A_POD_AMONG_ALL else rule(pod))


@pytest.mark.parametrize("rule, says, edit", BREAKS, ids=[f"{rule.__name__}: {says}" for rule, says, _ in BREAKS])
def test_rule_catches(rule: Callable[..., Iterator[str]], says: str, edit: Edit) -> None:
    manifest = Manifest(copy.deepcopy(SOUND))
    edit(manifest)
    assert any(says in sentence for sentence in outcome(rule, manifest.documents))


def test_every_rule_has_a_manifest_that_breaks_it() -> None:
    assert {rule for rule, _, _ in BREAKS} == {*rules.OF_A_POD, *rules.OF_A_POD_AMONG_ALL, *rules.OF_ALL}


REFUSALS: list[tuple[str, Edit]] = [
    ("sheaf -t: ", lambda m: m.edit_conf("address", "adress")),
    ("no rendered ConfigMap quotes-sheaf has the file", lambda m: m.of_kind("ConfigMap")["metadata"].update(name="other")),
    ("no ConfigMap is mounted at /etc/sheaf", lambda m: m.sheaf["volumeMounts"][0].update(mountPath="/etc/other")),
    ("SHEAF_WORKERS would be the node's cpu", lambda m: m.sheaf["resources"]["limits"].pop("cpu") and m.sheaf["env"].append(
        {"name": "SHEAF_WORKERS", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}})),
    ("sheaf -t: ", lambda m: m.sheaf["env"].append({"name": "SHEAF_WORKERS", "value": "many"})),
]  # fmt: skip


@pytest.mark.parametrize("says, edit", REFUSALS)
def test_sheaf_that_would_not_start_is_a_violation(says: str, edit: Edit) -> None:
    manifest = Manifest(copy.deepcopy(SOUND))
    edit(manifest)
    found = rules.violations(manifest.documents, BINARY)
    assert any(sentence.startswith(f"Deployment/quotes: {says}") for sentence in found), found


def test_documents_without_sheaf_are_a_violation() -> None:
    assert rules.violations([], BINARY) == ["no workload has a container named sheaf"]


def test_quantities_are_read_as_kubernetes_writes_them() -> None:
    assert [quantities.whole(text) for text in ("256Mi", "500m", "1", 2, "1G")] == [268435456, 1, 1, 2, 10**9]
    assert [quantities.seconds(text) for text in ("500ms", "10s", "1m", "15", 15)] == [0.5, 10, 60, 15, 15]
    with pytest.raises(ValueError, match="not a quantity"):
        quantities.quantity("256Bananas")
