"""The chart and the kustomize components make the same of the same application, but for what is told here."""

from __future__ import annotations

import pathlib
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from kubernetes import render

from . import helm

VALUES = pathlib.Path(__file__).parent / "values"
EXAMPLES = {
    "quotes.yaml": "docker/k8s/examples/native",
    "quotes_production.yaml": "docker/k8s/examples/production",
}
"""Values of the chart, and the kustomization of the same application."""

DIFFERENT = {
    r"\w+ .*app\.kubernetes\.io/instance": "several releases of one application can be in a namespace",
    r"(NetworkPolicy|PodMonitor) (podSelector|selector)\.matchLabels\.(app\.kubernetes\.io/name|sheaf)": (
        "a release speaks of its own pods, the component of all that have Sheaf"
    ),
    r"Deployment template\.spec\.volumes\[sheaf-conf\]\.configMap\.name": "a release has a ConfigMap of its own",
    r"Deployment template\.spec\.\w+\[\w+\]\.imagePullPolicy": "a value of the chart; Kubernetes' default is the same",
    r"Deployment template\.spec\.enableServiceLinks": "nobody in a pod of the chart reads the variables of Services",
    r"Service type": "a value of the chart; Kubernetes' default is the same",
    r"Service sessionAffinityConfig\..*": "a value of the chart; Kubernetes' default is the same",
}
"""What differs, as patterns of kinds and fields, and why."""


def fields(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each field of an object by its path; elements of lists by their names, where they have them."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from fields(one, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(one, dict) and "name" in one for one in value):
        for one in value:
            yield from fields({key: field for key, field in one.items() if key != "name"}, f"{path}[{one['name']}]")
    else:
        yield path, value


def by_kind(documents: list[render.Document]) -> dict[str, dict[str, Any]]:
    """The fields of each object's spec, and of the conf file as it is understood, by kind."""
    found = {document["kind"]: dict(fields(document["spec"])) for document in documents if "spec" in document}
    (text,) = [document["data"]["sheaf.conf"] for document in documents if document["kind"] == "ConfigMap"]
    return found | {"ConfigMap": dict(fields(tomllib.loads(text)))}


@pytest.mark.parametrize("values", EXAMPLES)
def test_chart_and_kustomization_differ_only_where_it_is_told(values: str) -> None:
    ours = by_kind(helm.template("-f", str(VALUES / values)))
    theirs = by_kind(render.kustomize(EXAMPLES[values]))
    assert ours.keys() == theirs.keys()
    told = re.compile("|".join(DIFFERENT))
    for kind in ours:
        for path in sorted(ours[kind].keys() | theirs[kind].keys()):
            if not told.fullmatch(f"{kind} {path}"):
                assert (path, ours[kind].get(path)) == (path, theirs[kind].get(path))


def test_nothing_is_told_that_does_not_differ() -> None:
    differing = set()
    for values, folder in EXAMPLES.items():
        ours, theirs = by_kind(helm.template("-f", str(VALUES / values))), by_kind(render.kustomize(folder))
        for kind in ours:
            paths = ours[kind].keys() | theirs[kind].keys()
            differing |= {f"{kind} {path}" for path in paths if ours[kind].get(path) != theirs[kind].get(path)}
    for pattern in DIFFERENT:
        assert any(re.fullmatch(pattern, path) for path in differing), pattern
