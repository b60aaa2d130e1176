#!/usr/bin/env python3
"""Puts the figures that tests/bench.sh table and mux wrote, and their plots, into README.md beside this file.

Measures nothing. Of each command the figures.json in --folder/COMMAND is taken where there is one, and replaces what
stands between README.md's marks for it; the plots become COMMAND.svg beside it.
"""

import argparse
import json
import pathlib
import shlex
import sys

sys.dont_write_bytecode = True

import chart  # noqa: E402
import comparisons  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
TABLES = rows.TABLES | comparisons.TABLES
COMMANDS = ("table", "mux")
END = "<!-- end of figures -->"


def command_of(name, options):
    """The command that measures as it was measured."""
    words = [word for option, value in options.items() if option != "commit" for word in (f"--{option}", str(value))]
    return shlex.join(["tests/bench.sh", name, *words])


def block(name, result):
    """The text between the marks. `result`: as bench.save writes it."""
    facts = result["machine"] | {"measured": result["when"], "source": result["options"]["commit"]} | result["versions"]
    parts = [f"`{command_of(name, result['options'])}`: {report.verdict_counts(result['tables'])}.",
             ", ".join(f"{fact} {value}" for fact, value in facts.items()) + "."]
    if result["missing"]:
        parts.append(f"Not there: {', '.join(result['missing'])}.")
    if busy := report.quiet_text(result["machine"]):
        parts.append(busy)
    parts.append(f"![How far each figure is from its target]({name}.svg)")
    parts += [report.table_text(TABLES[table], made) for table, made in result["tables"].items()]
    return "\n\n".join(parts)


def main():
    """Replaces what there are figures of; 1 when there are none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=pathlib.Path, default=peers.SOURCE / "build/bench")
    parser.add_argument("--readme", type=pathlib.Path, default=HERE / "README.md")
    arguments = parser.parse_args()
    found = [name for name in COMMANDS if (arguments.folder / name / "figures.json").exists()]
    for name in found:
        result = json.loads((arguments.folder / name / "figures.json").read_text())
        page = arguments.readme.read_text()
        mark = f"<!-- figures: tests/bench.sh {name} -->"
        arguments.readme.write_text(report.replaced_between(page, mark, END, block(name, result)))
        (arguments.readme.parent / f"{name}.svg").write_text(chart.svg(result["tables"]))
        print(f"{name}: of {result['when']}, {result['options']['commit']}")
    if not found:
        print(f"publish: no figures in {arguments.folder}: tests/bench.sh table writes them", file=sys.stderr)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
