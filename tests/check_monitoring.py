"""Whether docker/monitoring is sound in itself: promtool takes configuration, rules and every query of the dashboard; each alert
is tested, told of in the README and leads to a section that is there; thresholds are those of Sheaf's own dashboard; Grafana's
types know every field of the JSON. Called by check_monitoring.sh. Names each mistake; exit 1 if there is any."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.cog import plugins, runtime
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

import check_docs

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests/integration"))
from harness import expressions  # noqa: E402

FOLDER = ROOT / "docker/monitoring"
TROUBLES_JS = ROOT / "proxy/admin/dashboard/troubles.js"
# Fields of an annotation that are the data source's own.
NOT_GRAFANAS = re.compile(r"\.annotations\.list\[\d+\]\.(titleFormat|textFormat)")
failures: list[str] = []


def expect(condition: bool, sentence: str) -> None:
    if not condition:
        failures.append(sentence)


def promtool(*arguments: object) -> None:
    """What promtool has to say, if it is not content."""
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"promtool {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}")


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in expressions.rules() if "alert" in rule]


def check_promtool() -> None:
    promtool("check", "config", "--syntax-only", FOLDER / "prometheus/prometheus.yml")
    promtool("check", "rules", FOLDER / "prometheus/sheaf.rules.yml")
    promtool("test", "rules", *sorted((FOLDER / "prometheus/test").glob("*.yml")))
    queries = [
        {"record": "query", "expr": one.text, "labels": {"number": str(i)}} for i, one in enumerate(expressions.of_dashboard())
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": queries}]}, file)
        file.flush()
        promtool("check", "rules", file.name)


def check_tests_of_alerts() -> None:
    """Each is expected to fire somewhere, and not to fire elsewhere, other than where all is quiet."""
    asked = [
        case
        for file in (FOLDER / "prometheus/test").glob("*.yml")
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
    ]
    fired = {(case["alertname"], one["exp_labels"]["severity"]) for case in asked for one in case["exp_alerts"]}
    silent = {case["alertname"] for case in asked if not case["exp_alerts"]} | {"SheafCertificateExpires"}
    for alert in alerts():
        name, severity = alert["alert"], alert["labels"]["severity"]
        expect((name, severity) in fired, f"no test has {name} ({severity}) fire")
        expect(name in silent, f"no test has {name} not fire")


def check_texts_of_alerts() -> None:
    anchors = cache(lambda path: check_docs.parse(Path(path)).anchors)
    readme = (FOLDER / "README.md").read_text()
    told = re.findall(r"^\| `(Sheaf\w+)`", readme, re.MULTILINE)
    expect(sorted(told) == sorted({alert["alert"] for alert in alerts()}), f"README.md does not have each alert once: {told}")
    for alert in alerts():
        name, notes = alert["alert"], alert["annotations"]
        expect(set(notes) == {"summary", "description", "runbook"}, f"{name} has not just summary, description and runbook")
        expect(alert["labels"]["severity"] in ("critical", "warning"), f"{name}: this severity is none of the two")
        path, _, anchor = notes["runbook"].partition("#")
        is_there = (ROOT / path).is_file() and anchor in anchors(path)
        expect(is_there, f"{name}: the runbook {notes['runbook']} leads nowhere")


def check_lines(limits: dict[str, str], number: Callable[[str, str], float]) -> None:
    """The yellow and red lines of these panels."""
    for title, limit in limits.items():
        (panel,) = (panel for panel in expressions.panels() if panel["title"] == title)
        values = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]
        wanted = [number(limit, name) / (1000 if limit.endswith("_ms") else 1) for name in ("watch", "act")]
        expect(values == wanted, f"{title} has lines at {values}, troubles.js at {wanted}")


def check_thresholds() -> None:
    """What Sheaf's own dashboard calls "watch" is a warning, and "act" critical."""
    script = TROUBLES_JS.read_text()
    table = "".join(re.findall(r"LIMITS = \{\n(.*?)^\};", script, re.DOTALL | re.MULTILINE))
    limits = dict(re.findall(r"^  (\w+): (.*),$", table, re.MULTILINE))

    def has(alert: str, severity: str, *ends: str) -> None:
        found = [one["expr"] for one in alerts() if (one["alert"], one["labels"]["severity"]) == (alert, severity)]
        fits = len(found) == 1 and all(re.search(re.escape(end) + r"(?![\d.])", found[0]) for end in ends)
        expect(fits, f"{alert} ({severity}) has other thresholds than troubles.js: {ends}")

    def number(limit: str, name: str) -> float:
        return float(re.search(rf"{name}: ([\d.]+)", limits[limit])[1])  # type: ignore[index]

    has("SheafPoolNearlyExhausted", "warning", f">= {limits['utilization']}")
    for severity, name in (("warning", "watch"), ("critical", "act")):
        has("SheafBatchDelayHigh", severity, f">= {number('delay_ms', name) / 1000:g}")
        has("SheafPoolSlow", severity, f">= {number('acquire_ms', name) / 1000:g}")
        share, fewest = number("broken", name), number("broken", "fewest")
        has("SheafConnectionsBreak", severity, f"ratio5m >= {share:g}", f"increase5m >= {fewest:g}")
    check_lines({"Wait for a batch": "delay_ms", "Wait for a connection": "acquire_ms", "Share that breaks": "broken"}, number)
    broken = re.findall(r"'(\w+)'", "".join(re.findall(r"_BROKEN = \[(.*?)\]", script, re.DOTALL)))
    recorded = next(rule["expr"] for rule in expressions.rules() if rule.get("record", "").endswith("increase5m"))
    shown = next(one.text for one in expressions.of_dashboard() if one.place == "Broken sessions")
    for place, text in (("the rules", recorded), ("the Grafana dashboard", shown)):
        reasons = re.search(r'reason=~"([^"]*)"', text)
        expect(
            reasons is not None and reasons[1].split("|") == broken, f"broken is something else in {place} than in troubles.js"
        )
    trouble_ids = set(re.findall(r"^    id: '(\w+)'", script, re.MULTILINE))
    expect(
        {alert["labels"].get("trouble") for alert in alerts()} - {None} == trouble_ids,
        f"the label trouble has other values than {trouble_ids}",
    )


def lost(before: Any, after: Any, at: str = "") -> list[str]:
    """Where `after`, which went through Grafana's types, has not what `before` has."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [place for key, value in before.items() for place in lost(value, after.get(key), f"{at}.{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            place for i, (one, other) in enumerate(zip(before, after, strict=True)) for place in lost(one, other, f"{at}[{i}]")
        ]
    return [] if before == after else [at]


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    return not (apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"])


def rows(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] == "row"]


def check_dashboard() -> None:
    made = subprocess.run(
        [sys.executable, "-B", FOLDER / "grafana/dashboard.py"], capture_output=True, text=True, check=True
    ).stdout
    expect(made == expressions.DASHBOARD.read_text(), "grafana/sheaf.json is not what grafana/dashboard.py writes: run it anew")
    dashboard = expressions.dashboard()
    plugins.register_default_plugins()
    unknown = lost(dashboard, json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard))))
    expect(all(NOT_GRAFANAS.fullmatch(place) for place in unknown), f"Grafana's types do not know {unknown}")
    ids = Counter(panel["id"] for panel in [*rows(dashboard), *expressions.panels()])
    expect(max(ids.values()) == 1, f"panels share an id: {ids.most_common(3)}")
    check_panels(dashboard["panels"])


def check_panels(top: list[dict[str, Any]]) -> None:
    for shown in (top, *(row["panels"] for row in top if row["type"] == "row")):
        for one, other in combinations(shown, 2):
            expect(not overlap(one["gridPos"], other["gridPos"]), f"{one['title']} lies over {other['title']}")
    for panel in expressions.panels():
        expect(runtime.panelcfg_config(panel["type"]) is not None, f"{panel['title']}: Grafana has no panel {panel['type']}")
        expect(bool(panel["description"].strip()), f"{panel['title']} is not described")
        expect(bool(panel["fieldConfig"]["defaults"]["unit"]), f"{panel['title']} has no unit")
        expect(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, f"{panel['title']} is beyond the right edge")


def main() -> int:
    for check in (check_promtool, check_tests_of_alerts, check_texts_of_alerts, check_thresholds, check_dashboard):
        check()
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    print(f"{len(alerts())} alerts, {sum(1 for _ in expressions.panels())} panels, {len(failures)} mistakes")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
