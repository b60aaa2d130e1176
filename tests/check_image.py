"""Whether the image's parts are sound, without building it: hadolint on the Dockerfiles, one version and one base,
whether CMake gets what it needs in the build stage, and of the root file system that collect_image.sh makes for a binary: that
the binary runs in it with nothing else, and that its SBOM names all that is in it. docker/build_image.sh builds and tries the image itself.
Usage: check_image.py BINARY, in the folder that ninja has built it in"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docker"))
import sbom  # noqa: E402  # the path has to be set before

DOCKERFILES = [ROOT / "docker/Dockerfile", ROOT / "docker/demo/Dockerfile"]
# What the program is known to be made of, whatever else is: compiled in, linked, and in the dashboard.
EXPECTED = {"rapidjson-dev", "libtomlplusplus-dev", "libcli11-dev", "node-llhttp", "zlib1g", "libc6", "libstdc++6", "uplot"}
failures: list[str] = []


def expect(condition: bool, sentence: str) -> None:
    if not condition:
        failures.append(sentence)


def check_dockerfiles() -> None:
    hadolint = pathlib.Path(sys.executable).with_name("hadolint")
    linted = subprocess.run([hadolint, *DOCKERFILES], capture_output=True, text=True, check=False)
    expect(linted.returncode == 0, f"hadolint: {linted.stdout}{linted.stderr}")
    bases = {tuple(re.findall(r"^ARG BASE=(.*)$", path.read_text(), flags=re.MULTILINE)) for path in DOCKERFILES}
    expect(len(bases) == 1, f"the Dockerfiles are made from {bases}")
    expect(all(re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", base) for one in bases for base in one), f"no digest: {bases}")
    label = re.search(r'image\.version="(.*?)"', DOCKERFILES[0].read_text())
    expect(label is not None and label[1] == sbom.version(), f"the image says it is {label and label[1]}, not {sbom.version()}")


def check_what_is_copied(folder: pathlib.Path) -> None:
    """CMake finds in `folder`, made for this, all that it asks for, when it has what the build stage has copied by then."""
    before, configuring, _ = DOCKERFILES[0].read_text().partition("cmake --preset release")
    for line in re.findall(r"^COPY (?!--)(.*[^/\s])/?$", before if configuring else "", flags=re.MULTILINE):
        *sources, to = line.split()
        for source in (ROOT / name for name in sources if not to.startswith("/")):
            if source.is_dir():
                ignored = shutil.ignore_patterns("node_modules", "__pycache__", "*.md")
                shutil.copytree(source, folder / to, ignore=ignored, dirs_exist_ok=True)
            else:
                place = folder / to if len(sources) == 1 else folder / to / source.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)
    command = ["cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", "-DSHEAF_TESTS=OFF"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"CMake, in what the Dockerfile copies: {done.stdout}{done.stderr}")


def check_runs(root: pathlib.Path) -> None:
    """By chroot, as the image's user; a binary with a sanitizer wants more than the image has."""
    sanitized = any("san.so" in path.name for path in root.rglob("*.so*"))
    if os.geteuid() != 0 or sanitized:
        print("not root, or a sanitizer's binary: it was not run in its root file system")
        return
    for words in (["--version"], ["-t", "-c", "/etc/sheaf/sheaf.conf"]):
        command = ["/usr/sbin/chroot", "--userspec=65532:65532", str(root), "/usr/bin/sheaf", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
        expect(done.returncode == 0, f"sheaf {words[0]} in its root file system: {done.stdout}{done.stderr}")


def check_sbom(root: pathlib.Path, file: pathlib.Path) -> None:
    """It names each package that the image describes, and whose copyright notice is there, and nothing else."""
    sbom.write(f"dir:{root}", file)
    named = {one["name"] for one in sbom.libraries(file)}
    described = {path.name for path in (root / "var/lib/dpkg/status.d").iterdir()}
    expect(named == described | {"uplot"}, f"SBOM and image differ by {sorted(named ^ (described | {'uplot'}))}")
    expect(named >= EXPECTED, f"the SBOM lacks {sorted(EXPECTED - named)}")
    unsaid = [package for package in described if not (root / f"usr/share/doc/{package}/copyright").is_file()]
    expect(not unsaid, f"no copyright notice of {unsaid}")


if __name__ == "__main__":
    check_dockerfiles()
    with tempfile.TemporaryDirectory() as folder:
        check_what_is_copied(pathlib.Path(folder) / "source")
        collected = pathlib.Path(folder) / "root"
        subprocess.run([ROOT / "docker/collect_image.sh", pathlib.Path(sys.argv[1]).parent, collected], check=True)
        check_runs(collected)
        check_sbom(collected, pathlib.Path(folder) / "sbom.json")
    for failure in failures:
        print("FAILED:", failure, file=sys.stderr)
    if not failures:
        print("the Dockerfiles, the image's files and their SBOM agree")
    sys.exit(1 if failures else 0)
