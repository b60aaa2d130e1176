"""Custom resources, of which Kubernetes' schemas know nothing: PodMonitor, HTTPRoute and their kin.

Their types in TypeScript come from npm (tests/clients), made from the Go types of the projects. The compiler holds each document to
its type as an object literal, so that a field which is unknown, missing or of another type is a mistake.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Iterator

from .render import ROOT, Document

MODULES = ROOT / "build/clients/node_modules"
COMPILER = MODULES / "typescript-7.0/bin/tsc"
PACKAGES = {"monitoring.coreos.com": "prometheus-operator", "gateway.networking.k8s.io": "gateway-api"}
"""By the group of a custom resource the package of @kubernetes-models with its types."""
OPTIONS = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext"]


def is_custom(document: Document) -> bool:
    """Whether its types are among the packages."""
    return document["apiVersion"].split("/")[0] in PACKAGES


def _as_typescript(number: int, document: Document) -> str:
    """One line, so that the compiler's line number is the document's."""
    version, kind = document["apiVersion"], document["kind"]
    module = f"@kubernetes-models/{PACKAGES[version.split('/')[0]]}/{version}/{kind}"
    return f'export const document{number}: import("{module}").I{kind} = {json.dumps(document)};\n'


def documents_match_their_types(documents: list[Document]) -> Iterator[str]:
    """All custom resources in one run of the compiler, 0.2 s of CPU. Raises RuntimeError where it cannot be run."""
    custom = [document for document in documents if is_custom(document)]
    if not custom:
        return
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "node_modules").symlink_to(MODULES)
        source = pathlib.Path(folder) / "documents.ts"
        source.write_text("".join(_as_typescript(number, document) for number, document in enumerate(custom)))
        compiled = subprocess.run(
            ["node", COMPILER, *OPTIONS, source.name], cwd=folder, capture_output=True, text=True, check=False
        )
    mistakes = re.findall(r"^documents\.ts\((\d+),\d+\): error \w+: (.*)$", compiled.stdout, flags=re.MULTILINE)
    if compiled.returncode and not mistakes:
        raise RuntimeError(f"the compiler of tests/clients (tests/install.sh): {compiled.stdout}{compiled.stderr}")
    for line, text in mistakes:
        document = custom[int(line) - 1]
        yield f"{document['kind']}/{document['metadata']['name']} is not of its type: {text}"
