"""What tests/uvicorn_suite.sh runs: uvicorn's own websocket tests, directly, with a Sheaf in front of each server, and
with a Sheaf that shares links and the middleware around each application.

Usage: suite.py SOURCE PYTHON BINARY FOLDER: uvicorn's source, the Python that runs its tests, the program, and where
reports go. Exits 1 when a test ends otherwise through Sheaf than directly without a line in expected.txt (expected_mux.txt),
when one with a line does not, and when one does not pass with the option that its line names.
"""

from __future__ import annotations

import fnmatch
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOKEN = "the-token-of-uvicorns-tests"


@dataclass
class Outcomes:
    """What became of each test, and which of them met a Sheaf."""

    by_name: dict[str, str]
    met_sheaf: set[str]

    def names(self, outcome: str) -> set[str]:
        return {name for name, one in self.by_name.items() if one == outcome}

    def summary(self) -> str:
        counts = Counter(self.by_name.values())
        return ", ".join(f"{counts[one]} {one}" for one in ("passed", "failed", "skipped") if counts[one])


def run(
    source: Path, python: str, folder: Path, name: str, binary: str = "", only: set[str] | None = None, option: str = "",
    mode: str = "tunnel",
) -> Outcomes:
    """Runs the suite, or the tests `only`, with a Sheaf of `binary` in front where one is given, in this mode and with one
    option set."""
    file = folder / f"{name}.outcomes"
    file.unlink(missing_ok=True)
    environment = {**os.environ, "OUTCOMES": str(file), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PYTHONPATH"] = f"{HERE}:{HERE.parent / 'integration'}:{ROOT / 'pool/asgi'}"
    environment.pop("SHEAF_BINARY", None)
    if binary:
        environment |= {"SHEAF_BINARY": binary, "SHEAF_UPSTREAM_MODE": mode, "SHEAF_UPSTREAM_TOKEN": TOKEN}
    if option:
        section, _, rest = option.partition(".")
        key, _, value = rest.partition("=")
        environment[f"SHEAF_{section}_{key}".upper()] = value
    suite = "tests/protocols/test_websocket.py"
    tests = [f"{suite}::{one}" for one in sorted(only)] if only else [suite]
    # Its own addopts ask for a plugin that runs eight tests side by side.
    command = [python, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "through_sheaf", "-q"]
    with (folder / f"{name}.log").open("wb") as log:
        subprocess.run([*command, "--timeout", "60", "--tb", "short", *tests],
                       cwd=source, env=environment, stdout=log, stderr=log, check=False)
    lines = [line.split("\t") for line in file.read_text().splitlines()] if file.exists() else []
    if not lines:
        sys.exit(f"the suite did not run: see {folder / name}.log")
    by_name: dict[str, str] = {}
    for test, outcome, _ in lines:
        if by_name.get(test) != "failed":  # a test may pass and fail in its teardown
            by_name[test] = outcome
    return Outcomes(by_name, {test for test, _, met in lines if met == "1"})


@dataclass
class Expected:
    """A line of expected.txt: tests that may differ, the option with which they do not ("-": there is none; "?": they differ
    at times), and why."""

    pattern: str
    option: str
    reason: str

    def names(self, names: set[str]) -> set[str]:
        # The names have brackets, which fnmatch would take for a set of characters.
        return {name for name in names if fnmatch.fnmatchcase(name, self.pattern.replace("[", "[[]"))}


def read_expected(mode: str) -> list[Expected]:
    lines = (HERE / ("expected_mux.txt" if mode == "mux" else "expected.txt")).read_text().splitlines()
    return [Expected(*line.split(maxsplit=2)) for line in lines if line.strip() and not line.startswith("#")]


def settle(differ: set[str], direct: Outcomes, rerun: Callable[..., Outcomes], expected: list[Expected]) -> set[str]:
    """Those of `differ` that still differ, where no line expects it, when they are run once more; many tests wait for a
    tenth of a second and no more."""
    surprising = differ - set().union(*(one.names(differ) for one in expected))
    if not surprising:
        return surprising
    again = rerun("again", surprising)
    mended = {name for name in surprising if again.by_name.get(name) == direct.by_name.get(name)}
    for name in sorted(mended):
        print(f"  ended otherwise at first and the same when run again: {name}")
    return surprising - mended


def explain(differ: set[str], rerun: Callable[..., Outcomes], expected: list[Expected]) -> int:
    """Prints each line of what is expected; how many of them do not hold."""
    failures = 0
    for line in expected:
        names = line.names(differ)
        print(f"  {line.pattern}: {len(names)}: {line.reason}")
        if line.option == "?":
            continue
        if not names:
            failures += 1
            print("      passes: its line is to be removed")
        elif line.option != "-":
            passed = rerun("mended", names, line.option).names("passed") & names
            failures += len(names - passed)
            print(f"      with {line.option}: {len(passed)} of {len(names)} pass")
    return failures


def compare(direct: Outcomes, mode: str, source: Path, python: str, binary: str, folder: Path) -> int:
    """Runs the suite through Sheaf in this mode; how many tests end otherwise than is expected."""

    def rerun(name: str, only: set[str] | None = None, option: str = "") -> Outcomes:
        return run(source, python, folder, f"{mode}-{name}", binary, only, option, mode)

    through = rerun("all")
    print(f"through Sheaf, {mode}: {through.summary()}; {len(through.met_sheaf)} of them start a server, "
          "the others talk to none", flush=True)
    expected = read_expected(mode)
    differ = {name for name, one in through.by_name.items() if one != direct.by_name.get(name)}
    surprising = settle(differ, direct, rerun, expected)
    print(f"differ: {len(differ)} of {len(direct.by_name)}")
    failures = explain(differ, rerun, expected)
    for name in sorted(surprising):
        print(f"  {name}: UNEXPECTED, see {folder}/{mode}-again.log")
    return failures + len(surprising)


def main() -> int:
    source, python, binary, folder = Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    direct = run(source, python, folder, "direct")
    print(f"directly: {direct.summary()}", flush=True)
    failures = [compare(direct, mode, source, python, binary, folder) for mode in ("tunnel", "mux")]
    return 1 if any(failures) else 0


if __name__ == "__main__":
    sys.exit(main())
