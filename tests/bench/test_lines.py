"""What lines.py makes of runs whose figures are known."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import bench  # noqa: E402
import chart  # noqa: E402
import figures  # noqa: E402
import lines  # noqa: E402
import report  # noqa: E402
import runner  # noqa: E402
from lines import BEST_PEER, Line, Table, Target  # noqa: E402

WAYS = {"nginx": ("load", "nginx"), "Caddy": ("load", "caddy"), "Sheaf": ("load", "sheaf")}


def run(proxy, number, cost, problems=0):
    """A run of the load."""
    return {"scenario": "load", "proxy": proxy, "round": number, "cost": cost, "problems": problems, "lost": 0,
            "first_problem": "", "connections": 1}


def of(target, runs, higher=False):
    """The line of such a target."""
    line = Line("load", lambda one: one["cost"], 1, WAYS, (target,), higher)
    table = Table("Loads.", list(WAYS), [("Sheaf/best", "Sheaf", BEST_PEER)], [line])
    return table, lines.evaluate(table, runs)


RUNS = [run("nginx", 0, 10.0), run("nginx", 1, 20.0), run("nginx", 2, 10.0), run("caddy", 0, 12.0), run("caddy", 1, 24.0),
        run("caddy", 2, 12.0), run("sheaf", 0, 9.0), run("sheaf", 1, 18.0), run("sheaf", 2, 11.0)]


def test_ratio_is_of_the_medians_and_its_spread_of_the_single_rounds():
    _, [line] = of(Target("Sheaf", BEST_PEER, at_most=1.0), RUNS)
    assert line["best"] == "nginx"
    assert line["figures"]["nginx"] == {"value": 10.0, "low": 10.0, "high": 20.0}
    assert line["ratios"]["Sheaf/best"] == pytest.approx({"value": 1.1, "low": 0.9, "high": 1.1})


def test_a_target_says_by_how_much_and_whether_rounds_disagree():
    table, made = of(Target("Sheaf", BEST_PEER, at_most=1.0), RUNS)
    assert made[0]["targets"][0]["met"] is False
    text = report.table_text(table, made)
    assert "≤ 1.0 x best peer: 1.10 (0.90 to 1.10): missed by 10 %, within the spread" in text
    assert report.verdict_counts({"one": made}) == \
        "0 of 1 targets met, 1 missed; in 1 of them some rounds met it and others missed it"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Target("Sheaf", "nginx", at_most=2.2), "≤ 2.2 x nginx: 1.10 (0.90 to 1.10): met by 50 %"),
        (Target("Sheaf", at_most=22.0), "≤ 22.0: met by 50 %"),
        (Target("Sheaf", "nginx", more=1.0), "≤ nginx + 1.0: +1.0 (-2.0 to 1.0): met by 0 %"),
        (Target("Sheaf", at_least=5.5), "≥ 5.5: met by 100 %"),
        (Target("Sheaf", "nginx", at_least=2.2), "≥ 2.2 x nginx: 1.10 (0.90 to 1.10): missed by 50 %"),
    ],
)
def test_each_kind_of_target(target, text):
    _, [line] = of(target, RUNS)
    assert report.target_text(line["targets"][0], line["digits"]).startswith(text)


def test_the_best_peer_is_the_one_with_most_where_more_is_better_and_none_that_lost_a_message():
    assert of(Target("Sheaf", BEST_PEER, at_least=1.0), RUNS, higher=True)[1][0]["best"] == "Caddy"
    lossy = [run("nginx", 0, 1.0, problems=1), run("caddy", 0, 12.0), run("sheaf", 0, 9.0)]
    table, [line] = of(Target("Sheaf", BEST_PEER, at_most=1.0), lossy)
    assert line["best"] == "Caddy"
    assert "1.0!" in report.table_text(table, [line])


def test_a_column_that_was_behind_the_pace_is_marked():
    runs = [run("nginx", 0, 10.0) | {"pace": 0.8}, run("sheaf", 0, 9.0) | {"pace": 0.99}]
    table, made = of(Target("Sheaf", BEST_PEER, at_most=1.0), runs)
    assert "| 10.0~ | 9.0 " in report.table_text(table, made)


def test_who_was_behind_the_pace_is_neither_the_best_nor_meets_a_target():
    late = {"pace": 0.8}
    runs = [run("nginx", 0, 5.0) | late, run("caddy", 0, 12.0), run("sheaf", 0, 9.0)]
    [line] = of(Target("Sheaf", BEST_PEER, at_most=1.0), runs)[1]
    assert line["best"] == "Caddy" and line["targets"][0]["met"]
    [line] = of(Target("Sheaf", "nginx", at_most=3.0), runs)[1]
    assert line["targets"][0]["met"] is None
    [line] = of(Target("Sheaf", BEST_PEER, at_most=1.0), [run("caddy", 0, 12.0), run("sheaf", 0, 9.0) | late])[1]
    assert line["targets"][0]["met"] is None


def test_no_target_is_set_by_a_peer_that_lost_a_message():
    runs = [run("nginx", 0, 30.0, problems=1), run("caddy", 0, 12.0), run("sheaf", 0, 9.0)]
    [line] = of(Target("Sheaf", "nginx", at_most=0.5), runs)[1]
    assert line["targets"][0]["met"] is None


def test_memory_is_that_of_the_connections_that_came_in_between():
    grown = {"pss_growth": 9000, "beside_pss_growth": 1800, "group_growth": 18000, "connections": 10, "grown_by": 9}
    of_each = (figures.bytes_a_connection, figures.beside_bytes_a_connection, figures.group_bytes_a_connection)
    assert [figure(grown) for figure in of_each] == [1000, 200, 2000]
    assert [figure({**grown, "grown_by": 0}) for figure in of_each] == [None, None, None]


def test_a_missing_figure_leaves_the_target_open():
    _, [line] = of(Target("Sheaf", BEST_PEER, at_most=1.0), [run("sheaf", 0, 9.0)])
    assert line["targets"][0]["met"] is None
    assert report.verdict_counts({"one": [line]}) == "no target was measured"


def test_what_is_measured_is_in_turn_from_round_to_round_and_what_is_done_is_not_measured_again():
    [load] = [one for one in bench.LOADS if one.name == "echo-100x1"]
    wanted = {load.name: ["nginx", "caddy", "sheaf"]}
    assert [names for _, names in runner.due([load], wanted, set(), 1)] == [["caddy", "sheaf", "nginx"]]
    done = {(load.name, "caddy", 1)}
    assert [names for _, names in runner.due([load], wanted, done, 1)] == [["sheaf", "nginx"]]


def test_every_row_is_of_loads_that_there_are():
    known = {one.name for one in bench.LOADS}
    rows = [line for table in bench.TABLES.values() for line in table.lines]
    assert {scenario for line in rows for scenario, _ in line.ways.values()} == known
    assert all(target.column in line.ways and target.over in ("", BEST_PEER, *line.ways)
               for line in rows for target in line.targets)


def test_the_plot_has_the_dot_left_of_the_line_where_the_target_is_met():
    table, made = of(Target("Sheaf", "nginx", at_most=2.2), RUNS)
    picture = chart.svg({"one": made})
    assert f'cx="{chart.across(0.5):.1f}"' in picture
    assert chart.across(0.5) < chart.across(1)
    assert table.heading not in picture
