"""From what lines.py makes of the runs to Markdown."""

VERDICTS = {True: "met", False: "missed", None: ""}


def markdown(lines):
    """Lines of cells as a Markdown table; the first is the heading."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def ratio_text(ratio):
    """Two digits, or "-"."""
    return "-" if ratio is None else f"{ratio:.2f}"


def spread_text(spread, digits):
    """A figure, and in brackets the least and the greatest of the rounds where they differ; "-" for none."""
    if spread is None:
        return "-"
    value, low, high = (f"{spread[name]:,.{digits}f}" for name in ("value", "low", "high"))
    return value if low == high else f"{value} ({low} to {high})"


def figure_text(line, column):
    """A figure with its mark, or "-"."""
    text = spread_text(line["figures"].get(column), line["digits"])
    return text + ("!" if column in line["marked"] else "") + ("~" if column in line["late"] else "")


def target_text(target, digits):
    """What is asked, what is, and how far that is from it: "met by 12 %", "missed by 3 %, within the spread". `digits`: of a
    difference."""
    share = target["share"]
    if share is None:
        return target["text"]
    relation = target["relation"]
    sign = "+" if target["difference"] and relation and relation["value"] >= 0 else ""
    shown = digits if target["difference"] else 2
    of = f": {sign}{spread_text(relation, shown)}" if relation else ""
    used = 1 / share["value"] if target["least"] else share["value"]
    verdict = f"{VERDICTS[target['met']]} by {abs(1 - used):.0%}".replace("%", " %")
    open_ = ", within the spread" if share["low"] <= 1 < share["high"] else ""
    return f"{target['text']}{of}: {verdict}{open_}"


def table_text(table, made):
    """A table of lines.py as Markdown, with its heading; columns without any figure are left out. `made`: its lines."""
    columns = [column for column in [*table.columns, "vs"] if any(column in line["figures"] for line in made)]
    ratios = [title for title in dict.fromkeys([*(title for title, _, _ in table.ratios), "Sheaf/vs"])
              if any(title in line["ratios"] for line in made)]
    rows = [["", *columns, *ratios, "target"]]
    for line in made:
        targets = "; ".join(target_text(target, line["digits"]) for target in line["targets"])
        rows.append([line["title"], *(figure_text(line, column) for column in columns),
                     *(spread_text(line["ratios"].get(title), 2) for title in ratios), targets])
    return f"{table.heading}\n\n{markdown(rows)}"


def replaced_between(page, begin, end, text):
    """The page with `text` in place of what is between two lines. ValueError when it has no such place."""
    return f"{page[:page.index(begin)]}{begin}\n{text}\n{page[page.index(end, page.index(begin)):]}"


def quiet_text(machine):
    """A warning where the machine was busy before it was measured; else ""."""
    load = float(machine["load at the start"].split()[0])
    if load <= machine["cores"] / 2:
        return ""
    return f"THE MACHINE WAS BUSY (a load of {load:g} before it began): these figures say little."


def facts_text(facts):
    """Name: value, as a list of Markdown."""
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def verdict_counts(tables):
    """A sentence on how many targets are met. `tables`: name -> lines."""
    targets = [target for lines in tables.values() for line in lines for target in line["targets"] if target["share"]]
    met = sum(target["met"] for target in targets)
    close = sum(target["share"]["low"] <= 1 < target["share"]["high"] for target in targets)
    return (f"{met} of {len(targets)} targets met, {len(targets) - met} missed; in {close} of them some rounds met it and "
            "others missed it" if targets else "no target was measured")
