"""The configuration that Sheaf would have in a rendered pod, as Sheaf itself understands it."""

from __future__ import annotations

import pathlib
import subprocess
import tempfile
import tomllib
from typing import Any

from .quantities import whole
from .render import Document

SECRET = "a-token-of-a-secret"
"""What stands for the value of each key of a Secret, which no manifest holds."""


class Refused(Exception):
    """Sheaf would not start with this configuration; the text says why."""


def environment(container: Document) -> dict[str, str]:
    """The container's variables with their values; of Secrets SECRET, of the downward API what the manifest lets it say."""
    values = {}
    for variable in container.get("env", []):
        origin = variable.get("valueFrom", {})
        if "resourceFieldRef" in origin:
            kind, resource = origin["resourceFieldRef"]["resource"].split(".")
            limit = container.get("resources", {}).get(kind, {}).get(resource)
            if limit is None:
                raise Refused(f"{variable['name']} would be the node's {resource}, since the container has none in {kind}")
            values[variable["name"]] = str(whole(limit))
        elif "secretKeyRef" in origin:
            values[variable["name"]] = SECRET
        elif not origin:
            values[variable["name"]] = str(variable.get("value", ""))
    return values


def mounted_file(path: str, container: Document, spec: Document, documents: list[Document]) -> str:
    """The content of the ConfigMap's file that is mounted at the path. Raises Refused where none is."""
    folder, name = str(pathlib.PurePosixPath(path).parent), pathlib.PurePosixPath(path).name
    mounts = [mount for mount in container.get("volumeMounts", []) if mount["mountPath"] in (folder, path)]
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    if len(mounts) != 1 or "configMap" not in volumes.get(mounts[0]["name"], {}):
        raise Refused(f"no ConfigMap is mounted at {folder}")
    wanted = volumes[mounts[0]["name"]]["configMap"]["name"]
    for document in documents:
        if document["kind"] == "ConfigMap" and document["metadata"]["name"] == wanted and name in document.get("data", {}):
            return str(document["data"][name])
    raise Refused(f"no rendered ConfigMap {wanted} has the file {name}")


def _run(binary: str, action: str, conf: str, variables: dict[str, str]) -> str:
    done = subprocess.run([binary, action, "-c", conf], env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"sheaf {action}: {done.stdout}{done.stderr}".replace(conf, "sheaf.conf"))
    return done.stdout


def options(binary: str, text: str, variables: dict[str, str]) -> dict[str, Any]:
    """All options in effect by section, from the conf file's text and the environment. Raises Refused with what `sheaf -t` says."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "sheaf.conf"
        path.write_text(text)
        _run(binary, "-t", str(path), variables)
        return tomllib.loads(_run(binary, "--dump-config", str(path), variables))
