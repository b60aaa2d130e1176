"""From the figures of original.py to the original's table, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from measuring import MIB
from reporting import about_lines, table_lines

Result = dict[str, Any]
TITLES = {"direct": "direct", "shipped": "through Sheaf as shipped", "batching": "through Sheaf, batching clients", "mux": "through Sheaf, mux"}
SAMPLE = re.compile(r"^([a-zA-Z_:]+)(\{.*\})? (\S+)$", re.MULTILINE)


def counters_between(before: str, after: str) -> dict[str, float]:
    """By how much each sample of Sheaf's /metrics grew, those that did."""
    older = {name + labels: float(value) for name, labels, value in SAMPLE.findall(before)}
    newer = {name + labels: float(value) for name, labels, value in SAMPLE.findall(after)}
    return {name: value - older.get(name, 0) for name, value in newer.items() if value > older.get(name, 0)}


def counter(result: Result, name: str, *labels: str) -> float:
    """The growth of all samples of `name` with these labels."""
    return sum(value for sample, value in result["counters"].items()
               if sample.split("{")[0] == name and all(label in sample for label in labels))


def connections(result: Result) -> str:
    """Users that were let in; Sheaf counts its sessions itself."""
    sessions = "" if result["sessions"] is None else f" ({result['sessions']:.0f} sessions with the silent ones)"
    return f"{result['steady']['connected']}{sessions}"


def messages(result: Result) -> str:
    """Over WebSockets, as the clients counted them, and REST requests."""
    clients = result["clients"]
    each_way = clients["sent"] / clients["seconds"], clients["received"] / clients["seconds"], clients["rest"] / clients["seconds"]
    return "{:,.0f} up, {:,.0f} down, {:,.0f} REST".format(*each_way)


def latency(result: Result) -> str:
    """From an order to its acknowledgement, at the client."""
    found = result["clients"]["latency_ms"]
    return f"{found['p50']:.1f} / {found['p95']:.1f} / {found['p99']:.1f}" if found else "-"


def rest_latency(result: Result) -> str:
    """Of a GET on a connection that is kept."""
    found = result["clients"]["rest_ms"]
    return f"{found['p50']:.1f} / {found['p95']:.1f} / {found['p99']:.1f}" if found else "-"


def lateness(result: Result) -> str:
    """By how much Locust's own timers of 10 ms came too late: so much of each latency may be Locust's."""
    found = result["clients"]["late_ms"]
    return f"{found['p50']:.1f} / {found['p95']:.1f} / {found['p99']:.1f}"


def of_each(result: Result, value: Callable[[dict[str, float]], float]) -> str:
    """The sum over the pod, and in parentheses what each process has of it."""
    taken = result["taken"]
    parts = {name: value(taken[name]) for name in ("backend", "sheaf") if name in taken}
    text = " + ".join(f"{name} {figure:.1f}" for name, figure in parts.items())
    return f"{sum(parts.values()):.1f} ({text})" if len(parts) > 1 else text


def memory(result: Result) -> str:
    """The peak of the proportional set sizes, sampled each second."""
    return of_each(result, lambda one: one["peak_bytes"] / MIB)


def cpu(result: Result) -> str:
    """User and system time over the steady time."""
    return of_each(result, lambda one: 100 * one["cpu_seconds"] / result["clients"]["seconds"])


def cpu_a_message(result: Result) -> str:
    """The same over the messages in both directions and REST requests."""
    clients = result["clients"]
    return of_each(result, lambda one: 1e6 * one["cpu_seconds"] / (clients["sent"] + clients["received"] + clients["rest"]))


def locust_cpu(result: Result) -> str:
    """Locust's own, and that of all that ran."""
    taken, seconds = result["taken"], result["clients"]["seconds"]
    return f"{100 * taken['locust']['cpu_seconds'] / seconds:.0f} (of the whole machine: {100 * taken['machine']['cpu_seconds'] / seconds:.0f})"


def batch_size(result: Result) -> str:
    """By Sheaf's own histogram; messages that left alone are none."""
    batches, of_one = counter(result, "sheaf_batch_size_count"), counter(result, "sheaf_batch_size_bucket", 'le="1"')
    if batches == of_one:
        return "-"
    messages = (counter(result, "sheaf_batch_size_sum") - of_one) / (batches - of_one)
    return f"{messages:.1f} in {'a write' if counter(result, 'sheaf_batches_total', 'cork') else 'a frame'}"


def watch_frames(result: Result) -> str:
    """As the clients counted them while a watch list was coming."""
    clients = result["clients"]
    return f"{clients['watched'] / clients['watch_frames']:.1f} : 1" if clients["watch_frames"] else "-"


def all_frames(result: Result) -> str:
    """As the clients counted them, lone acknowledgements included."""
    clients = result["clients"]
    return f"{clients['received'] / clients['frames']:.1f} : 1"


def reuse(result: Result) -> str:
    """Leases of a connection that had served an earlier one, WebSockets included, which in a tunnel cannot be."""
    acquired = counter(result, "sheaf_pool_acquired_total")
    if not acquired:
        return "-"
    return f"{100 * counter(result, 'sheaf_pool_reused_total') / acquired:.1f} % of {acquired:,.0f}"


def acquire(result: Result) -> str:
    """By Sheaf's own histogram."""
    count = counter(result, "sheaf_pool_acquire_seconds_count")
    if not count:
        return "-"
    within = counter(result, "sheaf_pool_acquire_seconds_bucket", 'le="0.001"')
    return f"{1000 * counter(result, 'sheaf_pool_acquire_seconds_sum') / count:.3f} on average, {100 * within / count:.2f} % < 1"


def stale_clients(result: Result) -> str:
    """Those that the backend no longer had when the load ended."""
    silent = result["silent"]
    return f"{100 * (1 - silent['left'] / silent['opened']):.0f} % of {silent['opened']}"


def stale_links(result: Result) -> str:
    """Connections to the backend that stood idle when the load ended, and were closed afterwards."""
    idle = result["links_idle"]
    return f"{100 * (1 - result['links_idle_at_last'] / idle):.0f} % of {idle:.0f}" if idle else "none stood idle"


def leaks(result: Result) -> str:
    """What is left when all have come and gone twice."""
    before, after = result["before"], result["again"]
    left = sum(after["present"][kind] for kind in ("plain", "socketio", "silent")) + after.get("sessions", 0)
    grown = [after["present"]["descriptors"] - before["present"]["descriptors"]]
    if "sheaf_descriptors" in after:
        grown.append(after["sheaf_descriptors"] - before["sheaf_descriptors"])
    return f"{left:.0f} connections, {sum(max(0, one) for one in grown)} descriptors"


def growth(result: Result, earlier: str, later: str) -> str:
    """Of the proportional set size of each process."""
    before, after = result[earlier]["pss_bytes"], result[later]["pss_bytes"]
    return ", ".join(f"{name} {(after[name] - before[name]) / MIB:+.1f}" for name in after)


def losses(result: Result) -> str:
    """Failures of any kind, and quotes that are missing or too many."""
    end = result["end"]
    return f"{end['failed']} failures, {end['quotes'] - end['asked']:+} of {end['asked']:,} quotes"


ROWS: tuple[tuple[str, str, Callable[[Result], str]], ...] = (
    ("connections at once", "1,000+", connections),
    ("messages a second", "500+", messages),
    ("latency of an order, p50 / p95 / p99, ms", "< 50", latency),
    ("memory, peak, MiB", "256", memory),
    ("CPU, % of one core", "20", cpu),
    ("messages a batch (of at least two)", "50-100", batch_size),
    ("messages a frame, in answers of 51 to 101", ">= 10 : 1", watch_frames),
    ("pool: reuse", "> 90 %", reuse),
    ("pool: acquire, ms", "< 1", acquire),
    ("stale clean-up: clients that fell silent", "> 95 %", stale_clients),
    ("stale clean-up: connections left unused", "> 95 %", stale_links),
    ("leaks, after all have left", "0", leaks),
    ("not in the original: losses", "", losses),
    ("messages a frame, of all", "", all_frames),
    ("CPU a message, µs", "", cpu_a_message),
    ("REST, p50 / p95 / p99, ms", "", rest_latency),
    ("memory after all have left, over before, MiB", "", lambda result: growth(result, "before", "after")),
    ("the same after as many came once more, over that, MiB", "", lambda result: growth(result, "after", "again")),
    ("Locust itself: CPU, % of one core", "", locust_cpu),
    ("Locust itself: its timers come late by, p50 / p95 / p99, ms", "", lateness),
)


def markdown(report: dict[str, Any]) -> str:
    """The table, and under it machine and versions."""
    results, settings = report["columns"], report["settings"]
    heading = ["", "the original", *(TITLES[one["column"]] for one in results)]
    lines = [f"{settings['users']} users (half Socket.IO, half plain WebSocket), 0.1 to 2.0 actions a second each, {settings['seconds']:g} s", ""]
    lines += table_lines([heading, *([title, original, *map(figure, results)] for title, original, figure in ROWS)])
    problems = [f"{one['column']}: {problem}" for one in results for problem in one["end"]["problems"]]
    return "\n".join([*lines, "", *problems, *about_lines(report["about"])]) + "\n"
