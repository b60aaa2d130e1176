"""Each option of the table has a test of what a reload does to it, and that test shows what the table promises.

The tests say by their decorators (harness/reloading.py) which options they are for; they are in files test_reload_*.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from harness.reloading import options_of

OPTIONS = options_of()


def promises_tested() -> dict[str, set[str]]:
    """What tests show of each option."""
    found: dict[str, set[str]] = {}
    for file in sorted(Path(__file__).parent.glob("test_reload_*.py")):
        module = importlib.import_module(file.stem)
        for name, test in vars(module).items():
            if name.startswith("test_"):
                for option, takes in getattr(test, "promises", {}).items():
                    found.setdefault(option, set()).add(takes)
    return found


TESTED = promises_tested()


def test_the_table_is_read() -> None:
    assert len(OPTIONS) > 80 and set(OPTIONS.values()) == {"live", "new sessions", "restart"}


@pytest.mark.parametrize("option", OPTIONS)
def test_option_has_a_test_of_its_promise(option: str) -> None:
    assert TESTED.get(option) == {OPTIONS[option]}


def test_nothing_is_promised_of_options_that_there_are_not() -> None:
    assert set(TESTED) <= set(OPTIONS)
