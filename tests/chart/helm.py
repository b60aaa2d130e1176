"""helm itself, with no cluster: in two versions, since both are in use."""

from __future__ import annotations

import functools
import os
import pathlib
import shutil
import subprocess

from kubernetes.render import ROOT, Document, manifest

CHART = ROOT / "docker/helm/sheaf"
VERSIONS = {"helm 4": ROOT / "build/helm/v4", "helm 3": ROOT / "build/helm/v3"}
"""Programs by name, as tests/install_helm.sh installs them."""
NEWEST = VERSIONS["helm 4"]


class Refused(Exception):
    """helm did not render; the text is its complaint."""


def run(program: pathlib.Path, *arguments: str, folder: pathlib.Path = ROOT) -> str:
    """What helm prints. Raises Refused where it fails."""
    home = {"HELM_CACHE_HOME": str(ROOT / "build/helm/cache"), "HELM_CONFIG_HOME": str(ROOT / "build/helm/config")}
    done = subprocess.run(
        [program, *arguments], cwd=folder, env=os.environ | home, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


@functools.cache
def _templated(arguments: tuple[str, ...], chart: pathlib.Path, program: pathlib.Path) -> str:
    return run(program, "template", "quotes", str(chart), *arguments)


def template(*arguments: str, chart: pathlib.Path = CHART, program: pathlib.Path = NEWEST) -> list[Document]:
    """The documents of release quotes. The same question is asked once."""
    return manifest(_templated(arguments, chart, program))


def steady(documents: list[Document]) -> list[Document]:
    """The documents in a fixed order, without what is random: the token that the chart makes."""
    kept = [document for document in documents if document["kind"] != "Secret"]
    return sorted(kept, key=lambda document: (document["kind"], document["metadata"]["name"]))


def with_dependencies(chart: pathlib.Path, folder: pathlib.Path, program: pathlib.Path) -> pathlib.Path:
    """A copy of a chart of docker/helm in the folder, with its dependencies fetched."""
    copies = folder / "helm"
    shutil.copytree(chart.parent, copies)
    run(program, "dependency", "update", str(copies / chart.name))
    return copies / chart.name
