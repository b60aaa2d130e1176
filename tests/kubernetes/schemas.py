"""Kubernetes' own schemas of its objects."""

from __future__ import annotations

from collections.abc import Iterator

import kubernetes_validate

from .custom import is_custom
from .render import Document

VERSIONS = ("1.29", "1.37")
"""Of Kubernetes: the oldest with native sidecars, and the newest that the package knows."""


def documents_match_their_schemas(documents: list[Document]) -> Iterator[str]:
    """Strictly: a field that the schema does not know is a mistake, too. For custom resources see custom.py."""
    for document in [one for one in documents if not is_custom(one)]:
        name = f"{document['kind']}/{document['metadata']['name']}"
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{name} is none of Kubernetes {version}: {'.'.join(map(str, error.path))}: {error.message}"
            except kubernetes_validate.SchemaNotFoundError:
                yield f"{name}: Kubernetes {version} has no {document['apiVersion']}"
