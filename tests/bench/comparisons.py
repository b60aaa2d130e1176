"""The tables that set ways of delivery beside one another: batching, and the backend with and without Sheaf."""

import dataclasses
import statistics
from typing import Callable

import scenarios
from peers import PEERS

BEST_PEER = "best peer"  # as a proxy: the lowest figure of the other proxies


@dataclasses.dataclass(frozen=True)
class Target:
    """What a column's figure should be: at most so many times another column's, or so much more, or a number."""

    column: str
    over: str = ""
    at_most: float | None = None  # without `over` a figure, else a factor
    at_least: float | None = None
    more: float | None = None  # at most so much more than `over`

    def text(self):
        """As the table shows it."""
        if self.at_least is not None:
            return f"{self.column} >= {self.at_least:,}"
        if self.more is not None:
            return f"{self.column} <= {self.over} + {self.more:,}"
        return f"{self.column} <= {self.at_most:,}" + (f" x {self.over}" if self.over else "")

    def met(self, cells):
        """True or False; None when a figure is missing. `cells`: column -> figure."""
        value, other = cells.get(self.column), cells.get(self.over)
        if value is None or (self.over and not other):
            return None
        if self.at_least is not None:
            return value >= self.at_least
        if self.more is not None:
            return value <= other + self.more
        return value <= self.at_most * (other if self.over else 1)


@dataclasses.dataclass(frozen=True)
class Line:
    """One figure under several ways. `ways`: column -> (scenario, proxy)."""

    title: str
    figure: Callable[[dict], float | None]
    digits: int
    ways: dict
    ratios: bool = True
    targets: tuple = ()  # of Target


@dataclasses.dataclass(frozen=True)
class Table:
    heading: str
    columns: list
    ratios: list  # (title, column, over column)
    lines: list


def batching_lines(load, name):
    """The lines of one load: its ways, and the uvicorn that compresses by itself, where that says something."""
    base = f"{load}-200x250"
    ways = {"best peer": (base, BEST_PEER), "off": (base, "sheaf")}
    ways |= {way: (f"{base}-{way}", "sheaf") for way in ("cork", "cork50", "json", "binary", "deflate")}
    own = {column: way for column, way in ways.items() if way[1] == "sheaf"}
    return [
        Line(f"{name}: us CPU a message", scenarios.cpu_a_message, 2, ways,
             targets=(Target("json", "best peer", 0.25),)),
        Line(f"{name}: messages a frame", scenarios.messages_a_frame, 1, own, False, (Target("json", at_least=10),)),
        Line(f"{name}: bytes on the wire a message", scenarios.wire_bytes_a_message, 1, own),
        Line(f"{name}: p50 ms", scenarios.milliseconds("p50_us"), 2, ways, False),
        Line(f"{name}: p99 ms", scenarios.milliseconds("p99_us"), 2, ways, False),
    ]


def unix_lines(load):
    """The lines of one load: Sheaf reaches the backend over TCP, or over a Unix socket."""
    ways = {"TCP": (load, "sheaf"), "Unix": (f"{load}-unix", "sheaf")}
    return [
        Line(f"{load}: Sheaf, us CPU a message", scenarios.cpu_a_message, 2, ways),
        Line(f"{load}: Sheaf and backend, us CPU a message", scenarios.both_cpu_a_message, 2, ways),
        Line(f"{load}: messages/s", scenarios.messages_a_second, 0, ways),
        Line(f"{load}: p50 ms", scenarios.milliseconds("p50_us"), 3, ways),
    ]


BACKEND_WAYS = {"no deflate": ("backend-plain", "direct"), "deflate": ("backend", "direct"), "Sheaf": ("backend", "sheaf")}
BESIDE_WAYS = {"Sheaf": ("backend", "sheaf")}
WIRE_WAYS = {"deflate": ("uvicorn-20x250", "direct"), "Sheaf": ("uvicorn-20x250", "sheaf"),
             "Sheaf json": ("uvicorn-20x250-json", "sheaf")}
AS_PLAIN = (Target("Sheaf", "no deflate", 1.0),)
ALONE_WAYS = ["one send", "nginx", "tunnel", "mux"]


def pushed_lines(push, clients):
    """One load of the Python backend in four ways: by itself, directly, in a tunnel and over mux."""
    name = scenarios.pushed_name(push, clients)
    through = {"tunnel": (name, "sheaf"), "mux": (f"{name}-mux", "sheaf")}
    ways = {"direct": (name, "direct")} | through
    with_floor = {"floor": (name, "floor")} | ways
    title = f"{push} {clients:,} x {scenarios.PUSHES[push].rates[clients]}"
    factor, more = {"broadcast": (1.4, 1500), "own": (2.0, 1500)}.get(push, (1.3, 3000))
    pod = (Target("mux", "direct", 0.4),) if push == "broadcast" else ()
    soon = (Target("mux", at_most=5.0),) if (push, clients) == ("broadcast", 1000) else ()
    return [
        Line(f"{title}: backend, us CPU a message", scenarios.cpu_a_message, 2, with_floor,
             targets=(Target("mux", "floor", factor),)),
        Line(f"{title}: Sheaf, us CPU a message", scenarios.beside_cpu_a_message, 2, through),
        Line(f"{title}: pod, us CPU a message", scenarios.both_cpu_a_message, 2, ways, targets=pod),
        Line(f"{title}: backend, bytes a client", scenarios.bytes_a_connection, 0, with_floor,
             targets=(Target("mux", "floor", more=more),)),
        Line(f"{title}: Sheaf, bytes a client", scenarios.beside_bytes_a_connection, 0, through),
        Line(f"{title}: pod's control group, bytes a client", scenarios.group_bytes_a_connection, 0, ways,
             targets=(Target("mux", at_most=24000),)),
        Line(f"{title}: p50 ms", scenarios.milliseconds("p50_us"), 2, ways, targets=soon),
        Line(f"{title}: p99 ms", scenarios.milliseconds("p99_us"), 2, ways),
        Line(f"{title}: bytes to the client a message", scenarios.wire_bytes_a_message, 1, ways),
        Line(f"{title}: bytes from the backend a message", scenarios.upstream_bytes_a_message, 1, through),
    ]


def alone_ways(load):
    """One load of bench_backend: its own loop of a send(2) for each client, and what Sheaf takes for the same."""
    return {"one send": (load, "direct"), "nginx": (load, "nginx"), "tunnel": (load, "sheaf"), "mux": (f"{load}-mux", "sheaf")}


JSON_WAYS = {"nginx": ("broadcast-200x250", "nginx"), "tunnel": ("broadcast-200x250-json", "sheaf"),
             "mux": ("broadcast-200x250-json-mux", "sheaf")}
MUX_TARGETS = (Target("mux", "nginx", 0.5), Target("mux", "one send", 1.2))

TABLES = {
    "batching": Table(
        "Batching, 200 clients x 250 messages a second of 128 bytes: \"broadcast\", the same messages to all, and \"distinct\".\n"
        "Columns: the best other proxy and Sheaf unbatched (off), Sheaf with cork as shipped and of 50 ms, with batch\n"
        "frames of 50 ms in the envelopes json and binary, and json with permessage-deflate.",
        ["best peer", "off", "cork", "cork50", "json", "binary", "deflate"],
        [("cork50/best", "cork50", "best peer"), ("json/off", "json", "off"), ("json/best", "json", "best peer"), ("deflate/off", "deflate", "off")],
        batching_lines("broadcast", "broadcast") + batching_lines("tick", "distinct"),
    ),
    "unix": Table(
        "The way to the backend, unbatched: TCP over loopback, or a Unix socket.",
        ["TCP", "Unix"],
        [("Unix/TCP", "Unix", "TCP")],
        unix_lines("echo-100x1") + unix_lines("tick-200x250"),
    ),
    "backend": Table(
        "The backend's side: uvicorn and FastAPI broadcast; clients connect directly without deflate, directly with deflate\n"
        "offered as browsers do, and, offering it, through Sheaf with its defaults.",
        ["no deflate", "deflate", "Sheaf", "Sheaf json"],
        [("Sheaf/no deflate", "Sheaf", "no deflate"), ("Sheaf/deflate", "Sheaf", "deflate")],
        [
            Line("1000x10: backend, us CPU a message", scenarios.cpu_a_message, 2, BACKEND_WAYS, targets=AS_PLAIN),
            Line("1000x10: backend, bytes a connection", scenarios.bytes_a_connection, 0, BACKEND_WAYS, targets=AS_PLAIN),
            Line("1000x10: p50 ms", scenarios.milliseconds("p50_us"), 2, BACKEND_WAYS, targets=AS_PLAIN),
            Line("1000x10: p99 ms", scenarios.milliseconds("p99_us"), 2, BACKEND_WAYS),
            Line("1000x10: Sheaf itself, us CPU a message", scenarios.beside_cpu_a_message, 2, BESIDE_WAYS, False),
            Line("1000x10: Sheaf itself, bytes a connection", scenarios.beside_bytes_a_connection, 0, BESIDE_WAYS, False),
            Line("1000x10: bytes on the wire a message", scenarios.wire_bytes_a_message, 1, BACKEND_WAYS),
            Line("20x250: backend, us CPU a message", scenarios.cpu_a_message, 2, WIRE_WAYS),
            Line("20x250: bytes on the wire a message", scenarios.wire_bytes_a_message, 1, WIRE_WAYS),
        ],
    ),
    "mux": Table(
        "Clients that share links, with Sheaf's defaults and clients that offer deflate: \"broadcast\", the same messages to\n"
        "all; \"socketio\", events to a room (\"changed\": with two changes to python-socketio, socketio_changed_app.py); \"own\",\n"
        "each client its own. Columns: the unchanged application under a server that does nothing, at the same pace;\n"
        "uvicorn directly; through Sheaf with a connection each, and over links.",
        ["floor", "direct", "tunnel", "mux"],
        [("mux/floor", "mux", "floor"), ("mux/direct", "mux", "direct"), ("mux/tunnel", "mux", "tunnel")],
        [line for name, push in scenarios.PUSHES.items() for clients in push.rates for line in pushed_lines(name, clients)],
    ),
    "mux-proxy": Table(
        "Sheaf's own side of links, unbatched and in batch frames of 50 ms (json). One send: the backend's own loop of\n"
        "one send(2) for each client and message, without a proxy.",
        ALONE_WAYS,
        [("mux/one send", "mux", "one send"), ("mux/nginx", "mux", "nginx"), ("mux/tunnel", "mux", "tunnel")],
        [
            Line("broadcast 1000x20: us CPU a message", scenarios.cpu_a_message, 2, alone_ways("broadcast-1000x20"),
                 targets=MUX_TARGETS),
            Line("broadcast 1000x20: p50 ms", scenarios.milliseconds("p50_us"), 3, alone_ways("broadcast-1000x20")),
            Line("distinct 1000x20: us CPU a message", scenarios.cpu_a_message, 2, alone_ways("tick-1000x20")),
            Line("distinct 1000x20: p50 ms", scenarios.milliseconds("p50_us"), 3, alone_ways("tick-1000x20")),
            Line("broadcast 200x250, json: us CPU a message", scenarios.cpu_a_message, 2, JSON_WAYS,
                 targets=(Target("mux", "nginx", 0.1),)),
            Line("broadcast 200x250, json: messages a frame", scenarios.messages_a_frame, 1, JSON_WAYS, False,
                 (Target("mux", at_least=10),)),
        ],
    ),
}


def scenarios_of(names):
    """The scenarios that the tables of these names are made from."""
    return {scenario for name in names for line in TABLES[name].lines for scenario, _ in line.ways.values()}


def flawed(runs):
    """Whether something went wrong in a run: its figures then say little."""
    return any(run["problems"] or run["lost"] for run in runs)


def cell(line, way, runs):
    """(median over the rounds or None, whether a run was flawed) of one line's figure."""
    scenario, proxy = way
    if proxy == BEST_PEER:
        values = [cell(line, (scenario, peer), runs) for peer in PEERS]
        sound = [value for value, flaw in values if value is not None and not flaw]
        return (min(sound) if sound else None), False
    mine = [run for run in runs if run["scenario"] == scenario and run["proxy"] == proxy]
    values = [value for run in mine if (value := line.figure(run)) is not None]
    return (statistics.median(values) if values else None), flawed(mine)


def verdict(met):
    """Of a line with these targets: whether all are met; None without any, or when a figure is missing."""
    return None if not met or None in met else all(met)


def make(table, runs):
    """The table's lines as dicts, without those that have no figure."""
    made = []
    for line in table.lines:
        cells = {column: cell(line, way, runs) for column, way in line.ways.items()}
        figures = {column: value for column, (value, _) in cells.items() if value is not None}
        if not figures:
            continue
        ratios = {title: figures[column] / figures[over] for title, column, over in table.ratios
                  if line.ratios and column in figures and figures.get(over)}
        made.append({
            "title": line.title, "digits": line.digits, "figures": figures, "ratios": ratios,
            "marked": [column for column, (_, flaw) in cells.items() if flaw],
            "target": "; ".join(target.text() for target in line.targets),
            "met": verdict([target.met(figures) for target in line.targets]),
        })
    return made


def missing(runs, names):
    """Sheaf's figures that should be there and are not, as sentences. `names`: the scenarios that were run."""
    sentences = []
    for line in (line for table in TABLES.values() for line in table.lines):
        for column, (scenario, proxy) in line.ways.items():
            value, flaw = cell(line, (scenario, proxy), runs)
            if scenario in names and proxy == "sheaf" and value is None and not flaw:  # a flaw is told by itself
                sentences.append(f"{line.title}: no figure for {column}")
    return sentences
