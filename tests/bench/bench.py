#!/usr/bin/env python3
"""Measures Sheaf beside nginx, HAProxy, Caddy and Envoy in one run. See README.md beside this file."""

import argparse
import contextlib
import datetime
import json
import pathlib
import platform
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True

import comparisons  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
from control_group import control_group  # noqa: E402
from scenarios import ROWS, SCENARIOS  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parents[2]
# A run's own waiting (opening, draining, echoes) is bounded in the generator; this is for one that hangs.
GENERATOR_GRACE_SECONDS = 240
ALONE = ["direct", "floor"]  # without a proxy: the backend, and its application without a server (floor.py)
QUICK = {"rounds": 1, "seconds": 1.2, "settle": 0.1, "scale": 0.1}  # one message a second is the slowest load


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, default=SOURCE / "build/release/bench",
                        help="folder with bench_generator and bench_backend")
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    parser.add_argument("--vs", type=pathlib.Path, help="a second Sheaf to compare the first with")
    parser.add_argument("--python", type=pathlib.Path, default=SOURCE / "build/venv/bin/python",
                        help="a Python with docker/demo/requirements.txt installed, for the Python backend")
    parser.add_argument("--output", type=pathlib.Path, default=SOURCE / "build/bench")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many runs is reported")
    parser.add_argument("--seconds", type=float, default=5, help="measured a run")
    parser.add_argument("--settle", type=float, default=1, help="seconds before measuring")
    parser.add_argument("--scale", type=float, default=1, help="share of each scenario's connections")
    parser.add_argument("--scenario", default="", help="only these, separated by commas")
    parser.add_argument("--table", default="", help="only the scenarios of these tables, separated by commas: "
                        + ", ".join(comparisons.TABLES))
    parser.add_argument("--without-table", default="", help="none of these")
    parser.add_argument("--proxy", default="", help="only these (direct, floor, sheaf, nginx, ...), separated by commas")
    parser.add_argument("--quick", action="store_true", help="tries everything out in some two minutes")
    arguments = parser.parse_args()
    if arguments.quick:
        vars(arguments).update(QUICK)
    arguments.programs = arguments.programs.resolve()  # they are started from another folder
    arguments.python = arguments.python.absolute()  # not resolved: the link is what makes it a virtual environment's
    return arguments


def chosen(names, wanted):
    unknown = set(filter(None, wanted.split(","))) - set(names)
    if unknown:
        sys.exit(f"bench: no such name: {', '.join(sorted(unknown))} (there are: {', '.join(names)})")
    return [name for name in names if not wanted or name in wanted.split(",")]


def chosen_scenarios(arguments):
    """Those that are asked for, by name or by table."""
    def of_tables(wanted):
        return comparisons.scenarios_of(chosen(list(comparisons.TABLES), wanted)) if wanted else set()

    names = set(chosen([scenario.name for scenario in SCENARIOS], arguments.scenario))
    names = (of_tables(arguments.table) or names) - of_tables(arguments.without_table)
    return [scenario for scenario in SCENARIOS if scenario.name in names]


def copy_of(binary, name, folder):
    """A copy to measure: a build that goes on meanwhile must not change what is measured."""
    if not binary.is_file():
        sys.exit(f"bench: there is no {binary}; tests/bench.sh builds it")
    return pathlib.Path(shutil.copy2(binary, folder / f"{name}-measured"))


def find_programs(arguments, folder):
    """Name -> (set-up, binary) of the proxies that are there, the names of those that are not, and what is wanted of
    ALONE."""
    binaries = {name: peers.find(name) for name in peers.PEERS}
    setups = dict(peers.PEERS)
    for name, binary in (("sheaf", arguments.sheaf), ("vs", arguments.vs)):
        if binary is not None:
            binaries[name] = binary
            setups[name] = peers.sheaf
    wanted = chosen([*ALONE, *binaries], arguments.proxy)
    found = {name: (setups[name], binaries[name]) for name in wanted if binaries.get(name)}
    for name in ("sheaf", "vs"):
        if name in found:
            found[name] = (peers.sheaf, copy_of(binaries[name], name, folder))
    missing = [name for name in wanted if name not in ALONE and not binaries[name]]
    return found, missing, [name for name in wanted if name in ALONE]


def generate(arguments, scenario, port, pids, beside=(), group=None):
    """One run of the load generator: its figures. `pids`: the measured processes; `beside`: others, measured apart;
    `group`: the ControlGroup of both."""
    command = [arguments.programs / "bench_generator", "--address", f"127.0.0.1:{port}",
               "--seconds", str(arguments.seconds), "--settle", str(arguments.settle)]
    command += scenario.arguments(arguments.scale)
    if arguments.quick:
        command += ["--rest", "0"]
    for pid in pids:
        command += ["--pid", str(pid)]
    for pid in beside:
        command += ["--beside", str(pid)]
    for file in group.files if group else ():
        command += ["--memory", file]
    return figures_of(command, arguments.seconds)


def figures_of(command, seconds):
    """What a program prints that measures for so many seconds."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + GENERATOR_GRACE_SECONDS)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"the generator ended with {done.returncode}")
    return json.loads(done.stdout)


def floor(arguments, scenario):
    """The figures of the scenario's application without a server."""
    command = [arguments.python, pathlib.Path(__file__).with_name("floor.py"), *scenario.floor_arguments(arguments.scale),
               "--seconds", str(arguments.seconds), "--settle", str(arguments.settle)]
    return figures_of(command, arguments.seconds)


def start_backend(arguments, scenario, folder, group):
    """The scenario's backend; RuntimeError when it cannot be had."""
    if scenario.app:
        return peers.start_uvicorn(arguments.python, folder, scenario.app, scenario.mux, group)
    return peers.start_backend(arguments.programs / "bench_backend", folder)


def measure(arguments, scenario, name, program, folder):
    """Backend, proxy and generator for one scenario, all of them new."""
    if name == "floor":
        return floor(arguments, scenario)
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(control_group()) if scenario.app else None
        backend = stack.enter_context(start_backend(arguments, scenario, folder, group))
        if program is None:
            return generate(arguments, scenario, backend.port, backend.pids(), group=group)
        proxy = stack.enter_context(peers.start_proxy(
            name, *program, folder, backend.port, scenario.tls, scenario.settings, group))
        measured = (proxy.pids(), backend.pids())
        measured = measured[::-1] if scenario.app else measured
        figures = generate(arguments, scenario, proxy.port, *measured, group)
        figures["upstream_bytes"] = peers.metric(proxy, "sheaf_upstream_received_bytes_total")
        if scenario.mux and peers.metric(proxy, "sheaf_mux_streams_opened_total") < figures["connections"]:
            raise RuntimeError("clients had tunnels instead of links, see sheaf.log")
        if proxy.ended():
            raise RuntimeError("it ended by itself")
        return figures


def try_measure(arguments, scenario, name, program, folder):
    """As measure; what fails becomes a run without figures, and is told at once."""
    try:
        figures = measure(arguments, scenario, name, program, folder)
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as problem:
        figures = {"messages": 0, "connections": 0, "problems": 1, "lost": 0, "first_problem": str(problem)}
    if figures["problems"] or figures["lost"]:
        print(f"  {scenario.name} {name}: {figures['problems']} problems, {figures['lost']} messages lost; first: "
              f"{figures['first_problem']}", flush=True)
    return figures


def entrants(scenario, programs, alone):
    """Name -> program (None: no proxy) of those that the scenario is for."""
    without = {name: None for name in alone if getattr(scenario, name)}
    return without | {name: program for name, program in programs.items() if scenario.others or name == "sheaf"}


def run_all(arguments, scenarios, programs, alone, folder):
    """Round by round and scenario by scenario, the proxies in turn, so that a disturbance does not hit only one."""
    runs = []
    for number in range(arguments.rounds):
        for scenario in scenarios:
            order = list(entrants(scenario, programs, alone).items())
            turn = number % len(order) if order else 0
            started = time.monotonic()
            for name, program in order[turn:] + order[:turn]:
                figures = try_measure(arguments, scenario, name, program, folder)
                runs.append({"scenario": scenario.name, "proxy": name, "round": number} | figures)
            seconds = time.monotonic() - started
            print(f"round {number + 1}/{arguments.rounds} {scenario.name}: {seconds:.0f} s", flush=True)
    return runs


def accounted_for(runs, scenarios, proxies):
    """What our own figures lack, as sentences. The peers' problems are marked in the table, not held against us."""
    complaints = []
    for run in runs:
        if run["proxy"] in (*ALONE, "sheaf", "vs") and report.flawed([run]):
            complaints.append(f"{run['scenario']} {run['proxy']}: {run['lost']} lost, {run['first_problem']}")
    names = [scenario.name for scenario in scenarios]
    for row in ROWS:
        for proxy in proxies:
            mine = [run for run in runs if run["scenario"] == row.scenario and run["proxy"] == proxy]
            if row.scenario in names and proxy in ("sheaf", "vs") and row.value(mine) is None:
                complaints.append(f"{row.title}: no figure of {proxy}")
    return complaints + (comparisons.missing(runs, names) if "sheaf" in proxies else [])


def main():
    arguments = read_arguments()
    scenarios = chosen_scenarios(arguments)
    folder = arguments.output.resolve() / "run"
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    peers.make_certificate(folder)
    programs, missing, alone = find_programs(arguments, folder)
    if not arguments.python.exists():
        missing.append("uvicorn (tests/install.sh demo)")
        scenarios = [scenario for scenario in scenarios if not scenario.app]

    runs = run_all(arguments, scenarios, programs, alone, folder)
    proxies = (["direct"] if "direct" in alone else []) + list(programs)
    rows = [] if arguments.table else report.make_rows(runs)
    tables = {name: comparisons.make(comparisons.TABLES[name], runs)
              for name in chosen(list(comparisons.TABLES), arguments.table)}
    versions = {name: peers.version(name, binary) for name, (_, binary) in programs.items()}
    report.save(arguments.output, {
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.release()}, {peers.THREADS} CPUs",
        "versions": versions, "missing": missing, "proxies": proxies,
        "settings": {key: getattr(arguments, key) for key in ("rounds", "seconds", "settle", "scale")},
        "rows": rows, "tables": tables, "runs": runs,
    })
    if rows:
        print(f"\n{report.HEADING}\n\n{report.table(rows, proxies)}\n")
    for text in report.comparison_texts(tables):
        print(text + "\n")
    for name, text in versions.items():
        print(f"{name}: {text}")
    if missing:
        print(f"not installed: {', '.join(missing)}")
    if arguments.quick:
        print("This was a quick run with few clients: it shows that everything works, not how fast it is.")
    complaints = accounted_for(runs, scenarios, proxies)
    for complaint in complaints:
        print(f"NOT ACCOUNTED FOR: {complaint}")
    print(f"figures: {arguments.output / 'figures.json'}, plot: {arguments.output / 'figures.svg'}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
