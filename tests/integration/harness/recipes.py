"""The recipes of the JavaScript decoders' README: taken out of its text, and bundled into a program for a page."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from .browser import Page
from .clients_js import MODULES
from .sheaf import ROOT

PACKAGE = ROOT / "batching/clients/js"
PROGRAMS = ROOT / "tests/clients/recipes"


def applied(diff: str) -> str:
    """What a diff leaves behind."""
    return "\n".join(line[1:] for line in diff.splitlines() if not line.startswith("-"))


def recipe(heading: str, number: int = 0) -> str:
    """The code of the block with this number under a heading of README.md; AssertionError where there is none."""
    sections = re.split(r"^## ", (PACKAGE / "README.md").read_text(), flags=re.MULTILINE)
    section = [text for text in sections if text.startswith(heading + "\n")]
    assert len(section) == 1, f"{len(section)} sections are named {heading}"
    kind, text = re.findall(r"^```(\w+)\n(.*?)^```$", section[0], re.MULTILINE | re.DOTALL)[number]
    return applied(text) if kind == "diff" else text


def bundle(program: str, folder: Path, **modules: str) -> str:
    """A program of tests/clients/recipes as one script, which names it `program`. `modules`: text by name of import."""
    aliases = {"sheaf-batch": PACKAGE}
    for name, text in modules.items():
        aliases[name] = folder / f"{name}.ts"
        aliases[name].write_text(text)
    done = subprocess.run(
        [
            str(MODULES / ".bin/esbuild"),
            str(PROGRAMS / program),
            "--bundle",
            "--format=iife",
            "--global-name=program",
            "--jsx=automatic",
            # StrictMode mounts twice in React's development build only.
            '--define:process.env.NODE_ENV="development"',
            "--jsx-dev",
            *(f"--alias:{name}={path}" for name, path in aliases.items()),
        ],
        env={**os.environ, "NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(page: Page, script: str, **setting: Any) -> dict[str, Any]:
    """What the function `run` of a bundled program resolves to."""
    expression = f"(async () => {{ {script}; return JSON.stringify(await program.run({json.dumps(setting)})); }})()"
    return json.loads(str(page.evaluate(expression, seconds=60)))
