"""The images that the manifests name, as folders of this machine: what a container sees, and nothing else of it.

No image is pulled or unpacked. Sheaf's has the binary under test and the libraries that it loads, as
docker/collect_image.sh gathers them: no shell, no other program. The application's has Python, this tree's packages and
harness.pod_app as app.py.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .sheaf import BINARY

SHEAF_USER = 65532


@dataclass(frozen=True)
class Image:
    """`files`: by path in the container the files and folders of this machine that are there, read-only; `links`: the
    symbolic links; `writable`: like `files`, for what stands outside of the pod (a database, say). `command` is
    ENTRYPOINT and CMD."""

    files: Mapping[str, Path]
    links: Mapping[str, str] = field(default_factory=dict)
    writable: Mapping[str, Path] = field(default_factory=dict)
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: int = 0
    folder: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)


Images = Mapping[str, Image]


def image_of(name: str, images: Images) -> Image:
    """By its name without registry and tag; "*" is for all others."""
    short = re.sub(r"[:@].*", "", name.rpartition("/")[2])
    return images[short if short in images else "*"]


def sheaf_image() -> Image:
    """docker/Dockerfile's."""
    listed = subprocess.run(["ldd", str(BINARY)], capture_output=True, text=True, check=True, timeout=20).stdout
    libraries = {path: Path(path) for path in re.findall(r"(/\S+) \(0x", listed)}
    return Image(
        files={"/usr/bin/sheaf": BINARY.resolve(), **libraries},
        entry_point=("/usr/bin/sheaf",),
        command=("-c", "/etc/sheaf/sheaf.conf"),
        user=SHEAF_USER,
        environment={"PATH": "/usr/bin"},
    )


def app_image(module: Path, store: Path, **environment: str) -> Image:
    """A team's: `module` is its app.py; `store`, a folder, stands for its database, which outlives each pod."""
    packages = Path(sys.prefix).resolve()
    top = [Path("/usr"), Path("/etc"), *(Path("/") / name for name in ("bin", "lib", "lib64", "sbin"))]
    files = {str(path): path for path in [*top, packages, Path(sys.base_prefix)] if path.exists()}
    links = {path: os.readlink(path) for path in files if Path(path).is_symlink()}
    return Image(
        files={path: source for path, source in files.items() if path not in links} | {"/srv/app.py": module},
        links=links,
        writable={"/var/lib/store": store},
        command=("uvicorn", "app:app"),
        folder="/srv",
        environment={
            "PATH": f"{packages}/bin:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "STORE": "/var/lib/store",
            **environment,
        },
    )
