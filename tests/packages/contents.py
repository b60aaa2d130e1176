"""Whether the built files have what a package index shows and what their users need: metadata, README, types, all modules."""

from __future__ import annotations

import email
import email.message
import json
import pathlib
import re
import tarfile
import zipfile
from collections.abc import Iterator

from building import JS, PYTHON, ROOT, run_tool

SHOWN = ("Name", "Version", "Summary", "Keywords", "Classifier", "Requires-Python", "Description-Content-Type")
SHOWN_BY_NPM = ("name", "version", "description", "keywords", "engines", "types", "exports", "files")


def link_mistakes(name: str, text: str) -> Iterator[str]:
    """Links of a README that lead nowhere on a package index, which shows the text alone: nothing stands beside it."""
    code = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
    links = r"\]\(\s*<?([^\s)>]+)|^\s*\[[^\]]+\]:\s*(\S+)|(?:href|src)=[\"']([^\"']+)"
    for groups in re.findall(links, code.sub("", text), re.MULTILINE):
        link = "".join(groups)
        if not re.match(r"https?://|mailto:|#", link):
            yield f"{name}: the link {link} leads nowhere on a package index: name the document instead"


def license_mistakes(name: str, named: object) -> Iterator[str]:
    """A package names a license if, and only if, the repository has one."""
    if bool(named) != any(ROOT.glob("LICEN[CS]E*")):
        yield f"{name}: its license is {named!r}, and the repository {'has one' if not named else 'has none'}"


def metadata_mistakes(name: str, metadata: email.message.Message, version: str) -> Iterator[str]:
    """Of a wheel or a source distribution."""
    yield from (f"{name}: its metadata have no {field}" for field in SHOWN if not metadata[field])
    if metadata["Version"] != version:
        yield f"{name}: version {metadata['Version']}, CMakeLists.txt has {version}"
    if metadata["Description-Content-Type"] != "text/markdown":
        yield f"{name}: the README is not Markdown by its metadata"
    if "Typing :: Typed" not in metadata.get_all("Classifier", []):
        yield f"{name}: it is typed, and does not say so"
    yield from license_mistakes(name, metadata["License-Expression"] or metadata["License"])
    yield from link_mistakes(f"the README of {name}", str(metadata.get_payload()))


def python_mistakes(package: str, built: list[pathlib.Path], version: str) -> Iterator[str]:
    """Of a package's two files among `built`."""
    wheel, source = (next(one for one in built if one.match(f"{package}-*{end}")) for end in (".whl", ".tar.gz"))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        described = next(name for name in names if name.endswith(".dist-info/METADATA"))
        yield from metadata_mistakes(wheel.name, email.message_from_bytes(archive.read(described)), version)
    for path in (PYTHON[package] / package).iterdir():
        if path.is_file() and f"{package}/{path.name}" not in names:
            yield f"{path.relative_to(ROOT)} is not in the wheel"
    with tarfile.open(source) as tar:
        described = source.name.removesuffix(".tar.gz") + "/PKG-INFO"
        file = tar.extractfile(described)
        assert file, f"{source.name} has no {described}"
        yield from metadata_mistakes(source.name, email.message_from_bytes(file.read()), version)


def npm_mistakes(built: list[pathlib.Path], version: str) -> Iterator[str]:
    """Of the archive among `built`; that it has every file is package.test.js's to say."""
    archive = next(one for one in built if one.suffix == ".tgz")
    with tarfile.open(archive) as tar:
        file = tar.extractfile("package/package.json")
        assert file, f"{archive.name} has no package.json"
        metadata = json.loads(file.read())
    yield from (f"{archive.name}: package.json has no {field}" for field in SHOWN_BY_NPM if not metadata.get(field))
    if metadata["version"] != version:
        yield f"{archive.name}: version {metadata['version']}, CMakeLists.txt has {version}"
    if metadata.get("private"):
        yield f"{archive.name}: npm does not publish what is private"
    yield from license_mistakes(archive.name, metadata.get("license"))
    yield from link_mistakes("batching/clients/js/README.md", (JS / "README.md").read_text())


def content_mistakes(built: list[pathlib.Path], version: str) -> Iterator[str]:
    """A sentence for each fault of the files in `built`. Raises CalledProcessError if twine refuses one."""
    run_tool("twine", "check", "--strict", *(str(one) for one in built if one.suffix != ".tgz"))
    for package in PYTHON:
        yield from python_mistakes(package, built, version)
    yield from npm_mistakes(built, version)
