"""Whether everything that names Sheaf's version has that of CMakeLists.txt: the program, the packages, image tags, the chart."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import tomllib
from collections.abc import Iterator

from building import JS, PYTHON, ROOT

MANIFESTS = {".md", ".yaml", ".yml", ".service", ".sh"}
CHART = ROOT / "docker/helm/sheaf/Chart.yaml"
IMAGE_TAG = re.compile(r"\bsheaf:v?(\d+\.\d[\w.+-]*)")
# As kustomize gives an image its tag: in the same item of `images`.
NEW_TAG = re.compile(r"-\s+name:\s*sheaf\s*\n(?:\s+newName:.*\n)?\s+newTag:\s*[\"']?([^\s\"']+)")
CHART_VERSION = re.compile(r"^(?:version|appVersion):\s*[\"']?([^\s\"'#]+)", re.MULTILINE)


def project_version() -> str:
    """That of CMake's project, the only one that is written by hand and believed."""
    found = re.findall(r"^project\(sheaf VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)
    assert len(found) == 1, f"CMakeLists.txt: project(sheaf VERSION ...) stands {len(found)} times"
    return found[0]


def written_versions() -> Iterator[tuple[pathlib.Path, str]]:
    """Where a version is written, and which; a place may come several times."""
    yield JS / "package.json", json.loads((JS / "package.json").read_text())["version"]
    for folder in PYTHON.values():
        project = folder / "pyproject.toml"
        yield project, tomllib.loads(project.read_text())["project"]["version"]
    for path in (ROOT / "docker").rglob("*"):
        if path.is_file() and path.suffix in MANIFESTS:
            text = path.read_text()
            for tag in IMAGE_TAG.findall(text) + NEW_TAG.findall(text):
                yield path, tag
    if CHART.exists():
        found = CHART_VERSION.findall(CHART.read_text())
        assert len(found) == 2, f"{CHART.relative_to(ROOT)} has version and appVersion"
        yield from ((CHART, one) for one in found)


def version_mistakes(binary: str, version: str) -> Iterator[str]:
    """A sentence for each place with another version than `version`."""
    says = subprocess.run([binary, "--version"], env={}, capture_output=True, text=True, check=True).stdout
    if version not in says.split():
        yield f"sheaf --version says {says.strip()!r}, CMakeLists.txt {version}: build it anew"
    for path, found in written_versions():
        if found != version:
            yield f"{path.relative_to(ROOT)}: version {found}, CMakeLists.txt has {version}: write that"
