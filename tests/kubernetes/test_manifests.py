"""The examples of docker/k8s keep every rule, and the components do what they are for."""

from __future__ import annotations

import os

import pytest

from . import ending, objects, render, rules
from .pod import Pod, read, workloads

BINARY = os.environ["SHEAF_BINARY"]
EXAMPLES = sorted(path.parent.name for path in (render.ROOT / "docker/k8s/examples").glob("*/kustomization.yaml"))
WITHOUT_SHEAF = "quotes"
"""What the other examples build on."""
LIMITS = {"SHEAF_MEMORY_LIMIT", "SHEAF_WORKERS"}
"""What the classic example has besides, of the downward API."""


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != WITHOUT_SHEAF])
def test_example_is_sound(name: str) -> None:
    assert rules.violations(render.kustomize(f"docker/k8s/examples/{name}"), BINARY) == []


def pod_of(name: str) -> Pod:
    """The example's pod."""
    documents = render.kustomize(f"docker/k8s/examples/{name}")
    return read(next(workloads(documents)), documents, BINARY)


def test_native_sidecar_is_the_classic_container_in_another_place() -> None:
    native, classic = pod_of("native"), pod_of("classic")
    assert native.native and not classic.native
    assert native.sheaf.pop("restartPolicy") == "Always"
    classic.sheaf["env"] = [one for one in classic.sheaf["env"] if one["name"] not in LIMITS]
    assert native.sheaf == classic.sheaf and native.apps == classic.apps


def test_native_sidecar_may_drain_once_more_when_the_application_has_ended() -> None:
    """preStop 20, shutdown 10, drain 15: one after the other, or the drain beside them."""
    assert (ending.needed(pod_of("native")), ending.needed(pod_of("classic"))) == (45, 30)


def test_limits_of_the_downward_api_are_those_of_the_container() -> None:
    options = pod_of("classic").options
    assert (options["memory"]["limit"], options["workers"]) == ("256MiB", 1)


def test_application_without_the_label_stays_as_it_is() -> None:
    documents = render.kustomize("docker/k8s/examples/quotes")
    assert not list(workloads(documents))


def sticky(name: str, kind: str) -> render.Document:
    return objects.of_kind(kind, render.kustomize(f"docker/k8s/examples/{name}"))[0]


def test_clients_come_back_to_their_pod() -> None:
    """By address, by a cookie of the ingress, by a cookie of the gateway."""
    assert sticky("native", "Service")["spec"]["sessionAffinity"] == "ClientIP"
    annotations = sticky("production", "Ingress")["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/affinity"] == "cookie"
    assert annotations["nginx.ingress.kubernetes.io/affinity-mode"] == "persistent"
    assert sticky("gateway", "HTTPRoute")["spec"]["rules"][0]["sessionPersistence"]["type"] == "Cookie"


def test_application_has_ten_minutes_to_listen() -> None:
    """Until then its liveness probe, which asks the same, waits."""
    for name in ("native", "processes"):
        for app in pod_of(name).apps:
            startup, liveness = app["startupProbe"], app["livenessProbe"]
            assert startup["exec"] == liveness["exec"]
            assert startup["periodSeconds"] * startup["failureThreshold"] == 600
            assert "initialDelaySeconds" not in liveness


def test_pod_that_is_scraped_twice_counts_once() -> None:
    """Where two PodMonitors have found it, all series are there twice."""
    assert all("sum(" not in query and "max(" in query for query in objects.adapter_metrics().values())


def test_metrics_of_the_adapter_are_sheafs() -> None:
    assert {name: objects.unknown_metrics(query) for name, query in objects.adapter_metrics().items()} == {
        "sheaf_websocket_sessions": set(),
        "sheaf_memory_used_ratio": set(),
    }
