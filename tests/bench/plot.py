"""A line plot with logarithmic axes as SVG: as much as the benchmark's curves need."""

import dataclasses
import html
import math

WIDTH, HEIGHT, LEFT, TOP, GAP = 640, 250, 60, 30, 60


@dataclasses.dataclass(frozen=True)
class Curve:
    """`points`: (x, y), both above zero. `dashed`: the second curve of the same thing."""

    name: str
    colour: str
    points: list
    dashed: bool = False


@dataclasses.dataclass(frozen=True)
class Panel:
    title: str
    curves: list


def decades(values):
    """The powers of ten around the values, as exponents: first and last."""
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return first, max(last, first + 1)


def tick_label(exponent):
    """10^exponent in figures: "0.1", "1", "1,000"."""
    return f"{10 ** exponent:,}" if exponent >= 0 else f"{10.0 ** exponent:g}"


class Axes:
    """Maps figures to the panel that begins at `top`."""

    def __init__(self, curves, top):
        self.top = top
        self.x = decades([x for curve in curves for x, _ in curve.points])
        self.y = decades([y for curve in curves for _, y in curve.points])

    def across(self, x):
        """The place of the figure from the left."""
        return LEFT + (math.log10(x) - self.x[0]) / (self.x[1] - self.x[0]) * WIDTH

    def down(self, y):
        """The place of the figure from the top."""
        return self.top + HEIGHT - (math.log10(y) - self.y[0]) / (self.y[1] - self.y[0]) * HEIGHT

    def grid(self):
        """Lines and labels at the powers of ten."""
        parts = []
        for exponent in range(self.x[0], self.x[1] + 1):
            at = self.across(10.0 ** exponent)
            parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{self.top}" y2="{self.top + HEIGHT}" stroke="#ddd"/>'
                         f'<text x="{at:.1f}" y="{self.top + HEIGHT + 15}" text-anchor="middle">{tick_label(exponent)}</text>')
        for exponent in range(self.y[0], self.y[1] + 1):
            at = self.down(10.0 ** exponent)
            parts.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>'
                         f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{tick_label(exponent)}</text>')
        return "".join(parts)


def curve_parts(curve, axes):
    """The curve's line, and a dot at each figure."""
    places = [(axes.across(x), axes.down(y)) for x, y in curve.points]
    dash = ' stroke-dasharray="5 4"' if curve.dashed else ""
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{curve.colour}"/>' for x, y in places)
    return f'<polyline points="{line}" fill="none" stroke="{curve.colour}" stroke-width="1.8"{dash}/>{dots}'


def legend(curves, top):
    """One entry a curve, right of the panel."""
    parts = []
    for index, curve in enumerate(curves):
        x, y = LEFT + WIDTH + 15, top + 12 + 18 * index
        dash = ' stroke-dasharray="5 4"' if curve.dashed else ""
        parts.append(f'<line x1="{x}" x2="{x + 24}" y1="{y}" y2="{y}" stroke="{curve.colour}" stroke-width="1.8"{dash}/>'
                     f'<text x="{x + 30}" y="{y + 4}">{html.escape(curve.name)}</text>')
    return "".join(parts)


def svg(panels, x_title):
    """The panels one below the other, as the text of an SVG file."""
    parts = []
    top = TOP
    for panel in panels:
        axes = Axes(panel.curves, top)
        parts.append(f'<text x="{LEFT}" y="{top - 10}" font-weight="bold">{html.escape(panel.title)}</text>{axes.grid()}')
        parts += [curve_parts(curve, axes) for curve in panel.curves]
        parts.append(legend(panel.curves, top))
        top += HEIGHT + GAP
    middle = LEFT + WIDTH / 2
    parts.append(f'<text x="{middle}" y="{top - GAP + 35}" text-anchor="middle">{html.escape(x_title)}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 175}" height="{top - GAP + 45}" '
            f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n')
