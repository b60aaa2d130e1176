#!/usr/bin/env python3
"""Measures Sheaf beside nginx, HAProxy, Caddy and Envoy in one run. See README.md beside this file."""

import argparse
import dataclasses
import datetime
import json
import pathlib
import shutil
import signal
import sys

sys.dont_write_bytecode = True

import chart  # noqa: E402
import comparisons  # noqa: E402
import lines  # noqa: E402
import machine  # noqa: E402
import peer_configs  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
import rows  # noqa: E402
import runner  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402
from scripts import SCRIPTS, Script  # noqa: E402

SOURCE = peers.SOURCE
TABLES = rows.TABLES | comparisons.TABLES
LOADS = [*SCENARIOS, *SCRIPTS]
SHEAFS = ("sheaf", "vs")
QUICK = {"rounds": 1, "seconds": 1.2, "settle": 0.1, "scale": 0.1}  # one message a second is the slowest load
OPTIONS = ("rounds", "seconds", "settle", "scale", "rows", "scenario", "proxy")
SAME = ("seconds", "settle", "scale", "commit")  # what must be alike where a run is gone on with


def read_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, default=SOURCE / "build/release/bench",
                        help="folder with bench_generator and bench_backend")
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    parser.add_argument("--vs", type=pathlib.Path, help="a second Sheaf to compare the first with")
    parser.add_argument("--python", type=pathlib.Path, default=SOURCE / "build/venv/bin/python",
                        help="a Python with tests/requirements.txt installed, for the Python backend and clients")
    parser.add_argument("--output", type=pathlib.Path, default=SOURCE / "build/bench")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many runs is reported, and their spread")
    parser.add_argument("--seconds", type=float, default=3, help="measured a run")
    parser.add_argument("--settle", type=float, default=1, help="seconds before measuring")
    parser.add_argument("--scale", type=float, default=1, help="share of each scenario's connections")
    parser.add_argument("--table", default="", help=f"only these, separated by commas: {', '.join(TABLES)}")
    parser.add_argument("--without-table", default="", help="none of these")
    parser.add_argument("--rows", default="", help="only rows in whose title one of these words is, separated by commas")
    parser.add_argument("--scenario", default="", help="only these loads, separated by commas, and what rows have of them")
    parser.add_argument("--proxy", default="", help="only these (direct, floor, sheaf, nginx, ...), separated by commas")
    parser.add_argument("--resume", action="store_true", help="goes on with the figures that a stopped run left in --output")
    parser.add_argument("--quick", action="store_true", help="tries everything out; its figures mean nothing")
    arguments = parser.parse_args()
    if arguments.quick:
        vars(arguments).update(QUICK)
    arguments.programs = arguments.programs.resolve()  # they are started from another folder
    arguments.python = arguments.python.absolute()  # not resolved: the link is what makes it a virtual environment's
    return arguments


def chosen(names, wanted):
    """Those of `names` that are wanted; all when nothing is said. Ends the program for a name that there is not."""
    unknown = set(filter(None, wanted.split(","))) - set(names)
    if unknown:
        sys.exit(f"bench: no such name: {', '.join(sorted(unknown))} (there are: {', '.join(names)})")
    return [name for name in names if not wanted or name in wanted.split(",")]


def chosen_tables(arguments):
    """Name -> Table with the lines that are asked for."""
    without = chosen(list(TABLES), arguments.without_table) if arguments.without_table else []
    scenarios = chosen([one.name for one in LOADS], arguments.scenario)
    words = [word.lower() for word in arguments.rows.split(",") if word]

    def asked(line):
        of_scenario = any(scenario in scenarios for scenario, _ in line.ways.values())
        return of_scenario and (not words or any(word in line.title.lower() for word in words))

    tables = {}
    for name in chosen(list(TABLES), arguments.table):
        found = [line for line in TABLES[name].lines if asked(line)]
        if found and name not in without:
            tables[name] = dataclasses.replace(TABLES[name], lines=found)
    if not tables:
        sys.exit("bench: no row has such a word in its title")
    return {name: with_vs(table) for name, table in tables.items()} if arguments.vs else tables


def with_vs(table):
    """The table with the second Sheaf beside the first, where that has a column."""
    lines_ = [dataclasses.replace(line, ways=line.ways | {"vs": (line.ways["Sheaf"][0], "vs")})
              if "Sheaf" in line.ways else line for line in table.lines]
    return dataclasses.replace(table, lines=lines_, ratios=[*table.ratios, ("Sheaf/vs", "Sheaf", "vs")])


def copy_of(binary, name, folder):
    """A copy to measure: a build that goes on meanwhile must not change what is measured."""
    if not binary.is_file():
        sys.exit(f"bench: there is no {binary}; tests/bench.sh builds it")
    return pathlib.Path(shutil.copy2(binary, folder / f"{name}-measured"))


def find_programs(arguments, folder):
    """Name -> (set-up, binary) of the proxies that are there and wanted, and the names of those that are not there."""
    binaries = peers.find_all() | {"sheaf": arguments.sheaf, "vs": arguments.vs}
    wanted = [name for name in chosen([*runner.ALONE, *binaries], arguments.proxy) if name not in runner.ALONE]
    found = {name: (peer_configs.SETUPS[name], binaries[name]) for name in wanted
             if name not in SHEAFS and binaries[name]}
    for name in SHEAFS:
        if name in wanted and binaries[name]:
            found[name] = (peer_configs.sheaf, copy_of(binaries[name], name, folder))
    return found, [name for name in wanted if name not in found and name != "vs"]


def wanted_runs(arguments, tables, programs, missing):
    """Scenario -> proxies, of all that the tables are made from and that can be had; adds what cannot to `missing`."""
    alone = [name for name in runner.ALONE if not arguments.proxy or name in arguments.proxy.split(",")]
    pairs = {pair for table in tables.values() for line in table.lines for pair in line.ways.values()}
    order = [*alone, *programs]
    wanted = {}
    scenarios = chosen([one.name for one in LOADS], arguments.scenario)
    for one in LOADS:
        lacks = one.lacks() if isinstance(one, Script) else ""
        needs_python = isinstance(one, Script) or one.app
        names = [name for name in order if (one.name, name) in pairs and one.name in scenarios]
        if names and needs_python and not arguments.python.exists():
            lacks = "Python with what tests/install.sh installs"
        if names and lacks:
            missing.append(f"for {one.name}: {lacks}")
        elif names:
            wanted[one.name] = names
    return wanted


def former_runs(arguments, facts):
    """The runs of the file that is gone on with; none without one. SystemExit when it is of other options or another source.
    """
    file = arguments.output / "figures.json"
    if not file.exists():
        return []
    former = json.loads(file.read_text())
    differ = [name for name in SAME if former["options"].get(name) != facts["options"].get(name)]
    if differ:
        sys.exit(f"bench: {file} is of another {', '.join(differ)}")
    return [run for run in former["runs"] if not lines.flawed([run])]


def facts_of(arguments, programs, missing):
    """What stands in the file beside the figures."""
    versions = machine.versions(programs, arguments.python, arguments.sheaf)
    options = {name: value for name in OPTIONS if (value := getattr(arguments, name)) != ""} | {"commit": machine.commit()}
    return {"when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "machine": machine.machine(), "versions": versions, "options": options, "missing": missing}


def save(arguments, facts, tables, runs):
    """Writes the file and the plot."""
    made = {name: lines.evaluate(table, runs) for name, table in tables.items()}
    result = facts | {"tables": {name: some for name, some in made.items() if some}, "runs": runs}
    partial = arguments.output / "figures.json.new"
    partial.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    partial.replace(arguments.output / "figures.json")
    (arguments.output / "figures.svg").write_text(chart.svg(result["tables"]))
    return result


def complaints(tables, runs):
    """What our own figures lack, as sentences. The peers' problems are marked in the table, not held against us."""
    flawed = [f"{run['scenario']} {run['proxy']}: {run['lost']} lost, {run['first_problem']}" for run in runs
              if run["proxy"] in (*runner.ALONE, *SHEAFS) and lines.flawed([run])]
    return flawed + [sentence for table in tables.values() for sentence in lines.missing(table.lines, runs)]


def tell(tables, result):
    """Prints the tables and what they are of."""
    for name, made in result["tables"].items():
        print(f"\n{report.table_text(tables[name], made)}")
    print(f"\n{report.verdict_counts(result['tables'])}\n")
    print(report.facts_text(result["machine"] | result["versions"] | result["options"]))
    print(report.quiet_text(result["machine"]))
    for what in result["missing"]:
        print(f"- not there: {what} (tests/bench.sh peers installs the proxies)")


def main():
    """Measures, prints, writes; 1 when a figure of Sheaf is missing, or a message was lost."""
    arguments = read_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: stopped; --resume goes on"))  # ends what was started
    folder = arguments.output.resolve() / "run"
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    peers.make_certificate(folder)
    tables = chosen_tables(arguments)
    programs, missing = find_programs(arguments, folder)
    wanted = wanted_runs(arguments, tables, programs, missing)
    facts = facts_of(arguments, programs, missing)
    runs = former_runs(arguments, facts) if arguments.resume else []
    scenarios = [one for one in LOADS if one.name in wanted]
    done = {(run["scenario"], run["proxy"], run["round"]) for run in runs}
    seconds = runner.estimate(arguments, scenarios, wanted, done)
    print(report.quiet_text(facts["machine"]))
    print(f"{sum(map(len, wanted.values()))} runs a round, {arguments.rounds} rounds: about {seconds / 60:.0f} minutes",
          flush=True)
    runner.run_all(arguments, scenarios, wanted, programs, folder, runs, lambda: save(arguments, facts, tables, runs))
    result = save(arguments, facts, tables, runs)
    tell(tables, result)
    if arguments.quick:
        print("This was a quick run with few clients: it shows that everything works, not how fast it is.")
    found = complaints(tables, runs)
    for complaint in found:
        print(f"NOT ACCOUNTED FOR: {complaint}")
    print(f"figures: {arguments.output / 'figures.json'}, plot: {arguments.output / 'figures.svg'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
