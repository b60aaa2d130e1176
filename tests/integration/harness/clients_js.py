"""Runs the JavaScript clients of tests/clients under Node."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from .sheaf import ROOT

CLIENTS = ROOT / "tests/clients"
MODULES = Path(os.environ.get("SHEAF_NODE_MODULES", ROOT / "build/clients/node_modules"))


def node(script: str, *arguments: str, authority: Path | None = None, seconds: float = 60) -> dict[str, Any]:
    """Runs one of them and returns what it printed. `authority`: a certificate that it trusts. `seconds`: its
    limit."""
    environment = {
        **os.environ,
        "NODE_PATH": str(MODULES),
        **({"NODE_EXTRA_CA_CERTS": str(authority)} if authority else {}),
    }
    done = subprocess.run(
        ["node", str(CLIENTS / script), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout.splitlines()[-1])
