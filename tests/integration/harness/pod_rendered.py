"""What docker/k8s makes of an application as a cluster would get it, and what an operator adds before."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import yaml

from .pod_manifest import Manifest
from .sheaf import ROOT

TOKEN = "of-the-pods-admin-listener"
SECRET = {"kind": "Secret", "metadata": {"name": "sheaf-admin"}, "stringData": {"token": TOKEN}}
# The two ways in which Sheaf stands in a pod.
VARIANTS = ("native", "classic")


@functools.cache
def _kustomized(example: str) -> str:
    kubectl = Path(sys.executable).parent / "kubectl"
    command = [str(kubectl), "kustomize", str(ROOT / "docker/k8s/examples" / example)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def rendered(source: str) -> Manifest:
    """Of a file of documents (*.yaml), or of an example: what `kubectl apply -k docker/k8s/examples/<source>` would send.
    The Secret is added where the documents have none."""
    text = Path(source).read_text() if source.endswith(".yaml") else _kustomized(source)
    documents = [one for one in yaml.safe_load_all(text) if one]
    return Manifest(documents if any(one["kind"] == "Secret" for one in documents) else [*documents, SECRET])
