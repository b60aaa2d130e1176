"""The two tables of bytes.py, and what is asked of their rows."""

import report

# cohort-compression names them: acks are sent plain, and who skips messages at random is never where the others are.
EXCUSED = ("broadcast, 20 % acks of 60 bytes", "broadcast, 20 % skipped")
SHARED = ("broadcast", "in one of 10 rooms", "broadcast, clients come and go")  # rows for which CPU has a bound
MOST_CPU = 1.3  # of what compressing once without a context takes
MOST_OF_BROADCAST = 0.7  # of the bytes of compressing once without a context
ROUNDING = 1.005


def verdict(row, figures):
    """"met", or what is missed. `figures`: of the row, by column."""
    missed = []
    if figures["shipped"].received > figures["direct"].received * ROUNDING and row.spread not in EXCUSED:
        missed.append("direct")
    if row.spread == "broadcast" and figures["shipped"].received > figures["once"].received * MOST_OF_BROADCAST:
        missed.append("0.7 x once")
    return "missed: " + ", ".join(missed) if missed else "met" if row.spread not in EXCUSED else "told"


def sizes(results):
    """Bytes a message. `results`: (row, figures by column)."""
    lines = [["bytes a message", "plain", "direct", "Sheaf", "own", "once", "Sheaf/direct", "Sheaf/once", ""]]
    for row, figures in results:
        received = {name: one.received for name, one in figures.items()}
        lines.append([row.title, f"{figures['direct'].plain:.1f}", *(f"{one:.1f}" for one in received.values()),
                      report.ratio_text(received["shipped"] / received["direct"]),
                      report.ratio_text(received["shipped"] / received["once"]), verdict(row, figures)])
    return report.markdown(lines)


def cpu(results):
    """µs of CPU a message of backend and of Sheaf."""
    lines = [["µs of CPU a message", "backend, direct", "behind Sheaf", "Sheaf", "own", "once", "Sheaf/once", ""]]
    for row, figures in results:
        ratio = figures["shipped"].sheaf_us / figures["once"].sheaf_us
        bound = row.spread in SHARED
        lines.append([row.title, f"{figures['direct'].backend_us:.1f}", f"{figures['shipped'].backend_us:.1f}",
                      *(f"{figures[name].sheaf_us:.1f}" for name in ("shipped", "own", "once")),
                      report.ratio_text(ratio), ("met" if ratio <= MOST_CPU else "missed") if bound else ""])
    return report.markdown(lines)
