"""Builds the packages from copies of their folders, since building leaves files behind. Usage: building.py FOLDER"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / "build/packaging"
JS = ROOT / "batching/clients/js"
PYTHON = {"sheaf_batch": ROOT / "batching/clients/python", "sheaf_asgi": ROOT / "pool/asgi"}
"""The folder of each package for Python."""
MADE = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "cjs", "test")


def run_tool(*words: str, cwd: pathlib.Path | None = None) -> str:
    """What a module of build/packaging says, run with the tests' Python (`words`: as after python -m). Raises
    CalledProcessError."""
    environment = {**os.environ, "PYTHONPATH": str(TOOLS), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, "-m", *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        done.check_returncode()
    return done.stdout


def build_python(source: pathlib.Path, folder: pathlib.Path) -> None:
    """The source distribution, and from it alone the wheel, into `folder`. Nothing is downloaded."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copytree(source, pathlib.Path(scratch) / source.name, ignore=MADE)
        run_tool("build", "--no-isolation", "--outdir", str(folder), str(copy))


def build_npm(source: pathlib.Path, folder: pathlib.Path) -> None:
    """The archive that npm would publish, into `folder`."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copytree(source, pathlib.Path(scratch) / source.name, ignore=MADE)
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), str(copy)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def build_all(folder: pathlib.Path) -> list[pathlib.Path]:
    """All five files, sorted by name; `folder` has nothing else afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in PYTHON.values():
        build_python(source, folder)
    build_npm(JS, folder)
    return sorted(folder.iterdir())


if __name__ == "__main__":
    for path in build_all(pathlib.Path(sys.argv[1]).resolve()):
        print(path)
