"""What is written about the chart is what it is: its schema, the table in its README, its version, its alerts."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import tarfile
from collections.abc import Callable

import pytest
import yaml

from kubernetes.render import ROOT

from . import config_schema, helm, values_table

VALUES = (helm.CHART / "values.yaml").read_text()


def test_schema_has_the_options_of_the_manual() -> None:
    schema = config_schema.SCHEMA.read_text()
    assert config_schema.complete(schema, config_schema.OPTIONS.read_text()) == schema


def test_every_value_is_explained_and_in_the_table() -> None:
    explained = values_table.meanings(VALUES).keys()
    for leaf in values_table.leaves(yaml.safe_load(VALUES)):
        parts = leaf.split(".")
        assert any(".".join(parts[:count]) in explained for count in range(1, len(parts) + 1)), leaf
    readme = (helm.CHART / "README.md").read_text()
    assert values_table.complete(readme, VALUES) == readme


def test_schema_closes_every_map_whose_keys_it_names() -> None:
    def open_maps(schema: object, path: str) -> list[str]:
        if not isinstance(schema, dict):
            return []
        named = "properties" in schema and schema.get("additionalProperties") is not False
        below = [one for key, value in schema.items() for one in open_maps(value, f"{path}/{key}")]
        return [path] * named + below

    assert open_maps(json.loads(config_schema.SCHEMA.read_text()), "") == []


def test_versions_are_those_of_the_project() -> None:
    version = re.search(r"project\(sheaf VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert version
    chart = yaml.safe_load((helm.CHART / "Chart.yaml").read_text())
    team = yaml.safe_load((ROOT / "docker/helm/team-chart/Chart.yaml").read_text())
    assert {chart["version"], chart["appVersion"], team["dependencies"][0]["version"]} == {version[1]}


def test_packaged_chart_has_the_one_file_of_alerts(tmp_path: pathlib.Path) -> None:
    alerts = ROOT / "docker/monitoring/prometheus/sheaf.rules.yml"
    assert (helm.CHART / "files/sheaf.rules.yml").is_symlink()
    for name, program in helm.VERSIONS.items():
        helm.run(program, "package", str(helm.CHART), "-d", str(tmp_path / name))
        (package,) = (tmp_path / name).iterdir()
        with tarfile.open(package) as archive:
            packed = archive.extractfile("sheaf/files/sheaf.rules.yml")
            assert packed
            assert packed.read() == alerts.read_bytes()
        documents = helm.template("--set", "app.image=q:1,prometheusRule.enabled=true", chart=package, program=program)
        rule = next(document for document in documents if document["kind"] == "PrometheusRule")
        assert rule["spec"] == yaml.safe_load(alerts.read_text())


def test_chart_whose_link_to_the_alerts_is_mere_text_is_refused(tmp_path: pathlib.Path) -> None:
    chart = tmp_path / "sheaf"
    shutil.copytree(helm.CHART, chart, symlinks=True)
    link = chart / "files/sheaf.rules.yml"
    target = str(link.readlink())
    link.unlink()
    link.write_text(target)
    values = ("--set", "app.image=quotes-app:1.0,prometheusRule.enabled=true")
    with pytest.raises(helm.Refused, match="package it from a checkout that has symbolic links"):
        helm.template(*values, chart=chart)


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """What `helm install` would say, from values. Only that command prints NOTES.txt, and asks a cluster first: so that a copy
    of the chart has the text as a document."""
    chart = tmp_path_factory.mktemp("chart") / "sheaf"
    shutil.copytree(helm.CHART, chart)
    text = chart / "templates/NOTES.txt"
    body = '{{- define "notes" -}}' + text.read_text() + "{{- end -}}\n"
    text.with_name("notes.yaml").write_text(
        body + 'apiVersion: v1\nkind: Notes\nmetadata: {name: notes}\ntext: {{ include "notes" . | toJson }}\n'
    )

    def told(values: str) -> str:
        documents = helm.template("--set", f"app.image=quotes-app:1.0,{values}", chart=chart)
        return next(str(document["text"]) for document in documents if document["kind"] == "Notes")

    return told


def test_notes_tell_what_is_still_missing(notes: Callable[..., str]) -> None:
    missing = "NOTE: there are several pods"
    behind = "replicas=2,ingress.enabled=true,ingress.hosts={a.example}"
    assert missing not in notes("replicas=1")
    assert missing in notes("replicas=2")
    assert missing in notes("autoscaling.enabled=true")
    assert missing not in notes("replicas=2,service.sessionAffinity=ClientIP")
    assert missing not in notes(f"{behind},ingress.nginxCookie=sheaf-pod")
    assert "the application sees http" in notes(behind)
    assert "the application sees http" not in notes(behind + ",config.forwarded.trusted_proxies={private_ranges}")
    assert "sees the Ingress's address" in notes(f"{behind},service.sessionAffinity=ClientIP")
