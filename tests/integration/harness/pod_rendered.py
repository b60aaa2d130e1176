"""What docker/k8s makes of an application as a cluster would get it, and what an operator adds before."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import yaml

from .pod_manifest import Manifest
from .sheaf import ROOT

TOKEN = "of-the-pods-admin-listener"
SECRET = {"kind": "Secret", "metadata": {"name": "sheaf-admin"}, "stringData": {"token": TOKEN}}
EXAMPLES = Path(os.environ.get("SHEAF_TEST_EXAMPLES", ROOT / "docker/k8s/examples"))
# The two ways in which Sheaf stands in a pod.
VARIANTS = ("native", "classic")


@functools.cache
def _rendered(example: str) -> str:
    kubectl = Path(sys.executable).parent / "kubectl"
    command = [str(kubectl), "kustomize", str(EXAMPLES / example)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def kustomized(example: str) -> Manifest:
    """What `kubectl apply -k docker/k8s/examples/<example>` would send, and the Secret."""
    return Manifest([*yaml.safe_load_all(_rendered(example)), SECRET])
