"""Each rule catches what it is for: a sound manifest is broken on purpose, in one place at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pytest

from . import conf, objects, quantities, render, rules
from .breaks import BINARY, BREAKS, REFUSALS, Edit, Manifest
from .pod import read, workloads
from .render import Document

Rule = Callable[..., Iterator[str]]


@pytest.fixture(scope="module")
def sound() -> list[Document]:
    return render.kustomize("docker/k8s/examples/production")


def outcome(rule: Rule, documents: list[Document]) -> list[str]:
    """What this one rule has to say."""
    if rule in rules.OF_ALL:
        return list(rule(documents))
    pod = read(next(workloads(documents)), documents, BINARY)
    return list(rule(pod, documents) if rule in rules.OF_A_POD_AMONG_ALL else rule(pod))


@pytest.mark.parametrize("rule, says, edit", BREAKS, ids=[f"{rule.__name__}: {says}" for rule, says, _ in BREAKS])
def test_rule_catches(sound: list[Document], rule: Rule, says: str, edit: Edit) -> None:
    manifest = Manifest(copy.deepcopy(sound))
    edit(manifest)
    said = outcome(rule, manifest.documents)
    assert any(says in sentence for sentence in said), said


def test_every_rule_has_a_manifest_that_breaks_it() -> None:
    assert {rule for rule, _, _ in BREAKS} == {*rules.OF_A_POD, *rules.OF_A_POD_AMONG_ALL, *rules.OF_ALL}


@pytest.mark.parametrize("says, edit", REFUSALS)
def test_sheaf_that_would_not_start_is_no_pod(sound: list[Document], says: str, edit: Edit) -> None:
    manifest = Manifest(copy.deepcopy(sound))
    edit(manifest)
    with pytest.raises(conf.Refused, match=says):
        read(next(workloads(manifest.documents)), manifest.documents, BINARY)


def test_violations_name_the_workload(sound: list[Document]) -> None:
    """Of a pod that starts, and of one that would not."""
    manifest = Manifest(copy.deepcopy(sound))
    manifest.app.pop("livenessProbe")
    assert rules.violations(manifest.documents, BINARY) == [
        "Deployment/quotes: app is never restarted when it hangs: it has no livenessProbe"
    ]
    manifest.edit_conf("address", "adress")
    assert [sentence[:28] for sentence in rules.violations(manifest.documents, BINARY)] == ["Deployment/quotes: sheaf -t:"]


def test_documents_without_sheaf_are_a_violation() -> None:
    assert rules.violations([], BINARY) == ["no workload has a container named sheaf"]


def test_metric_that_is_not_documented_is_unknown() -> None:
    assert objects.unknown_metrics("sum(sheaf_websocket_sessions) / sheaf_users") == {"sheaf_users"}


def test_quantities_are_read_as_kubernetes_writes_them() -> None:
    assert [quantities.whole(text) for text in ("256Mi", "500m", "1", 2, "1G")] == [268435456, 1, 1, 2, 10**9]
    assert [quantities.seconds(text) for text in ("500ms", "10s", "1m", "15", 15)] == [0.5, 10, 60, 15, 15]
    with pytest.raises(ValueError, match="not a quantity"):
        quantities.quantity("256Bananas")
