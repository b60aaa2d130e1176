#!/usr/bin/env python3
"""Reloads Sheaf a thousand times while thousands of WebSockets echo and thousands of connections a second come and go.

The conf file alternates between variants (batching, limits, routes, rules, time-outs, log, a second address to listen
at, another way to the backend), taken up by SIGHUP and by POST /reload, turn and turn about. The WebSockets echo a
message each `--period` seconds all along. New connections come from the C++ generator (of ten, nine are WebSockets of
several sorts and one is a plain request), and `--arrivals` more a second from clients in Python, half of them plain
requests. Prints what the process holds over the time as a table. Fails when any client notices anything: a connection
refused, reset, cut or answered with an error, a message lost, changed or out of order; when a counter falls; when
resident memory has grown since the first tenth of the reloads, or descriptors have.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

LOOKS = 10
MOST_GROWTH = 0.05
ENDLESS = 10**9  # connections, of which the generator makes as many as its time allows


def read_arguments():
    """The command line, with absolute paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reloads", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=9000, help="WebSockets that stay open and echo")
    parser.add_argument("--period", type=float, default=6, help="seconds from one of their messages to the next")
    parser.add_argument("--at-once", type=int, default=40, help="connections of the generator at a time, each of "
                        "which is followed by the next one some 10 ms after its start")
    parser.add_argument("--arrivals", type=float, default=200, help="more connections a second")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds from one reload to the next, at least")
    parser.add_argument("--programs", type=pathlib.Path, default=SOURCE / "build/release/bench")
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    arguments = parser.parse_args()
    arguments.programs, arguments.sheaf = arguments.programs.resolve(), arguments.sheaf.resolve()
    return arguments


def generate(arguments, port):
    """Starts the generator, which goes on as long as the reloads do at the least, then ends and tells its figures."""
    seconds = arguments.reloads * arguments.pause
    return subprocess.Popen(
        [arguments.programs / "bench_generator", "--kind", "soak", "--address", f"127.0.0.1:{port}",
         "--connections", str(arguments.at_once), "--cycles", str(ENDLESS), "--payload", "128",
         "--seconds", str(seconds)],
        stdout=subprocess.PIPE, text=True)


def generator_complaints(generator):
    """Waits for the generator. Its connections a second, and what went wrong."""
    output, _ = generator.communicate()
    if generator.returncode != 0:
        return 0.0, [f"the generator ended with {generator.returncode}"]
    figures = json.loads(output)
    wrong = figures["problems"] or figures["lost"]
    complaint = f"{figures['problems']} problems, {figures['lost']} messages lost; first: {figures['first_problem']}"
    return figures["cycles"] / figures["seconds"], [complaint] if wrong else []


def bear(arguments, load, proxy):
    """The whole run; returns the complaints and the table's lines."""
    import report  # noqa: PLC0415  (beside this file)

    load.look()
    generator = generate(arguments, proxy.port)
    load.reload(arguments.reloads // LOOKS, arguments.pause)
    warm = load.look()
    for _ in range(LOOKS - 1):
        load.reload(arguments.reloads // LOOKS, arguments.pause)
        load.look()
    rate, complaints = generator_complaints(generator)
    load.finish(arguments.clients)
    if (growth := load.grown(warm)) > MOST_GROWTH:
        complaints.append(f"memory has grown by {growth:.1%} since {warm.reloads} reloads, more than {MOST_GROWTH:.0%}")
    if (surplus := proxy.descriptors() - 2 * arguments.clients - 200) > 0:
        complaints.append(f"{surplus} descriptors are left behind")
    names = [field.name for field in dataclasses.fields(load.looks[0])]
    lines = [names, *([str(getattr(look, name)) for name in names] for look in load.looks)]
    print(report.markdown(lines))
    print(f"\n{rate:,.0f} connections a second of the generator, {arguments.arrivals:,.0f} more besides")
    return complaints + load.complaints


def main():
    """Runs it; 1 when somebody has noticed something."""
    arguments = read_arguments()
    os.environ["SHEAF_BINARY"] = str(arguments.sheaf)
    from harness import reload_load  # noqa: PLC0415  (after the environment, which the harness reads)
    from harness.helpers import Helper  # noqa: PLC0415
    from harness.reloading import ReloadableSheaf  # noqa: PLC0415

    # The generator's clients ask for envelopes, and count it as a problem when they get none.
    variants = [one for one in reload_load.VARIANTS if "delivery" not in one[0].get("batching", {})]
    with tempfile.TemporaryDirectory(prefix="sheaf-reload-") as name:
        folder = pathlib.Path(name)
        with reload_load.bench_backend(folder, arguments.programs) as (url, other_url):
            proxy = ReloadableSheaf(folder, url, reload_load.BASE)
            complaints = ["not ended"]
            try:
                paths = reload_load.PATHS
                with (Helper("steady", port=proxy.port, clients=arguments.clients, period=arguments.period,
                             paths=paths) as steady,
                      Helper("steady", port=proxy.port, arrivals=arguments.arrivals, paths=paths) as arrivals):
                    load = reload_load.ReloadLoad(proxy, other_url, steady, arrivals, variants)
                    complaints = bear(arguments, load, proxy)
            finally:
                try:
                    proxy.stop()  # fails when it crashed, or a sanitizer spoke
                except AssertionError as failure:
                    complaints.append(str(failure))
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
