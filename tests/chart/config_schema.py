"""The schema of the chart's value `config`, from conf/OPTIONS.md: so that helm refuses what Sheaf would refuse, as far as a
schema can say it. Usage, in tests/: python -m chart.config_schema [--write]"""

from __future__ import annotations

import json
import pathlib
import re
import sys
from typing import Any

ROOT = pathlib.Path(__file__).parent.parent.parent
OPTIONS = ROOT / "conf/OPTIONS.md"
SCHEMA = ROOT / "docker/helm/sheaf/values.schema.json"
WIDTH = 128
"""Characters of a line."""

Schema = dict[str, Any]

DURATION: Schema = {"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"}
SIZE: Schema = {"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+(KiB|MiB|GiB|TiB)?$"}
TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
TEXT_OR_TEXTS: Schema = {"type": ["string", "array"], "items": {"type": "string"}}
REQUIRED = {"listener": ["address"], "backend": ["name"], "route": ["path"]}
RULE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "event": {"type": "string"},
        "prefix": {"type": "string"},
        "pointer": {"type": "string", "pattern": "^/"},
        "equals": {"type": ["string", "integer", "boolean"]},
        "one_of": {"type": "array", "items": {"type": ["string", "integer", "boolean"]}},
        "key": {"type": "string", "pattern": "^/"},
        "overtake": {"type": "boolean"},
    },
}
KEYS_OF_THEIR_OWN: dict[str, Schema] = {
    "address": TEXT_OR_TEXTS,
    "urls": TEXT_OR_TEXTS,
    "name": {"type": "string", "pattern": "^[A-Za-z0-9._-]+$"},
    "url": {"type": "string"},
    "path": {"type": "string", "pattern": "^/"},
    "backend": {"type": "string"},
    "critical": {"type": "array", "items": RULE},
    "conflate": {"type": "array", "items": RULE},
}
"""Of [[listener]], [[backend]] and [[route]], those that inherit from no option."""


def whole_number(bounds: str) -> Schema:
    """Of "1 to 1024"."""
    least, _, most = bounds.partition(" to ")
    return {"type": "integer", "minimum": int(least), "maximum": int(most)}


def of_option(name: str, default: str, bounds: str) -> Schema:
    """The schema of an option, from its default and its range as the manual has them."""
    value = json.loads(default)
    if name == "listen.address":
        return TEXT_OR_TEXTS
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, list):
        return TEXTS
    if value == "auto":
        return {"anyOf": [{"const": "auto"}, whole_number(bounds)]}
    if re.search(r"\d(KiB|MiB|GiB|TiB)$", bounds):
        return SIZE
    if isinstance(value, int):
        return whole_number(bounds)
    if re.fullmatch(r"\d+(ms|s|m|h)", value):
        return DURATION
    return {"enum": bounds.split(", ")} if bounds else {"type": "string"}


def rows(text: str) -> list[list[str]]:
    """The cells of a Markdown table's rows that begin with a name in backticks."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip().replace("\\", "") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def closed(properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    """An object with these properties, each of which may be null (not set), and no others."""
    schema: Schema = {"type": ["object", "null"], "additionalProperties": False, "properties": properties}
    return schema | ({"required": required} if required else {})


def of_config(manual: str) -> Schema:
    """The schema of `config`. manual: the text of conf/OPTIONS.md."""
    heads = list(re.finditer(r"^## (\[+)([a-z_]+)\]+$", manual, re.MULTILINE))
    ends = [head.start() for head in heads[1:]] + [len(manual)]
    told = [[cell.strip("`") for cell in row] for row in rows(manual)]
    options = {row[0]: of_option(row[0], row[1], row[2]) for row in told if len(row) == 5}
    properties = {name: schema for name, schema in options.items() if "." not in name}
    for head, end in zip(heads, ends, strict=True):
        table = head[2]
        if head[1] == "[":
            own = [name for name in options if name.startswith(table + ".")]
            properties[table] = closed({name.split(".")[1]: options[name] for name in own})
            continue
        keys: dict[str, Schema] = {"url": KEYS_OF_THEIR_OWN["url"]} if table == "backend" else {}
        for key, origin, *_ in [row for row in rows(manual[head.end() : end].split("### Rules")[0]) if len(row) == 2]:
            inherited = re.search(r"`([a-z0-9_]+\.[a-z0-9_]+)`$", origin)
            name = key.strip("`")
            keys[name] = options[inherited[1]] if inherited else KEYS_OF_THEIR_OWN[name]
        properties[table] = {"type": ["array", "null"], "items": closed(keys, REQUIRED[table]) | {"type": "object"}}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def written(value: Any, indent: str = "") -> str:
    """JSON in which what fits into a line stands in one."""
    line = json.dumps(value)
    if not isinstance(value, dict) or len(indent) + len(line) <= WIDTH:
        return line
    within = indent + "  "
    rows = [f"{within}{json.dumps(key)}: {written(one, within)}" for key, one in value.items()]
    return "{\n" + ",\n".join(rows) + f"\n{indent}}}"


def complete(schema: str, manual: str) -> str:
    """values.schema.json with `definitions.config` made of the manual; the rest of it is kept."""
    parsed = json.loads(schema)
    parsed["definitions"]["config"] = of_config(manual)
    return written(parsed) + "\n"


if __name__ == "__main__":
    made = complete(SCHEMA.read_text(), OPTIONS.read_text())
    if "--write" in sys.argv[1:]:
        SCHEMA.write_text(made)
    sys.exit(0 if made == SCHEMA.read_text() else "values.schema.json is not what conf/OPTIONS.md makes of it: --write")
