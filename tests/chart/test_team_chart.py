"""A chart that a team has already takes Sheaf in, in both ways that docker/helm/team-chart shows."""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Any

import pytest
import yaml

from kubernetes import rules
from kubernetes.render import ROOT, Document

from . import helm

TEAM = ROOT / "docker/helm/team-chart"


@pytest.fixture(scope="module", params=helm.VERSIONS)
def chart(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, pathlib.Path]:
    """The chart with its dependency, and helm."""
    program = helm.VERSIONS[request.param]
    return helm.with_dependencies(TEAM, tmp_path_factory.mktemp("helm"), program), program


def render(chart: tuple[pathlib.Path, pathlib.Path], *arguments: str) -> list[Document]:
    return helm.template(*arguments, chart=chart[0], program=chart[1])


def pod(documents: list[Document]) -> Any:
    (deployment,) = [document for document in documents if document["kind"] == "Deployment"]
    return deployment["spec"]["template"]["spec"]


def test_pods_are_sound(chart: tuple[pathlib.Path, pathlib.Path]) -> None:
    assert rules.violations(render(chart), os.environ["SHEAF_BINARY"]) == []


def test_both_ways_come_to_the_same(chart: tuple[pathlib.Path, pathlib.Path]) -> None:
    assert helm.steady(render(chart)) == helm.steady(render(chart, "--set", "byHand=true"))


def test_the_teams_own_names_and_labels_stay(chart: tuple[pathlib.Path, pathlib.Path]) -> None:
    documents = render(chart)
    (service,) = [document for document in documents if document["kind"] == "Service"]
    assert service["spec"]["selector"] == {"app": "quotes"}
    assert [container["name"] for container in pod(documents)["containers"]] == ["web"]


def test_classic_container_goes_the_same_way(chart: tuple[pathlib.Path, pathlib.Path]) -> None:
    documents = render(chart, "--set", "sheaf.sidecar=classic")
    assert [container["name"] for container in pod(documents)["containers"]] == ["web", "sheaf"]
    assert rules.violations(documents, os.environ["SHEAF_BINARY"]) == []


def test_two_applications_by_alias_do_not_collide(tmp_path: pathlib.Path) -> None:
    shutil.copytree(helm.CHART.parent, tmp_path / "helm")
    shop = tmp_path / "helm/shop"
    shop.mkdir()
    names = ("web", "realtime")
    dependencies = [{"name": "sheaf", "alias": name, "version": "0.1.0", "repository": "file://../sheaf"} for name in names]
    about = {"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": dependencies}
    (shop / "Chart.yaml").write_text(yaml.safe_dump(about))
    (shop / "values.yaml").write_text(yaml.safe_dump({name: {"app": {"image": f"{name}:1.0"}} for name in names}))
    helm.run(helm.NEWEST, "dependency", "update", str(shop))
    documents = helm.template(chart=shop)
    found = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(found) == len(set(found)) == 8
    assert rules.violations(documents, os.environ["SHEAF_BINARY"]) == []


CHANGES = {
    "probe": (
        "_pod.tpl",
        "  - name: web",
        "  - name: web\n    readinessProbe: {httpGet: {path: /health, port: 8000}}",
        "container web: its readinessProbe asks a port, but the application listens on a Unix socket: remove it",
    ),
    "grace": (
        "_pod.tpl",
        "containers:",
        "terminationGracePeriodSeconds: 30\ncontainers:",
        "terminationGracePeriodSeconds of the pod is 30, but its end takes up to 60 s: leave it out, or set 60 or more",
    ),
    "name": (
        "deployment.yaml",
        '"sheaf" .Subcharts.sheaf',
        '"sheaf" .Subcharts.sheaf "apps" (list "wbe")',
        "sheaf.podSpec: the pod has no container wbe",
    ),
}
"""Of a team's templates: the file, what is changed in it to what, and what helm says."""


@pytest.mark.parametrize("change", CHANGES)
def test_pod_that_cannot_be_right_is_refused(
    chart: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path, change: str
) -> None:
    name, before, after, complaint = CHANGES[change]
    copy = tmp_path / "team-chart"
    shutil.copytree(chart[0], copy)
    text = (copy / "templates" / name).read_text()
    assert before in text
    (copy / "templates" / name).write_text(text.replace(before, after))
    with pytest.raises(helm.Refused) as refused:
        helm.template(chart=copy, program=chart[1])
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ("sheaf.app.processes=2", "sheaf.podSpec got 1 containers of the application (web), but app.processes is 2"),
        ("sheaf.selectorLabels=null,sheaf.podMonitor.enabled=true", "selectorLabels"),
        ("sheaf.autoscaling.enabled=true", "autoscaling.deployment must be set"),
        ("sheaf.config.poll.max_size=3", "additional properties 'poll' not allowed"),
    ],
)
def test_mistake_is_refused_with_its_reason(chart: tuple[pathlib.Path, pathlib.Path], values: str, complaint: str) -> None:
    with pytest.raises(helm.Refused) as refused:
        render(chart, "--set", values)
    assert complaint in str(refused.value)
