"""Markdown that both loads print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table; the first row is its head."""
    head, *rest = ["| " + " | ".join(row) + " |" for row in rows]
    return [head, "|" + " --- |" * len(rows[0]), *rest]


def about_lines(about: dict[str, Any]) -> list[str]:
    """Machine and versions, as measuring.machine() has them."""
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    load = ", ".join(f"{one:.2f}" for one in about["load_average_before"])
    return [
        f"{about['when']}; {about['machine']}; load average before: {load}",
        f"{about['sheaf']} (tree {about['commit']}), Python {about['python']}, Node {about['node']}, {packages}",
    ]
