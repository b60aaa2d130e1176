"""Whether what stands around a pod means this pod: autoscaler, disruption budget, network policies, PodMonitor."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from .pod import Pod
from .render import ROOT, Document

ADAPTER = ROOT / "docker/k8s/components/autoscaling/prometheus-adapter.yaml"
METRICS = ROOT / "conf/METRICS.md"


def of_kind(kind: str, documents: list[Document]) -> list[Document]:
    """In the order in which they were rendered."""
    return [document for document in documents if document["kind"] == kind]


def selects(selector: Document, labels: dict[str, str]) -> bool:
    """Whether a label selector's matchLabels mean a pod with these labels; an empty selector means every pod."""
    matched: dict[str, str] = selector.get("matchLabels", {})
    return matched.items() <= labels.items()


def unknown_metrics(query: str) -> set[str]:
    """Names of Sheaf's in a PromQL query that conf/METRICS.md does not have."""
    known = set(re.findall(r"^\| `(\w+)` \|", METRICS.read_text(), flags=re.MULTILINE))
    return set(re.findall(r"\bsheaf_\w+", query)) - known


def adapter_metrics() -> dict[str, str]:
    """What prometheus-adapter makes with the rules that are shipped: by the name of a metric, its queries."""
    rules = yaml.safe_load(ADAPTER.read_text())["rules"]["custom"]
    return {rule["name"]["as"]: f"{rule['seriesQuery']} {rule['metricsQuery']}" for rule in rules}


def autoscaler_asks_for_what_there_is(documents: list[Document]) -> Iterator[str]:
    """A metric that nobody makes leaves the autoscaler without a word where it is; `replicas` undoes its work."""
    for one in of_kind("HorizontalPodAutoscaler", documents):
        target = one["spec"]["scaleTargetRef"]
        scaled = [other for other in of_kind(target["kind"], documents) if other["metadata"]["name"] == target["name"]]
        if not scaled:
            yield f"the autoscaler scales {target['kind']}/{target['name']}, which is not there"
        elif "replicas" in scaled[0]["spec"]:
            yield "replicas undoes what the autoscaler has done, each time that the manifest is applied"
        for metric in [metric for metric in one["spec"].get("metrics", []) if metric["type"] == "Pods"]:
            yield from _nobody_makes(metric["pods"]["metric"]["name"])


def _nobody_makes(name: str) -> Iterator[str]:
    query = adapter_metrics().get(name)
    if query is None:
        yield f"no rule of prometheus-adapter makes {name}"
    elif unknown := unknown_metrics(query):
        yield f"the rule for {name} asks for what Sheaf does not tell: {sorted(unknown)}"


def budget_lets_nodes_be_emptied(pod: Pod, documents: list[Document]) -> Iterator[str]:
    """One pod after another, whatever the number of replicas."""
    for one in of_kind("PodDisruptionBudget", documents):
        if not selects(one["spec"]["selector"], pod.labels):
            yield f"the budget {one['metadata']['name']} selects other pods"
        if not one["spec"].get("maxUnavailable"):
            yield f"the budget {one['metadata']['name']} may keep a node from ever being emptied"


def policy_opens_the_right_ports(pod: Pod, documents: list[Document]) -> Iterator[str]:
    """listen.address to clients, admin.address to those who are named, and nothing else."""
    for one in of_kind("NetworkPolicy", documents):
        if not selects(one["spec"]["podSelector"], pod.labels):
            yield f"the policy {one['metadata']['name']} selects other pods"
            continue
        allowed = one["spec"].get("ingress", [])
        opened = {port["port"]: rule for rule in allowed for port in rule.get("ports", [])}
        if any(not rule.get("ports") for rule in allowed):
            yield f"the policy {one['metadata']['name']} opens everything to somebody"
        elif opened.keys() != {pod.port("listen"), pod.port("admin")}:
            yield f"the policy {one['metadata']['name']} opens {sorted(opened)}"
        elif not opened[pod.port("admin")].get("from"):
            yield f"the policy {one['metadata']['name']} opens the admin port to everybody"


def monitor_finds_the_metrics(pod: Pod, documents: list[Document]) -> Iterator[str]:
    """The admin listener's port by its name, with the token of the Secret that Sheaf has."""
    names = {port.get("name"): port["containerPort"] for port in pod.sheaf.get("ports", [])}
    token = [one["valueFrom"]["secretKeyRef"] for one in pod.sheaf.get("env", []) if one["name"] == "SHEAF_ADMIN_TOKEN"]
    for one in of_kind("PodMonitor", documents):
        if not selects(one["spec"]["selector"], pod.labels):
            yield f"the PodMonitor {one['metadata']['name']} selects other pods"
        for endpoint in one["spec"]["podMetricsEndpoints"]:
            if names.get(endpoint.get("port")) != pod.port("admin"):
                yield f"the PodMonitor asks the port {endpoint.get('port')}, which is not the admin listener's"
            if endpoint.get("path", "/metrics") != "/metrics":
                yield f"the PodMonitor asks for {endpoint['path']}"
            credentials = endpoint.get("authorization", {}).get("credentials", {})
            if [{**credentials}] != [{"name": one.get("name"), "key": one.get("key")} for one in token]:
                yield "the PodMonitor does not send the token that Sheaf asks for"
