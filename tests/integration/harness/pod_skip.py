"""The reason why pods cannot be run here, said so that nobody overlooks it."""

from __future__ import annotations

import warnings
from typing import NoReturn

import pytest


def skip_pods(why: str) -> NoReturn:
    """Skips all tests of pods. tests/CMakeLists.txt knows the sentence."""
    _skip(f"the pods of docker/k8s were NOT run as processes: {why}")


def skip_limits(why: str) -> NoReturn:
    """Skips the test of what takes control groups."""
    _skip(f"the limits of the pods' containers were NOT checked: {why}")


def _skip(sentence: str) -> NoReturn:
    """pytest's summary has the warning even where it does not list what was skipped."""
    warnings.warn(sentence, stacklevel=3)
    pytest.skip(sentence)
