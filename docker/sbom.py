"""Writes the SBOM of the image, CycloneDX 1.6 as JSON, and holds it to the schema: the Debian packages of the libraries in it
and of what is compiled in, and uPlot, each with version, licences and package URL. syft makes it of what collect_image.sh has
laid into the image; any other scanner finds the same there.

Usage: build/venv/bin/python docker/sbom.py SOURCE FILE
SOURCE: as syft names it, such as docker:sheaf:0.1.0, docker-archive:FILE (of `podman save`) or dir:FOLDER. The packages that
this needs are pinned in tests/requirements.txt.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = pathlib.Path(__file__).resolve().parent.parent


def version() -> str:
    """Sheaf's, of CMakeLists.txt."""
    found = re.search(r"^project\(sheaf VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), flags=re.MULTILINE)
    assert found, "CMakeLists.txt names no version"
    return found[1]


def write(source: str, file: pathlib.Path) -> None:
    """Has syft look at the source as at an image, whatever it is. Raises CalledProcessError."""
    syft = pathlib.Path(sys.executable).with_name("syft")
    command = [str(syft), "scan", source, "--quiet", "--override-default-catalogers", "image", "--source-name", "sheaf",
               "--source-version", version(), "--output", f"cyclonedx-json@1.6={file}"]  # fmt: skip
    subprocess.run(command, check=True, env={**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"})


def libraries(file: pathlib.Path) -> list[dict[str, Any]]:
    """The packages of an SBOM. Ends the program where it breaks the schema, or tells nothing of a package."""
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read_text())
    if problem is not None:
        sys.exit(f"{file} breaks the schema of CycloneDX 1.6: {problem}")
    found = [one for one in json.loads(file.read_text())["components"] if one["type"] == "library"]
    silent = [one["name"] for one in found if not (one.get("version") and one.get("purl") and one.get("licenses"))]
    if silent or not found:
        sys.exit(f"{file} has {len(found)} packages, without version, package URL or licence: {silent}")
    return found


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[2])
    write(sys.argv[1], target)
    print(f"== {len(libraries(target))} packages in {target}, which keeps the schema of CycloneDX 1.6")
