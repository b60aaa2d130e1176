"""Writes sheaf.json, Grafana's dashboard, from troubles.py and others.py. Usage: dashboard.py >sheaf.json

The JSON is what Grafana 10 to 13 read (schema version 39). tests/check_monitoring.sh holds the file to this program, to
Grafana's own types and to Sheaf.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import count
from typing import Any

from panels import Panel, Row
import others
import troubles

Json = dict[str, Any]

COLUMNS = 24
HEIGHTS = {"stat": 4, "timeseries": 8, "state-timeline": 8}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
TARGETS = 'job=~"$job", instance=~"$instance"'


def thresholds(panel: Panel) -> Json:
    """Green, and from `watch` and `act` on yellow and red."""
    steps: list[Json] = [{"value": None, "color": "green"}]
    steps += [
        {"value": value, "color": color} for value, color in ((panel.watch, "yellow"), (panel.act, "red")) if value is not None
    ]
    return {"mode": "absolute", "steps": steps}


def line_style(panel: Panel) -> Json:
    """How a time series is drawn; its limits are lines."""
    limits = "off" if panel.watch is None and panel.act is None else "dashed"
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 20 if panel.stacked else 0,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": limits},
    }


def field_defaults(panel: Panel) -> Json:
    """Unit, bounds and colours of a panel's values."""
    has_limits = panel.watch is not None or panel.act is not None
    by_value = panel.kind == "state-timeline" or (panel.kind == "stat" and has_limits)
    defaults: Json = {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if by_value else "palette-classic"},
        "thresholds": thresholds(panel),
    }
    if panel.kind != "state-timeline":
        defaults["min"] = 0
    if panel.most is not None:
        defaults["max"] = panel.most
    if panel.kind == "timeseries":
        defaults["custom"] = line_style(panel)
    if panel.kind == "state-timeline":
        defaults["custom"] = {"lineWidth": 0, "fillOpacity": 80}
    if panel.values:
        words = {str(value): {"text": text, "color": color} for value, (text, color) in panel.values.items()}
        defaults["mappings"] = [{"type": "value", "options": words}]
    return defaults


def options(panel: Panel) -> Json:
    """What each kind of panel has for itself."""
    if panel.kind == "stat":
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "auto",
        }
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    if panel.kind == "state-timeline":
        return {
            "mergeValues": True,
            "showValue": "auto",
            "rowHeight": 0.9,
            "alignValue": "center",
            "legend": {**legend, "showLegend": False},
            "tooltip": {"mode": "single", "sort": "none"},
        }
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def target(number: int, expression: str, legend: str, *, instant: bool) -> Json:
    """One query of a panel, A for the first."""
    text = expression.replace("$s", TARGETS).replace("$w", "$__rate_interval")
    return {
        "refId": chr(ord("A") + number),
        "datasource": DATASOURCE,
        "expr": text,
        "legendFormat": legend,
        "range": not instant,
        "instant": instant,
    }


def panel_json(panel: Panel, number: int, place: Json) -> Json:
    """One panel at its place."""
    targets = [
        target(i, expression, legend, instant=panel.kind == "stat") for i, (expression, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": targets,
        "fieldConfig": {"defaults": field_defaults(panel), "overrides": []},
        "options": options(panel),
    }


def places(panels: list[Panel], top: int) -> Iterator[Json]:
    """Where panels stand that follow each other from `top` on, line by line; a line is as high as its highest."""
    left = height = 0
    for panel in panels:
        if left + panel.width > COLUMNS:
            top, left, height = top + height, 0, 0
        yield {"x": left, "y": top, "w": panel.width, "h": HEIGHTS[panel.kind]}
        left, height = left + panel.width, max(height, HEIGHTS[panel.kind])


def row_json(row: Row, top: int, numbers: Iterator[int]) -> tuple[list[Json], int]:
    """A row and its panels, and where the next one begins. A closed row has its panels in itself."""
    heading = {
        "id": next(numbers),
        "type": "row",
        "title": row.title,
        "collapsed": row.closed,
        "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        "panels": [],
    }
    all_places = list(places(row.panels, top + 1))
    panels = [panel_json(panel, next(numbers), place) for panel, place in zip(row.panels, all_places, strict=True)]
    if row.closed:
        return [{**heading, "panels": panels}], top + 1
    return [heading, *panels], max(place["y"] + place["h"] for place in all_places)


def variable(name: str, label: str, query: str) -> Json:
    """One that offers the values of a label, all of them chosen at first."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": f"Variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def dashboard() -> Json:
    """All of it."""
    numbers, top, panels = count(1), 0, []
    for row in troubles.ROWS + others.ROWS:
        more, top = row_json(row, top, numbers)
        panels += more
    restarts = {
        "name": "Starts",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": f"changes(process_start_time_seconds{{{TARGETS}}}[$__rate_interval]) > 0",
        "titleFormat": "Sheaf was started",
        "textFormat": "{{instance}}",
    }
    reloads = {
        **restarts,
        "name": "Reloads",
        "iconColor": "purple",
        "expr": f"changes(sheaf_generation{{{TARGETS}}}[$__rate_interval]) > 0",
        "titleFormat": "Another configuration",
    }
    return {
        "uid": "sheaf",
        "title": "Sheaf",
        "description": "WebSocket reverse proxy: the four troubles (proxy/operating.md), then everything else.",
        "tags": ["sheaf"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "timezone": "browser",
        "annotations": {"list": [restarts, reloads]},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}},
                variable("job", "Job", "label_values(sheaf_build_info, job)"),
                variable("instance", "Instance", 'label_values(sheaf_build_info{job=~"$job"}, instance)'),
            ]
        },
        "panels": panels,
    }


if __name__ == "__main__":
    json.dump(dashboard(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
