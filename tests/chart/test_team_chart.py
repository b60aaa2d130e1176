"""A chart that a team has already takes Sheaf in, in both ways that docker/helm/team-chart shows."""

from __future__ import annotations

import os
import pathlib
import re
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


def changed(chart: pathlib.Path, folder: pathlib.Path, changes: dict[str, tuple[str, str]]) -> pathlib.Path:
    """A copy of the chart in the folder. changes: by file what is replaced by what."""
    copy = folder / "team-chart"
    shutil.copytree(chart, copy)
    for name, (before, after) in changes.items():
        text = (copy / name).read_text()
        assert before in text
        (copy / name).write_text(text.replace(before, after))
    return copy


def test_pod_gets_what_sheaf_needs_and_nothing_else(chart: tuple[pathlib.Path, pathlib.Path]) -> None:
    """The variables of Services, for one, are the team's affair (enableServiceLinks)."""
    template = (TEAM / "templates/_pod.tpl").read_text()
    spec = pod(render(chart))
    (app,) = spec["containers"]
    of_sheaf = {"terminationGracePeriodSeconds", "initContainers", "volumes"}
    assert {key for key in spec if f"\n{key}:" not in template} == of_sheaf
    of_sheaf = {"lifecycle", "startupProbe", "livenessProbe", "volumeMounts"}
    assert {key for key in app if f"{key}:" not in template} == of_sheaf


def test_container_with_a_liveness_probe_of_its_own_gets_no_startup_probe(
    chart: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    """Whose command its image might not have."""
    own = "  - name: web\n    livenessProbe: {exec: {command: [alive]}}"
    copy = changed(chart[0], tmp_path, {"templates/_pod.tpl": ("  - name: web", own)})
    (app,) = pod(helm.template(chart=copy, program=chart[1]))["containers"]
    assert app["livenessProbe"] == {"exec": {"command": ["alive"]}} and "startupProbe" not in app


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


WITH_SHEAF = (
    '{{- include "sheaf.podSpec" (dict "sheaf" .Subcharts.sheaf "pod" (include "quotes.pod" . | fromYaml))'
    " | nindent 6 }}"
)
WITHOUT = '{{- include "quotes.pod" . | nindent 6 }}'


def test_condition_of_the_dependency_leaves_sheaf_out(
    chart: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    """As the README tells it."""
    repository = "repository: file://../sheaf\n"
    either = f"{{{{- if .Values.sheaf.enabled }}}}{WITH_SHEAF}{{{{- else }}}}{WITHOUT}{{{{- end }}}}"
    changes = {
        "Chart.yaml": (repository, f"{repository}    condition: sheaf.enabled\n"),
        "templates/deployment.yaml": (WITH_SHEAF, either),
    }
    copy = changed(chart[0], tmp_path, changes)
    as_it_was = helm.steady(render(chart))
    for values in ("replicas=2", "sheaf.enabled=true"):
        assert helm.steady(helm.template("--set", values, chart=copy, program=chart[1])) == as_it_was
    (deployment,) = helm.template("--set", "sheaf.enabled=false", chart=copy, program=chart[1])
    spec = deployment["spec"]["template"]["spec"]
    assert [container["name"] for container in spec["containers"]] == ["web"]
    assert spec.keys() == {"securityContext", "containers"}


def test_annotation_of_the_readme_restarts_pods_when_the_conf_file_changes(
    chart: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    line = re.search(r"^ +checksum/sheaf\.conf: .*$", (helm.CHART / "README.md").read_text(), flags=re.MULTILINE)
    assert line
    labels = "    metadata:\n      labels:"
    annotated = f"    metadata:\n      annotations:\n{line[0]}\n      labels:"
    copy = changed(chart[0], tmp_path, {"templates/deployment.yaml": (labels, annotated)})

    def annotations(values: str) -> Any:
        documents = helm.template("--set", values, chart=copy, program=chart[1])
        (deployment,) = [document for document in documents if document["kind"] == "Deployment"]
        return deployment["spec"]["template"]["metadata"]["annotations"]

    assert annotations("replicas=2") == annotations("replicas=3") != annotations("sheaf.config.workers=2")


SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: quotes}
spec:
  selector: {app: quotes}
  ports: [{port: 80, targetPort: 8000}]
"""


def test_service_that_serves_already_leads_to_old_pods_and_to_new_ones(
    chart: tuple[pathlib.Path, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    """It stays as it is; Sheaf takes the application's port, which the NetworkPolicy follows."""
    copy = changed(chart[0], tmp_path, {})
    (copy / "templates/service.yaml").write_text(SERVICE)
    values = "sheaf.ports.http=8000,sheaf.service.enabled=false,sheaf.networkPolicy.enabled=true"
    documents = helm.template("--set", values, chart=copy, program=chart[1])
    assert sorted(document["kind"] for document in documents).count("Service") == 1
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
    copy = changed(chart[0], tmp_path, {f"templates/{name}": (before, after)})
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
        ("sheaf.config.reload.watch=false,sheaf.restartOnConfigChange=true", "a changed ConfigMap is not taken up; set it. ("),
    ],
)
def test_mistake_is_refused_with_its_reason(chart: tuple[pathlib.Path, pathlib.Path], values: str, complaint: str) -> None:
    with pytest.raises(helm.Refused) as refused:
        render(chart, "--set", values)
    assert complaint in str(refused.value)
