"""Runs what is to be measured: backend, proxy and load for each scenario, the proxies in turn, round by round."""

import contextlib
import json
import pathlib
import subprocess
import time

import peer_configs
import peers
from control_group import control_group
from scripts import Script

# A run's own waiting (opening, draining, echoes) is bounded in the generator; this is for one that hangs.
GENERATOR_GRACE_SECONDS = 240
ALONE = ("direct", "floor")  # without a proxy: the backend, and its application without a server (floor.py)


def seconds_of(arguments, scenario):
    """How long one run measures."""
    return scenario.quick_seconds(arguments.seconds) if arguments.quick else arguments.seconds


def generate(arguments, scenario, port, pids, beside=(), group=None):
    """One run of the load generator: its figures. `pids`: the measured processes; `beside`: others, measured apart;
    `group`: the ControlGroup of both."""
    seconds = seconds_of(arguments, scenario)
    command = [arguments.programs / "bench_generator", "--address", f"127.0.0.1:{port}",
               "--seconds", str(seconds), "--settle", str(arguments.settle)]
    command += scenario.arguments(arguments.scale)
    if arguments.quick:
        command += ["--rest", "0"]
    for pid in pids:
        command += ["--pid", str(pid)]
    for pid in beside:
        command += ["--beside", str(pid)]
    for file in group.files if group else ():
        command += ["--memory", file]
    figures = figures_of(command, seconds)
    if pace := scenario.pace(arguments.scale):
        figures["pace"] = figures["messages"] / figures["seconds"] / pace
    return figures


def figures_of(command, seconds):
    """What a program prints that measures for so many seconds. RuntimeError with what it says when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=seconds + GENERATOR_GRACE_SECONDS)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"{pathlib.Path(words[0]).name} ended with {done.returncode}")
    return json.loads(done.stdout)


def floor(arguments, scenario):
    """The figures of the scenario's application without a server."""
    command = [arguments.python, pathlib.Path(__file__).with_name("floor.py"), *scenario.floor_arguments(arguments.scale),
               "--seconds", str(seconds_of(arguments, scenario)), "--settle", str(arguments.settle)]
    return figures_of(command, arguments.seconds)


def script(arguments, one, name, program):
    """The figures of a Script's run."""
    found = figures_of(one.command(arguments, name, program and program[1]), one.seconds)
    return {"messages": 1, "connections": 1, "problems": 0, "lost": 0, "first_problem": ""} | found


def start_backend(arguments, scenario, folder, group):
    """The scenario's backend; RuntimeError when it cannot be had."""
    if scenario.app:
        return peers.start_uvicorn(arguments.python, folder, scenario.app, scenario.mux, group)
    return peers.start_backend(arguments.programs / "bench_backend", folder)


def measure(arguments, scenario, name, program, folder):
    """Backend, proxy and generator for one scenario, all of them new. `program`: (set-up, binary); None without a proxy."""
    if isinstance(scenario, Script):
        return script(arguments, scenario, name, program)
    if name == "floor":
        return floor(arguments, scenario)
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(control_group()) if scenario.app else None
        backend = stack.enter_context(start_backend(arguments, scenario, folder, group))
        if program is None:
            return generate(arguments, scenario, backend.port, backend.pids(), group=group)
        site = peer_configs.Site(folder, backend.port, tls=scenario.tls, settings=scenario.settings, unix=scenario.unix,
                          large=scenario.large)
        proxy = stack.enter_context(peers.start_proxy(name, *program, site, group))
        measured = (proxy.pids(), backend.pids())
        measured = measured[::-1] if scenario.app else measured
        figures = generate(arguments, scenario, proxy.port, *measured, group)
        if proxy.ended():
            raise RuntimeError("it ended by itself")
        if not scenario.app and proxy.pids() != measured[0]:
            raise RuntimeError("its processes changed while they were measured")
        figures["upstream_bytes"] = peers.metric(proxy, "sheaf_upstream_received_bytes_total")
        opened = peers.metric(proxy, "sheaf_mux_streams_opened_total")
        if scenario.mux and (opened is None or opened < figures["connections"]):
            raise RuntimeError("clients had tunnels instead of links, see sheaf.log")
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


def due(scenarios, wanted, done, number):
    """(scenario, proxies) of a round, in turn from round to round. `wanted`: scenario -> proxies; `done`: the (scenario,
    proxy, round) that need not be measured."""
    for scenario in scenarios:
        names = [name for name in wanted[scenario.name] if (scenario.name, name, number) not in done]
        if getattr(scenario, "fixed", False) and number > 0:
            names = []
        turn = number % len(names) if names else 0
        if names:
            yield scenario, names[turn:] + names[:turn]


def estimate(arguments, scenarios, wanted, done):
    """About how many seconds all of it takes."""
    return sum(scenario.estimate(arguments, name) for number in range(arguments.rounds)
               for scenario, names in due(scenarios, wanted, done, number) for name in names)


def run_all(arguments, scenarios, wanted, programs, folder, runs, save):
    """Round by round and scenario by scenario, the proxies in turn, so that a disturbance does not hit only one. Adds to
    `runs`, and calls save() after each scenario."""
    done = {(run["scenario"], run["proxy"], run["round"]) for run in runs}
    for number in range(arguments.rounds):
        for scenario, names in due(scenarios, wanted, done, number):
            started = time.monotonic()
            for name in names:
                figures = try_measure(arguments, scenario, name, programs.get(name), folder)
                runs.append({"scenario": scenario.name, "proxy": name, "round": number} | figures)
            save()
            print(f"round {number + 1}/{arguments.rounds} {scenario.name} ({', '.join(names)}): "
                  f"{time.monotonic() - started:.0f} s", flush=True)
