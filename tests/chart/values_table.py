"""The table of values in the chart's README.md, from the comments of values.yaml that begin with "--".
Usage, in tests/: python -m chart.values_table [--write]"""

from __future__ import annotations

import json
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

import yaml

CHART = pathlib.Path(__file__).parent.parent.parent / "docker/helm/sheaf"
BEGIN = "<!-- The values, made of values.yaml by tests/chart/values_table.py. -->\n"
END = "<!-- The end of the values. -->\n"
LONGEST = 100
"""Characters of a default that the table shows; of a longer one it says where to look."""


def meanings(text: str) -> dict[str, str]:
    """What the comments of values.yaml say, by the path of the value below each ("app.image")."""
    found: dict[str, str] = {}
    path: list[str] = []
    comment = ""
    for line in text.splitlines():
        if told := re.match(r" *# -- (.*)", line):
            comment = told[1]
        elif key := re.match(r"( *)([A-Za-z]\w*):", line):
            path = [*path[: len(key[1]) // 2], key[2]]
            if comment:
                found[".".join(path)] = comment
            comment = ""
    return found


def leaves(values: Any, path: str = "") -> Iterator[str]:
    """The paths of all values that are no map, or an empty one."""
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path


def default(values: dict[str, Any], path: str) -> str:
    """The default as the table shows it."""
    value: Any = values
    for key in path.split("."):
        value = value[key]
    shown = json.dumps(value)
    return f"`{shown}`" if len(shown) <= LONGEST else "see values.yaml"


def table(text: str) -> str:
    """The Markdown table of values.yaml."""
    values = yaml.safe_load(text)
    rows = [f"| `{path}` | {default(values, path)} | {meaning} |" for path, meaning in meanings(text).items()]
    return "\n".join(["| value | default | meaning |", "| --- | --- | --- |", *rows]) + "\n"


def complete(readme: str, text: str) -> str:
    """README.md with the table of values.yaml in its place."""
    before, rest = readme.split(BEGIN)
    return before + BEGIN + "\n" + table(text) + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    made = complete((CHART / "README.md").read_text(), (CHART / "values.yaml").read_text())
    if "--write" in sys.argv[1:]:
        (CHART / "README.md").write_text(made)
    sys.exit(0 if made == (CHART / "README.md").read_text() else "README.md does not have the values as they are: --write")
