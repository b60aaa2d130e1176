"""What the chart refuses, and with what words: each row of refused.txt."""

from __future__ import annotations

import pathlib
import shlex

import pytest

from . import helm

IMAGE = ("--set", "app.image=quotes-app:1.0")


def mistakes() -> list[tuple[str, list[str]]]:
    """The rows: arguments, and the pieces of the complaint."""
    lines = (pathlib.Path(__file__).parent / "refused.txt").read_text().splitlines()
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("    "):
            found[-1][1].append(line.strip())
        elif line and not line.startswith("#"):
            found.append((line, []))
    return found


@pytest.mark.parametrize(("arguments", "pieces"), mistakes())
def test_mistake_is_refused_with_its_reason(arguments: str, pieces: list[str]) -> None:
    assert pieces
    with pytest.raises(helm.Refused) as refused:
        helm.template(*IMAGE, *shlex.split(arguments))
    for piece in pieces:
        assert piece in str(refused.value)
