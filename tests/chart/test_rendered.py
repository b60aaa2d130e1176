"""What the chart renders, for each file of values/ with both versions of helm, keeps the rules of tests/kubernetes."""

from __future__ import annotations

import os
import pathlib
import tomllib
from typing import Any

import pytest
import yaml

from kubernetes import rules

from . import helm

BINARY = os.environ["SHEAF_BINARY"]
VALUES = sorted((pathlib.Path(__file__).parent / "values").glob("*.yaml"))
by_values = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


def of_kind(documents: list[helm.Document], kind: str) -> helm.Document:
    return next(document for document in documents if document["kind"] == kind)


def conf(documents: list[helm.Document]) -> str:
    text: str = of_kind(documents, "ConfigMap")["data"]["sheaf.conf"]
    return text


@by_values
def test_rendered_documents_are_sound(values: pathlib.Path) -> None:
    if values.stem == "tls":
        pytest.skip("sheaf -t would look for the certificate, which is in the cluster")
    assert rules.violations(helm.template("-f", str(values)), BINARY) == []


@by_values
def test_both_versions_of_helm_render_the_same(values: pathlib.Path) -> None:
    first, second = (helm.template("-f", str(values), program=program) for program in helm.VERSIONS.values())
    assert helm.steady(first) == helm.steady(second)


@by_values
@pytest.mark.parametrize("version", helm.VERSIONS)
def test_helm_lints_it_strictly(values: pathlib.Path, version: str) -> None:
    helm.run(helm.VERSIONS[version], "lint", "--strict", "--quiet", str(helm.CHART), "-f", str(values))


@pytest.mark.parametrize("name", ["every_kind_of_value", "production"])
def test_conf_file_says_what_the_values_say(name: str) -> None:
    values = VALUES[0].with_name(f"{name}.yaml")
    wanted = yaml.safe_load(values.read_text())["config"]

    def without_nulls(value: Any) -> Any:
        return {key: without_nulls(one) for key, one in value.items() if one is not None} if isinstance(value, dict) else value

    got = tomllib.loads(conf(helm.template("-f", str(values))))
    for section, value in without_nulls(wanted).items():
        assert (got[section] | value if isinstance(value, dict) else value) == got[section]
    assert "format" not in got["log"] or name != "every_kind_of_value"


def test_a_raw_conf_file_is_kept_to_the_letter() -> None:
    values = VALUES[0].with_name("raw.yaml")
    wanted = yaml.safe_load(values.read_text())["rawConfig"]
    assert conf(helm.template("-f", str(values))).strip() == wanted.strip()


def test_a_changed_conf_file_restarts_pods_only_where_that_is_asked_for() -> None:
    def pod(*arguments: str) -> Any:
        return of_kind(helm.template("--set", "app.image=quotes-app:1.0", *arguments), "Deployment")["spec"]["template"]

    changed = ("--set", "config.log.level=debug")
    restart = ("--set", "restartOnConfigChange=true")
    assert pod() == pod(*changed)
    assert pod(*restart) != pod(*restart, *changed)


def test_without_a_secret_of_the_users_the_chart_makes_one() -> None:
    documents = helm.template("--set", "app.image=quotes-app:1.0")
    variables = of_kind(documents, "Deployment")["spec"]["template"]["spec"]["initContainers"][-1]["env"]
    secret = of_kind(documents, "Secret")
    assert variables[0]["valueFrom"]["secretKeyRef"] == {"name": secret["metadata"]["name"], "key": "token"}
    assert len(secret["data"]["token"]) == 64
    given = helm.template("--set", "app.image=quotes-app:1.0", "--set", "adminToken.existingSecret=mine")
    assert not [document for document in given if document["kind"] == "Secret"]
