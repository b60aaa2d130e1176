"""The manifests of docker/k8s keep every rule."""

from __future__ import annotations

import os

import pytest

from . import render, rules


@pytest.mark.parametrize("name", ["sidecar", "processes"])
def test_manifest_is_sound(name: str) -> None:
    documents = render.manifest((render.ROOT / f"docker/k8s/{name}.yaml").read_text())
    assert rules.violations(documents, os.environ["SHEAF_BINARY"]) == []
