"""The expressions of docker/monitoring: the rules' and the dashboard's, and what of Sheaf's metrics they name.

No parser of PromQL is at hand in Python, so names and matchers are found by their form; that each expression is one at all,
promtool says (tests/check_monitoring.py), and what it comes to, Prometheus.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from .sheaf import ROOT

RULES = ROOT / "docker/monitoring/prometheus/sheaf.rules.yml"
DASHBOARD = ROOT / "docker/monitoring/grafana/sheaf.json"
# Of Prometheus itself, and put on what it scrapes.
OF_PROMETHEUS = {"up", "ALERTS"}
TARGET_LABELS = {"job", "instance"}

_SELECTOR = re.compile(r"\b((?:sheaf|process|instance)[a-z0-9_:]+|up|ALERTS)\b(?:\{([^}]*)\})?(?!\s*\()")
_MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|without|ignoring|on)\s*\(([^)]*)\)")
_LEGEND = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}")


@dataclass(frozen=True)
class Expression:
    """`place`: where it stands. `labels`: those that its legend, summary or description names."""

    place: str
    text: str
    labels: frozenset[str]


@cache
def rules() -> list[dict[str, Any]]:
    """All of them, alerts and others, in their order."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@cache
def dashboard() -> dict[str, Any]:
    """The whole of it."""
    return dict(json.loads(DASHBOARD.read_text()))


def panels() -> Iterator[dict[str, Any]]:
    """All of the dashboard's but for the rows themselves."""
    for panel in dashboard()["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def of_rules() -> list[Expression]:
    """With the labels that the annotations name."""
    return [
        Expression(
            rule.get("alert") or rule["record"],
            rule["expr"],
            frozenset(label for text in rule.get("annotations", {}).values() for label in _LEGEND.findall(text)),
        )
        for rule in rules()
    ]


def of_dashboard() -> list[Expression]:
    """Every panel's, with the variables' values in place, and those of the annotations."""
    targets = [(panel["title"], one["expr"], one["legendFormat"]) for panel in panels() for one in panel["targets"]]
    notes = dashboard()["annotations"]["list"]
    targets += [(note["name"], note["expr"], note["textFormat"]) for note in notes]
    return [Expression(title, with_values(text), frozenset(_LEGEND.findall(legend))) for title, text, legend in targets]


def with_values(text: str) -> str:
    """As Grafana asks when all jobs and instances are chosen."""
    for variable, value in {"$job": ".*", "$instance": ".*", "$__rate_interval": "1m", "$__range": "1h"}.items():
        text = text.replace(variable, value)
    assert "$" not in text, text
    return text


def selectors(text: str) -> set[str]:
    """Each name with each of its matchers that Sheaf answers for; of `a|b` one for a and one for b."""
    found = set()
    for name, matchers in _SELECTOR.findall(text):
        found.add(name)
        for label, _, values in _MATCHER.findall(matchers or ""):
            if label not in TARGET_LABELS and name not in OF_PROMETHEUS:
                found |= {f'{name}{{{label}="{value}"}}' for value in values.split("|")}
    return found


def grouped_labels(text: str) -> set[str]:
    """By which an expression sums or matches."""
    return {label.strip() for group in _GROUPING.findall(text) for label in group.split(",") if label.strip()}
