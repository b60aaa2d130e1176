#!/usr/bin/env python3
"""Measures latency, batch size and CPU over the message rate: unbatched, and for clients that ask for nothing (as
shipped), that ask for an envelope (adaptive), and with a fixed wait.

Writes adaptive.csv and adaptive.svg into --output. With --publish, batching/adaptive.svg and the table in
batching/adaptive.md are replaced by what was measured.
"""

import argparse
import csv
import pathlib
import sys

sys.dont_write_bytecode = True

import bench  # noqa: E402
import peer_configs  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import runner  # noqa: E402
from scenarios import BATCHED, CORK, UNBATCHED, Scenario  # noqa: E402

RATES = [1, 3, 10, 30, 100, 300, 1000, 3000, 10000]  # messages a second a client
# As many clients as the machine serves at the rate without being short of CPU: latency is not to be the queue's.
MOST_CLIENTS, MOST_MESSAGES = 200, 30_000
MODES = {
    "unbatched": (UNBATCHED, {}, "#888888"),
    "cork": (CORK, {}, "#2a9d6f"),
    "adaptive": (BATCHED | {"batching.adaptive": "true"}, {"envelope": "json"}, "#1f6fb4"),
    "fixed": (BATCHED | {"batching.adaptive": "false"}, {"envelope": "json"}, "#d98b2b"),
}
COLUMNS = ["rate", "mode", "clients", "messages", "p50_ms", "p99_ms", "messages_a_frame", "cpu_us"]
BEGIN, END = "<!-- figures: tests/bench.sh adaptive --publish -->", "<!-- end of figures -->"


def read_arguments():
    """The command line, with what runner.measure needs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=pathlib.Path, default=bench.SOURCE / "build/release/bench")
    parser.add_argument("--sheaf", type=pathlib.Path, default=bench.SOURCE / "build/release/sheaf")
    parser.add_argument("--output", type=pathlib.Path, default=bench.SOURCE / "build/bench")
    parser.add_argument("--seconds", type=float, default=5, help="measured for each figure")
    parser.add_argument("--settle", type=float, default=1, help="seconds before measuring")
    parser.add_argument("--rates", default=",".join(map(str, RATES)), help="messages a second a client")
    parser.add_argument("--publish", action="store_true", help="replace the figures in batching/")
    arguments = parser.parse_args()
    arguments.programs = arguments.programs.resolve()
    arguments.scale, arguments.quick = 1, False
    return arguments


def scenario_of(rate, mode):
    """The load of one figure."""
    settings, options, _ = MODES[mode]
    clients = max(1, min(MOST_CLIENTS, MOST_MESSAGES // rate))
    return Scenario(f"{mode}-{rate}", "tick", clients, {"rate": rate} | options, settings=settings)


def measure_all(arguments, folder):
    """A dict of COLUMNS for each rate and mode. SystemExit when a message is lost or nothing comes."""
    program = (peer_configs.sheaf, bench.copy_of(arguments.sheaf, "sheaf", folder))
    figures = []
    for rate in map(int, arguments.rates.split(",")):
        for mode in MODES:
            scenario = scenario_of(rate, mode)
            run = runner.try_measure(arguments, scenario, "sheaf", program, folder)
            if run["problems"] or run["lost"] or not run["messages"]:
                sys.exit(f"adaptive: {scenario.name}: no figure")
            figures.append({
                "rate": rate, "mode": mode, "clients": run["connections"], "messages": run["messages"],
                "p50_ms": round(run["p50_us"] / 1000, 3), "p99_ms": round(run["p99_us"] / 1000, 3),
                "messages_a_frame": round(run["messages"] / run["frames"], 2),
                "cpu_us": round(run["cpu_us"] / run["messages"], 2),
            })
            print("  ".join(f"{name} {value}" for name, value in figures[-1].items()), flush=True)
    return figures


def curves(figures, column, dashed=False):
    """One curve a mode."""
    label = {"p50_ms": ", p50", "p99_ms": ", p99"}.get(column, "")
    return [
        plot.Curve(mode + label, colour,
                   [(one["rate"], one[column]) for one in figures if one["mode"] == mode and one[column] > 0], dashed)
        for mode, (_, _, colour) in MODES.items()
    ]


def svg(figures):
    """The plot of the figures over the rate."""
    batched = [one for one in figures if one["mode"] in ("adaptive", "fixed")]
    panels = [
        plot.Panel("Latency from the backend to the client, ms", curves(figures, "p50_ms") + curves(figures, "p99_ms", True)),
        plot.Panel("Messages a frame", [curve for curve in curves(batched, "messages_a_frame") if curve.points]),
    ]
    return plot.svg(panels, "messages a second a client")


def table(figures):
    """One line a rate, as Markdown: p50 / p99 and CPU of each mode, and the messages a frame of those with frames."""
    lines = [["messages/s a client", *(f"{mode}, p50 / p99 ms" for mode in MODES), "adaptive, messages a frame",
              "fixed, messages a frame", f"CPU a message, us: {', '.join(MODES)}"]]
    for rate in dict.fromkeys(one["rate"] for one in figures):
        by_mode = {one["mode"]: one for one in figures if one["rate"] == rate}
        lines.append([f"{rate:,}", *(f"{by_mode[mode]['p50_ms']:.2f} / {by_mode[mode]['p99_ms']:.2f}" for mode in MODES),
                      *(f"{by_mode[mode]['messages_a_frame']:.1f}" for mode in ("adaptive", "fixed")),
                      ", ".join(f"{by_mode[mode]['cpu_us']:.1f}" for mode in MODES)])
    return report.markdown(lines)


def publish(figures):
    """Replaces the plot and the table in batching/. ValueError when the page has no place for the table."""
    folder = bench.SOURCE / "batching"
    page = folder / "adaptive.md"
    page.write_text(report.replaced_between(page.read_text(), BEGIN, END, table(figures)))
    (folder / "adaptive.svg").write_text(svg(figures))


def main():
    """Measures, prints and writes."""
    arguments = read_arguments()
    folder = arguments.output.resolve() / "run"
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    figures = measure_all(arguments, folder)
    with (arguments.output / "adaptive.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(figures)
    (arguments.output / "adaptive.svg").write_text(svg(figures))
    print("\n" + table(figures))
    if arguments.publish:
        publish(figures)


if __name__ == "__main__":
    main()
