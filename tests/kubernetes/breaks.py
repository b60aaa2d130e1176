"""Ways to break a sound manifest (docker/k8s/examples/production as it is rendered), with the rule that must notice."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from typing import Any

from . import custom, ending, objects, probes, restricted, schemas, wiring
from .render import Document

BINARY = os.environ["SHEAF_BINARY"]


@dataclasses.dataclass
class Manifest:
    """A copy of the sound documents, to be broken."""

    documents: list[Document]

    def of_kind(self, kind: str) -> Document:
        return next(document for document in self.documents if document["kind"] == kind)

    def spec(self, kind: str) -> dict[str, Any]:
        spec: dict[str, Any] = self.of_kind(kind)["spec"]
        return spec

    @property
    def pod(self) -> Document:
        spec: Document = self.spec("Deployment")["template"]["spec"]
        return spec

    @property
    def sheaf(self) -> Document:
        container: Document = self.pod["initContainers"][0]
        return container

    @property
    def app(self) -> Document:
        container: Document = self.pod["containers"][0]
        return container

    def volume(self, name: str) -> Document:
        return next(volume for volume in self.pod["volumes"] if volume["name"] == name)

    def rename_conf(self, name: str) -> None:
        """In both places."""
        self.of_kind("ConfigMap")["metadata"]["name"] = self.volume("sheaf-conf")["configMap"]["name"] = name

    def edit_conf(self, old: str, new: str) -> None:
        data = self.of_kind("ConfigMap")["data"]
        assert old in data["sheaf.conf"]
        data["sheaf.conf"] = data["sheaf.conf"].replace(old, new)

    def set_app(self, variable: str, value: str) -> None:
        """Of the application's environment; "" takes the variable away."""
        self.app["env"] = [one for one in self.app["env"] if one["name"] != variable]
        if value:
            self.app["env"].append({"name": variable, "value": value})


Edit = Callable[[Manifest], object]
Break = tuple[Callable[..., Iterator[str]], str, Edit]
SECURITY = "securityContext"

RESTRICTED: list[Break] = [
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
]  # fmt: skip

ASKED: list[Break] = [
    (probes.sheaf_is_asked_for_the_right_things, "startupProbe of sheaf does not ask for /startupz",
     lambda m: m.sheaf["startupProbe"]["httpGet"].update(path="/readyz")),
    (probes.sheaf_is_asked_for_the_right_things, "does not ask the port", lambda m: m.edit_conf(":9901", ":9902")),
    (probes.kubelet_reaches_the_admin_listener, "cannot reach", lambda m: m.edit_conf('":9901"', '"127.0.0.1:9901"')),
    (probes.application_is_asked_itself, "livenessProbe of app asks a port",
     lambda m: m.app.update(livenessProbe={"httpGet": {"path": "/", "port": 8080}})),
    (probes.application_is_asked_itself, "never restarted", lambda m: m.app.pop("livenessProbe")),
    (probes.application_is_asked_itself, "restarted for ever", lambda m: m.app.pop("startupProbe")),
]  # fmt: skip

ENDED: list[Break] = [
    (ending.grace_suffices, "the way out takes up to 45 s", lambda m: m.pod.update(terminationGracePeriodSeconds=49)),
    (ending.grace_suffices, "is 30", lambda m: m.pod.pop("terminationGracePeriodSeconds")),
    (ending.grace_suffices, "takes up to 60 s", lambda m: m.edit_conf('timeout = "15s"', 'timeout = "30s"')),
    (ending.grace_suffices, "takes up to 65 s", lambda m: m.set_app("UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN", "30")),
    (ending.application_ends_in_time, "no bound", lambda m: m.set_app("UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN", "")),
    (ending.sheaf_drains_before_it_is_ended, "no preStop", lambda m: m.sheaf.pop("lifecycle")),
    (ending.sheaf_drains_before_it_is_ended, "does not drain by --admin", lambda m: m.edit_conf(":9901", ":9902")),
    (ending.application_outlasts_the_drain, "gets its SIGTERM after 0 s", lambda m: m.app.pop("lifecycle")),
    (ending.application_outlasts_the_drain, "gets its SIGTERM after 14 s",
     lambda m: m.app["lifecycle"].update(preStop={"sleep": {"seconds": 14}})),
    (ending.application_outlasts_the_drain, "the drain of 21 s", lambda m: m.edit_conf('timeout = "15s"', 'timeout = "21s"')),
]  # fmt: skip

WIRED: list[Break] = [
    (wiring.application_listens_where_sheaf_asks, "listens on ['/run/app/other.sock']",
     lambda m: m.set_app("UVICORN_UDS", "/run/app/other.sock")),
    (wiring.application_listens_where_sheaf_asks, "does not believe", lambda m: m.set_app("UVICORN_FORWARDED_ALLOW_IPS", "")),
    (wiring.sockets_are_in_a_shared_volume, "do not share", lambda m: m.app["volumeMounts"][0].update(mountPath="/run/other")),
    (wiring.sockets_are_in_a_shared_volume, "is no emptyDir",
     lambda m: m.volume("sheaf-socket").update(configMap=m.volume("sheaf-socket").pop("emptyDir"))),
    (wiring.volumes_match, "tmp is mounted, but not there", lambda m: m.pod["volumes"].remove(m.volume("tmp"))),
    (wiring.volumes_match, "spare is there", lambda m: m.pod["volumes"].append({"name": "spare", "emptyDir": {}})),
    (wiring.conf_file_arrives_when_it_changes, "subPath", lambda m: m.sheaf["volumeMounts"][0].update(subPath="sheaf.conf")),
    (wiring.conf_file_arrives_when_it_changes, "reload.watch is off", lambda m: m.edit_conf("watch = true", "watch = false")),
    (wiring.conf_file_arrives_when_it_changes, "has a hash", lambda m: m.rename_conf("sheaf-conf-t5mkm6h2c8")),
    (wiring.conf_file_arrives_when_it_changes, "reads no conf file",
     lambda m: m.sheaf.update(args=["--set", "admin.address=:9901"])),
    (wiring.token_comes_from_a_secret, "does not come from a Secret",
     lambda m: m.sheaf.update(env=[{"name": "SHEAF_ADMIN_TOKEN", "value": "secret"}])),
    (wiring.token_comes_from_a_secret, "(optional)",
     lambda m: m.sheaf["env"][0]["valueFrom"]["secretKeyRef"].update(optional=True)),
    (wiring.ports_are_told, "tells the ports [9901]", lambda m: m.sheaf["ports"].pop(0)),
    (wiring.ports_are_told, "a port of the name http", lambda m: m.app.update(ports=[{"name": "http", "containerPort": 8000}])),
    (wiring.sheaf_starts_first_and_ends_last, "would have to end", lambda m: m.sheaf.pop("restartPolicy")),
    (wiring.service_leads_to_sheaf, "no Service", lambda m: m.spec("Service").update(selector={"other": "pod"})),
    (wiring.service_leads_to_sheaf, "port 80 does not lead", lambda m: m.spec("Service")["ports"][0].pop("targetPort")),
    (wiring.service_leads_to_sheaf, "port 9901 does not lead", lambda m: m.spec("Service")["ports"].append({"port": 9901})),
]  # fmt: skip

AROUND: list[Break] = [
    (objects.autoscaler_asks_for_what_there_is, "no rule of prometheus-adapter makes sheaf_users",
     lambda m: m.spec("HorizontalPodAutoscaler")["metrics"][0]["pods"]["metric"].update(name="sheaf_users")),
    (objects.autoscaler_asks_for_what_there_is, "replicas undoes", lambda m: m.spec("Deployment").update(replicas=2)),
    (objects.autoscaler_asks_for_what_there_is, "scales Deployment/other",
     lambda m: m.spec("HorizontalPodAutoscaler")["scaleTargetRef"].update(name="other")),
    (objects.budget_lets_nodes_be_emptied, "selects other pods",
     lambda m: m.spec("PodDisruptionBudget")["selector"].update(matchLabels={"other": "pod"})),
    (objects.budget_lets_nodes_be_emptied, "may keep a node",
     lambda m: m.spec("PodDisruptionBudget").update(minAvailable=m.spec("PodDisruptionBudget").pop("maxUnavailable"))),
    (objects.policy_opens_the_right_ports, "selects other pods",
     lambda m: m.spec("NetworkPolicy")["podSelector"].update(matchLabels={"other": "pod"})),
    (objects.policy_opens_the_right_ports, "opens [9901]", lambda m: m.spec("NetworkPolicy")["ingress"].pop(0)),
    (objects.policy_opens_the_right_ports, "opens everything", lambda m: m.spec("NetworkPolicy")["ingress"][0].pop("ports")),
    (objects.policy_opens_the_right_ports, "to everybody", lambda m: m.spec("NetworkPolicy")["ingress"][1].pop("from")),
    (objects.monitor_finds_the_metrics, "selects other pods",
     lambda m: m.spec("PodMonitor")["selector"].update(matchLabels={"other": "pod"})),
    (objects.monitor_finds_the_metrics, "asks the port http", lambda m: m.spec("PodMonitor")["podMetricsEndpoints"][0].update(port="http")),
    (objects.monitor_finds_the_metrics, "asks for /stats", lambda m: m.spec("PodMonitor")["podMetricsEndpoints"][0].update(path="/stats")),
    (objects.monitor_finds_the_metrics, "does not send the token",
     lambda m: m.spec("PodMonitor")["podMetricsEndpoints"][0]["authorization"]["credentials"].update(name="other")),
    (custom.documents_match_their_types, "known properties",
     lambda m: m.spec("PodMonitor")["podMetricsEndpoints"][0].update(pth="/metrics")),
    (custom.documents_match_their_types, "is missing in type", lambda m: m.spec("PodMonitor").pop("selector")),
    (schemas.documents_match_their_schemas, "none of Kubernetes 1.29", lambda m: m.sheaf.update(livenesProbe={})),
    (schemas.documents_match_their_schemas, "Kubernetes 1.37 has no",
     lambda m: m.documents.append({"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "old"}})),
]  # fmt: skip

BREAKS = [*RESTRICTED, *ASKED, *ENDED, *WIRED, *AROUND]

REFUSALS: list[tuple[str, Edit]] = [
    ("sheaf -t: ", lambda m: m.edit_conf("address", "adress")),
    ("no rendered ConfigMap sheaf-conf has the file", lambda m: m.of_kind("ConfigMap")["metadata"].update(name="other")),
    ("no ConfigMap is mounted at /etc/sheaf", lambda m: m.sheaf["volumeMounts"][0].update(mountPath="/etc/other")),
    ("SHEAF_WORKERS would be the node's cpu", lambda m: m.sheaf["resources"]["limits"].pop("cpu") and m.sheaf["env"].append(
        {"name": "SHEAF_WORKERS", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}})),
    ("sheaf -t: ", lambda m: m.sheaf["env"].append({"name": "SHEAF_WORKERS", "value": "many"})),
]  # fmt: skip
"""What Sheaf would say instead of starting."""
