"""What a panel of Sheaf's Grafana dashboard is, and the words that troubles.py and others.py say it in.

In an expression `$s` stands for the targets that the dashboard's variables choose, and `$w` for the window of a rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SECONDS, BYTES, BYTES_PER_SECOND, SHARE, PER_SECOND, COUNT = "s", "bytes", "Bps", "percentunit", "ops", "short"
ON_OFF = {0: ("no", "red"), 1: ("yes", "green")}
OFF_ON = {0: ("no", "green"), 1: ("yes", "orange")}
LEVELS = {0: ("normal", "green"), 1: ("moderate", "yellow"), 2: ("high", "orange"), 3: ("critical", "red")}
HALF, THIRD = 12, 8  # of the 24 columns


@dataclass
class Panel:
    """`queries`: expression and legend of each line. `watch`, `act`: from which value on it is yellow, and red.
    `values`: text and colour of each value, for kinds other than timeseries."""

    title: str
    description: str
    unit: str
    queries: list[tuple[str, str]]
    kind: str = "timeseries"
    width: int = THIRD
    watch: float | None = None
    act: float | None = None
    stacked: bool = False
    most: float | None = None
    values: dict[int, tuple[str, str]] = field(default_factory=dict)


@dataclass
class Row:
    """`closed`: its panels ask for nothing until somebody opens it."""

    title: str
    panels: list[Panel]
    closed: bool = False


def quantile(q: float, histogram: str, by: str = "") -> str:
    """Of a histogram in the window, by `le` and these labels."""
    return f"histogram_quantile({q}, sum by (le{by}) (rate({histogram}_bucket{{$s}}[$w])))"


def quotient(over: str, under: str, by: str = "") -> str:
    """Of two counters' rates; `over` and `under` may have a selector of their own behind the name."""
    sums = [f"sum{by} (rate({one if '{' in one else one + '{$s}'}[$w]))" for one in (over, under)]
    return " / ".join(sums)


def rate(counter: str, by: str, *labels: str) -> str:
    """A second, summed by `by`; `labels`: more matchers."""
    return f"sum by ({by}) (rate({counter}{{{', '.join(('$s', *labels))}}}[$w]))"
