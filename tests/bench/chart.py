"""The plot of tables with targets: for each row how far Sheaf, and the others, are from what is asked of Sheaf."""

import html
import math

from lines import PEERS

COLOURS = {"Sheaf": "#2f81d6", "tunnel": "#2f81d6", "mux": "#7a5cc9", "nginx": "#4f9d4f", "HAProxy": "#d98b2b",
           "Caddy": "#a0729f", "Envoy": "#c0504d"}
TEXT = {"Sheaf": "Sheaf, tunnel", "mux": "Sheaf, mux"}
LEFT, WIDTH, LINE, TOP, RIGHT = 500, 400, 20, 64, 24
LEAST, MOST = 0.125, 8  # of the target; what is beyond stands at the edge
# One picture for light and dark pages: the colours of text and ground follow what the reader's system asks for.
STYLE = """<style>
  .ground { fill: #ffffff } text { fill: #24292f; font: 12px sans-serif } .soft { fill: #656d76 } .grid { stroke: #d0d7de }
  .limit { stroke: #24292f } @media (prefers-color-scheme: dark) { .ground { fill: #0d1117 } text { fill: #e6edf3 }
  .soft { fill: #8d96a0 } .grid { stroke: #30363d } .limit { stroke: #e6edf3 } }
</style>"""


def across(share):
    """The place of a share of the target, from the left."""
    within = min(max(share, LEAST), MOST)
    return LEFT + math.log(within / LEAST) / math.log(MOST / LEAST) * WIDTH


def share_of(line, column, target):
    """The share of the target that another column's median would be; None where it has none."""
    own, other = line["figures"].get(target["column"]), line["figures"].get(column)
    if not own or not other or not own["value"] or not other["value"]:
        return None
    ratio = other["value"] / own["value"]
    return target["share"]["value"] * (1 / ratio if line["higher"] else ratio)


def dot(share, y, colour, radius):
    """A figure."""
    return f'<circle cx="{across(share):.1f}" cy="{y}" r="{radius}" fill="{colour}"/>'


def row(line, target, y):
    """One target: its name, the others' dots, Sheaf's with the spread of the rounds, and the verdict."""
    colour = COLOURS.get(target["column"], COLOURS["Sheaf"])
    share = target["share"]
    title = html.escape(line["title"])
    parts = [f'<text x="{LEFT - 14}" y="{y + 4}" text-anchor="end">{title}'
             f'<tspan class="soft"> ({html.escape(target["text"])})</tspan></text>']
    for column in PEERS:
        other = share_of(line, column, target)
        if other is not None:
            parts.append(dot(other, y, COLOURS[column], 3))
    parts.append(f'<line x1="{across(share["low"]):.1f}" x2="{across(share["high"]):.1f}" y1="{y}" y2="{y}" '
                 f'stroke="{colour}" stroke-width="3" stroke-linecap="round"/>{dot(share["value"], y, colour, 5)}')
    return "".join(parts)


def axis(bottom):
    """The grid at powers of two, and the line where targets are met."""
    parts = []
    for exponent in range(-3, 4):
        x = across(2.0 ** exponent)
        kind = "limit" if exponent == 0 else "grid"
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 12}" y2="{bottom}" class="{kind}"/>'
                     f'<text x="{x:.1f}" y="{TOP - 18}" text-anchor="middle" class="soft">{2.0 ** exponent:g}</text>')
    return "".join(parts)


def legend(columns):
    """One entry for each that is shown."""
    parts, x = [], 14
    for column in columns:
        text = TEXT.get(column, column)
        parts.append(f'<circle cx="{x}" cy="16" r="4" fill="{COLOURS[column]}"/><text x="{x + 9}" y="20">{text}</text>')
        x += 28 + 7 * len(text)
    parts.append(f'<text x="{x + 10}" y="20" class="soft">left of 1: the target is met; bars: the rounds</text>')
    return "".join(parts)


def svg(tables):
    """The text of the file. `tables`: name -> lines, as lines.evaluate makes them; a gap parts them."""
    rows, shown, y = [], set(), TOP
    for some in tables.values():
        for line, target in ((line, target) for line in some for target in line["targets"] if target["share"]):
            rows.append(row(line, target, y + 4))
            shown |= {column for column in (*line["figures"], target["column"]) if column in COLOURS}
            y += LINE
        y += LINE // 2
    entries = [column for column in COLOURS if column in shown and column != "tunnel"]
    width = LEFT + WIDTH + RIGHT
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 12}" width="{width}" '
            f'height="{y + 12}">{STYLE}<rect width="100%" height="100%" class="ground"/>'
            f'{legend(entries)}{axis(y)}{"".join(rows)}</svg>\n')
