"""Tables of figures: what a line compares, what is asked of it, and what the runs say to that."""

import dataclasses
import statistics
from typing import Callable

PEERS = {"nginx": "nginx", "HAProxy": "haproxy", "Caddy": "caddy", "Envoy": "envoy"}  # column -> proxy
LEAST_PACE = 0.95
BEST_PEER = "best peer"  # as a column: the other proxy whose median is best


@dataclasses.dataclass(frozen=True)
class Target:
    """What a column's figure should be: at most or at least so many times another column's, or so much more than it, or,
    without `over`, that number."""

    column: str
    over: str = ""
    at_most: float | None = None
    at_least: float | None = None
    more: float | None = None

    def text(self):
        """As the table shows it."""
        times = f" x {self.over}" if self.over else ""
        who = "" if self.column == "Sheaf" else f"{self.column} "
        if self.more is not None:
            return f"{who}≤ {self.over} + {self.more:,}"
        if self.at_least is not None:
            return f"{who}≥ {self.at_least:,}{times}"
        return f"{who}≤ {self.at_most:,}{times}"

    def share(self, cells):
        """How much of what is allowed is used: the target is met up to 1. None when a figure is missing. `cells`: column ->
        figure."""
        value, other = cells.get(self.column), cells.get(self.over)
        if not value or (self.over and other is None):
            return None
        if self.more is not None:
            return value / (other + self.more)
        factor = other if self.over else 1
        return self.at_least * factor / value if self.at_least is not None else value / (self.at_most * factor)

    def relation(self, cells):
        """What the target speaks of: the ratio, or the difference; None for a number, or when a figure is missing."""
        value, other = cells.get(self.column), cells.get(self.over)
        if not self.over or value is None or not other:
            return None
        return value - other if self.more is not None else value / other


@dataclasses.dataclass(frozen=True)
class Line:
    """One figure under several ways. `figure`: of one run, None where it has none. `ways`: column -> (scenario, proxy)."""

    title: str
    figure: Callable[[dict], float | None]
    digits: int
    ways: dict
    targets: tuple = ()  # of Target
    higher: bool = False  # is better
    ratios: bool = True  # the table's ratios say something of this figure


@dataclasses.dataclass(frozen=True)
class Table:
    heading: str
    columns: list
    ratios: list  # (title, column, over column)
    lines: list


@dataclasses.dataclass(frozen=True)
class Spread:
    """A figure of all rounds, and the least and the greatest of one round."""

    value: float
    low: float
    high: float


def flawed(runs):
    """Whether something went wrong in a run: its figures then say little."""
    return any(run["problems"] or run["lost"] for run in runs)


def by_round(line, column, runs):
    """Round -> figure of one column."""
    scenario, proxy = line.ways[column]
    mine = [run for run in runs if (run["scenario"], run["proxy"]) == (scenario, proxy)]
    return {run["round"]: value for run in mine if (value := line.figure(run)) is not None}


def late(runs):
    """Whether less came in some run than the backend should have sent: who is short of CPU finds more in each read, and so
    spends less a message."""
    return any(run.get("pace", 1) < LEAST_PACE for run in runs)


def columns_where(line, runs, wrong):
    """The columns for whose runs `wrong` holds."""
    return [column for column, way in line.ways.items()
            if wrong([run for run in runs if (run["scenario"], run["proxy"]) == way])]


def best_peer(line, columns, wrong):
    """The name of the best other proxy's column; None without any. `columns`: column -> round -> figure; `wrong`: those that
    are not to be compared with."""
    medians = {peer: statistics.median(columns[peer].values()) for peer in PEERS if columns.get(peer) and peer not in wrong}
    return (max if line.higher else min)(medians, key=medians.get) if medians else None


def spread(columns, of_cells):
    """of_cells(column -> figure) of the medians, and the least and greatest of the rounds that have it; None when there is
    none. Rounds are compared within themselves: a busy minute hits all columns alike."""
    value = of_cells({column: statistics.median(figures.values()) for column, figures in columns.items() if figures})
    if value is None:
        return None
    numbers = sorted({number for figures in columns.values() for number in figures})
    rounds = [of_cells({column: figures[number] for column, figures in columns.items() if number in figures})
              for number in numbers]
    known = [one for one in rounds if one is not None] or [value]
    return Spread(value, min(known), max(known))


def evaluate_target(target, columns):
    """The target with what the runs say; None when they lack a figure of it."""
    share = spread(columns, target.share)
    relation = spread(columns, target.relation)
    if share is None:
        return {"text": target.text(), "column": target.column, "share": None, "relation": None, "met": None}
    return {"text": target.text(), "column": target.column, "share": dataclasses.asdict(share), "met": share.value <= 1,
            "least": target.at_least is not None,
            "relation": relation and dataclasses.asdict(relation), "difference": target.more is not None}


def evaluate_line(line, ratios, runs):
    """A line of a result, as what JSON can hold; None without any figure. `ratios`: as Table has them."""
    columns = {column: figures for column in line.ways if (figures := by_round(line, column, runs))}
    if not columns:
        return None
    marked, behind = columns_where(line, runs, flawed), columns_where(line, runs, late)
    best = best_peer(line, columns, {*marked, *behind})
    with_best = columns | ({BEST_PEER: columns[best]} if best else {})
    # A peer that lost messages, and whoever was behind its pace, did less than was asked: no target is met by either.
    wrong = {column for column in marked if column in PEERS} | set(behind)
    comparable = {column: figures for column, figures in with_best.items() if column not in wrong}

    def ratio(column, over):
        return lambda cells: cells[column] / cells[over] if column in cells and cells.get(over) else None

    found = {title: spread(with_best, ratio(column, over)) for title, column, over in (ratios if line.ratios else ())}
    return {
        "title": line.title, "digits": line.digits, "higher": line.higher, "marked": marked,
        "late": behind, "best": best,
        "figures": {column: dataclasses.asdict(spread({column: figures}, lambda cells: next(iter(cells.values()), None)))
                    for column, figures in columns.items()},
        "ratios": {title: dataclasses.asdict(one) for title, one in found.items() if one},
        "targets": [evaluate_target(target, comparable) for target in line.targets],
    }


def evaluate(table, runs):
    """The table's lines, without those that have no figure."""
    return [made for line in table.lines if (made := evaluate_line(line, table.ratios, runs))]


def pairs(line):
    """The (scenario, proxy) that the line is made from."""
    return set(line.ways.values())


def missing(lines, runs):
    """Sheaf's and direct figures that should be there and are not, as sentences. A flawed run is told by itself."""
    measured = {(run["scenario"], run["proxy"]) for run in runs}
    return [f"{line.title}: no figure for {column}" for line in lines for column, way in line.ways.items()
            if way in measured and way[1] not in PEERS.values()
            and column not in columns_where(line, runs, flawed) and not by_round(line, column, runs)]
