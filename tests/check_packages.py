"""Whether Sheaf and its packages (the decoders, and the application's end of mux) have one version, which CMakeLists.txt
gives, and the packages' READMEs have links that work on a package index: absolute ones, or within the page. The wheels are
built and looked into. Usage: check_packages.py BINARY"""

from __future__ import annotations

import email
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile

ROOT = pathlib.Path(__file__).parent.parent
JS = ROOT / "batching/clients/js"
PYTHON = {"sheaf_batch": ROOT / "batching/clients/python", "sheaf_asgi": ROOT / "pool/asgi"}
"""The folder of each package for Python."""
failures: list[str] = []


def expect(condition: bool, sentence: str) -> None:
    if not condition:
        failures.append(sentence)


def only_match(pattern: str, path: pathlib.Path) -> str:
    """What a pattern's group finds in a file, in which it must stand once."""
    found = re.findall(pattern, path.read_text(), re.MULTILINE)
    expect(len(found) == 1, f"{path.relative_to(ROOT)}: {pattern} stands {len(found)} times")
    return found[0] if found else ""


def build_wheel(source: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Builds the wheel of a copy, since the build leaves files behind."""
    copy = shutil.copytree(source, folder / "copy", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index",
               "--no-build-isolation", "--wheel-dir", str(folder), str(copy)]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def check_versions(binary: str, version: str) -> None:
    """`version`: what CMakeLists.txt says."""
    says = subprocess.run([binary, "--version"], env={}, capture_output=True, text=True, check=True).stdout
    expect(version in says.split(), f"sheaf --version says {says.strip()!r}, CMakeLists.txt {version}: build it anew")
    written = {JS / "package.json": json.loads((JS / "package.json").read_text())["version"]}
    for folder in PYTHON.values():
        project = folder / "pyproject.toml"
        written[project] = tomllib.loads(project.read_text())["project"]["version"]
    for path, found in written.items():
        expect(found == version, f"{path.relative_to(ROOT)}: version {found}, CMakeLists.txt has {version}: write that")
    for path in (ROOT / "docker").rglob("*"):
        if path.is_file() and path.suffix in (".md", ".yaml", ".yml", ".service"):
            for tag in re.findall(r"\bsheaf:([0-9][\w.]*)", path.read_text()):
                expect(tag == version, f"{path.relative_to(ROOT)}: image sheaf:{tag}, CMakeLists.txt has {version}: write that")


def check_links(name: str, text: str) -> None:
    """A package index shows the text alone: nothing stands beside it."""
    code = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
    links = r"\]\(\s*<?([^\s)>]+)|^\s*\[[^\]]+\]:\s*(\S+)|(?:href|src)=[\"']([^\"']+)"
    for groups in re.findall(links, code.sub("", text), re.MULTILINE):
        link = "".join(groups)
        expect(re.match(r"https?://|mailto:|#", link) is not None,
               f"{name}: the link {link} leads nowhere on a package index: name the document instead")


def check_wheel(package: str, wheel: pathlib.Path, version: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        described = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(described))
    expect(metadata["Version"] == version, f"{wheel.name}: version {metadata['Version']}, CMakeLists.txt has {version}")
    expect(metadata["Description-Content-Type"] == "text/markdown", f"{wheel.name}: the README is not Markdown by its metadata")
    check_links(f"the README of {wheel.name}", str(metadata.get_payload()))
    for path in (PYTHON[package] / package).iterdir():
        if path.is_file():
            expect(f"{package}/{path.name}" in names, f"{path.relative_to(ROOT)} is not in the wheel")


def main(binary: str) -> int:
    version = only_match(r"^project\(sheaf VERSION ([0-9.]+)", ROOT / "CMakeLists.txt")
    check_versions(binary, version)
    check_links("batching/clients/js/README.md", (JS / "README.md").read_text())
    for package, source in PYTHON.items():
        with tempfile.TemporaryDirectory() as folder:
            check_wheel(package, build_wheel(source, pathlib.Path(folder)), version)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    if not failures:
        print(f"sheaf, sheaf-batch for npm and Python, and sheaf-asgi are {version}; their READMEs' links work anywhere")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
