"""The admin listener's own description: what each path is asked with, and whether an answer is as described."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from jsonschema import Draft202012Validator

from .raw import RawClient, Response

Json = dict[str, Any]



@dataclass
class Operation:
    """One method at one path."""

    document: Json
    method: str  # GET or POST
    template: str  # "/backends/{backend}/{endpoint}/drain"
    described: Json

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def access(self) -> str:
        """`open`: to anybody; `reads`: with the token where there is one; `always`: with it."""
        ways = self.described["security"]
        return "open" if not ways else "reads" if {} in ways else "always"

    @property
    def parameters(self) -> list[Json]:
        return self.described.get("parameters", [])

    @property
    def takes_body(self) -> bool:
        return "requestBody" in self.described

    def path(self, names: Json, **query: object) -> str:
        """The path with `names` in the place of its `{name}`s, and a query."""
        path = re.sub(r"\{(\w+)\}", lambda found: quote(str(names[found[1]]), safe=""), self.template)
        return f"{path}?{urlencode(query)}" if query else path

    def check(self, response: Response) -> Any:
        """Fails where the answer is not as described: status, type, and each field. Its JSON, or None."""
        described = self.described["responses"].get(str(response.status)) or self.described["responses"]["default"]
        kind = (response.get("content-type") or "").split(";")[0]
        assert kind in described["content"], f"{self}: {response.status} with {kind}: {response.body[:200]!r}"
        schema = described["content"][kind].get("schema")
        if kind != "application/json":
            return None
        value = json.loads(response.body)
        if schema is not None:
            problems = wrong_with(self.document, schema, value)
            assert not problems, f"{self}: {response.status}: {problems}\n{response.body[:2000]!r}"
        return value

    def body_is_right(self, body: object) -> bool:
        """Whether the body is as described."""
        schema = self.described["requestBody"]["content"]["application/json"]["schema"]
        return not wrong_with(self.document, schema, body)


def wrong_with(document: Json, schema: Json, value: object) -> list[str]:
    """What in `value` is not as the schema says."""
    validator = Draft202012Validator({**schema, "components": document["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def operations(document: Json) -> list[Operation]:
    """All that the document describes."""
    return [
        Operation(document, method.upper(), template, described)
        for template, methods in document["paths"].items()
        for method, described in methods.items()
        if method != "parameters"
    ]


def objects_in(value: Any) -> Iterator[Json]:
    """Every object in it, at whatever depth."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects_in(inner)


def ask(port: int, method: str, path: str, *, fields: str = "", body: bytes | None = None) -> Response:
    """One request on a connection of its own; `fields` are more lines, each with its line end."""
    length = "" if body is None else f"Content-Length: {len(body)}\n"
    head = f"{method} {path} HTTP/1.1\nHost: 127.0.0.1\n{fields}{length}Connection: close\n\n"
    with RawClient(port, timeout=30) as client:
        return client.request(head.replace("\n", "\r\n").encode() + (body or b""), method)
