"""From runs to a table of figures and ratios, a JSON file and a plot."""

import html
import json

import comparisons
from comparisons import flawed
from peers import PEERS
from scenarios import ROWS

HEADING = ("Unbatched: every message in a frame of its own, nothing compressed. Sheaf with batching.delivery = off and\n"
           "deflate.enabled = false.")


def make_rows(runs):
    """One dict a row that has at least one figure."""
    rows = []
    for row in ROWS:
        by_proxy = {}
        for run in runs:
            if run["scenario"] == row.scenario:
                by_proxy.setdefault(run["proxy"], []).append(run)
        figures = {proxy: value for proxy, its in by_proxy.items() if (value := row.value(its)) is not None}
        if not figures:
            continue
        marked = [proxy for proxy, its in by_proxy.items() if flawed(its)]
        best = row.best([value for proxy, value in figures.items() if proxy in PEERS and proxy not in marked])
        sheaf = figures.get("sheaf")
        ratio = sheaf / best if sheaf is not None and best else None
        rows.append({
            "title": row.title, "figures": figures, "marked": marked, "best_peer": best, "ratio": ratio,
            "ratio_vs": sheaf / figures["vs"] if sheaf is not None and figures.get("vs") else None,
            "target": row.target(), "met": row.met(sheaf, ratio) if sheaf is not None else None,
            "digits": row.digits, "higher_is_better": row.higher_is_better,
        })
    return rows


def table(rows, proxies):
    """The rows as a Markdown table. "!" marks a figure of a run with problems; "(x)" is the backend's own cost."""
    with_vs = "vs" in proxies
    lines = [["", *proxies, "Sheaf/best", *(["Sheaf/vs"] if with_vs else []), "target", ""]]
    for row in rows:
        cells = [row["title"]]
        for proxy in proxies:
            text = figure_text(row, proxy)
            cells.append(f"({text})" if proxy == "direct" and text != "-" else text)
        cells.append(ratio_text(row["ratio"]))
        if with_vs:
            cells.append(ratio_text(row["ratio_vs"]))
        cells += [row["target"], VERDICTS[row["met"]]]
        lines.append(cells)
    return markdown(lines)


def comparison_text(table, lines):
    """A table of comparisons.py as Markdown, with its heading."""
    ratios = [title for title, _, _ in table.ratios]
    rows = [["", *table.columns, *ratios, "target", ""]]
    for line in lines:
        cells = [figure_text(line, column) for column in table.columns]
        cells += [ratio_text(line["ratios"].get(title)) for title in ratios]
        rows.append([line["title"], *cells, line["target"], VERDICTS[line["met"]]])
    return f"{table.heading}\n\n{markdown(rows)}"


def comparison_texts(made):
    """All tables that have lines. `made`: name of the table -> its lines."""
    return [comparison_text(comparisons.TABLES[name], lines) for name, lines in made.items() if lines]


def figure_text(row, column):
    """A figure with its mark, or "-"."""
    value = row["figures"].get(column)
    text = "-" if value is None else f"{value:,.{row['digits']}f}"
    return text + ("!" if column in row["marked"] else "")


VERDICTS = {True: "met", False: "missed", None: ""}


def markdown(lines):
    """Lines of cells as a Markdown table; the first is the heading."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def ratio_text(ratio):
    return "-" if ratio is None else f"{ratio:.2f}"


def save(folder, result):
    (folder / "figures.json").write_text(json.dumps(result, indent=1) + "\n")
    (folder / "figures.svg").write_text(plot(result["rows"], result["proxies"]))


COLOURS = {"sheaf": "#1f6fb4", "vs": "#7fb3dd", "nginx": "#4f9d4f", "haproxy": "#d98b2b", "caddy": "#8d6bb8",
           "envoy": "#c0504d"}
BAR, GAP, LEFT, UNIT, LONGEST = 12, 14, 260, 160, 4.0


def plot(rows, proxies):
    """Bars of each figure relative to the best peer's, so that one scale serves all rows."""
    shown = [proxy for proxy in proxies if proxy in COLOURS]
    parts = []
    y = 40
    for index, proxy in enumerate(shown):
        parts.append(f'<rect x="{LEFT + index * 90}" y="10" width="12" height="12" fill="{COLOURS[proxy]}"/>'
                     f'<text x="{LEFT + index * 90 + 16}" y="20">{html.escape(proxy)}</text>')
    for row in rows:
        if not row["best_peer"]:
            continue
        better = "longer is better" if row["higher_is_better"] else "shorter is better"
        parts.append(f'<text x="8" y="{y + 12}">{html.escape(row["title"])}</text>'
                     f'<text x="8" y="{y + 25}" fill="#777">{better}</text>')
        for proxy in shown:
            value = row["figures"].get(proxy)
            if value is None:
                continue
            ratio = value / row["best_peer"]
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{min(ratio, LONGEST) * UNIT:.1f}" height="{BAR - 2}" '
                         f'fill="{COLOURS[proxy]}"/><text x="{LEFT + min(ratio, LONGEST) * UNIT + 4:.1f}" y="{y + 9}">'
                         f'{value:,.{row["digits"]}f}</text>')
            y += BAR
        y += GAP
    width = LEFT + LONGEST * UNIT + 80
    line = f'<line x1="{LEFT + UNIT}" y1="30" x2="{LEFT + UNIT}" y2="{y}" stroke="#999" stroke-dasharray="3 3"/>'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{y + 10}" '
            f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>'
            f'{"".join(parts)}{line}</svg>\n')
