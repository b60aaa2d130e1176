"""What an app under test writes down for the test that runs it: lines of JSON in a file, which outlive the app."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

from .ports import wait_until

VARIABLE = "SHEAF_TEST_NOTES"


def note(tag: str, what: Any) -> None:
    """The app's side: adds `what`, which JSON can hold, under `tag`."""
    line = json.dumps([tag, what]) + "\n"
    # One write to a file open for appending: processes and threads do not cut each other's lines.
    descriptor = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


class Notes:
    """The test's side. `environment`: the app's variables."""

    _numbers = itertools.count()

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"notes-{os.getpid()}-{next(self._numbers)}"
        self._file.touch()
        self.environment = {VARIABLE: str(self._file)}

    def all(self) -> list[tuple[str, Any]]:
        """All pairs of tag and what was noted, in order."""
        return [tuple(json.loads(line)) for line in self._file.read_text().splitlines()]

    def of(self, tag: str) -> list[Any]:
        """What was noted under `tag`, in order."""
        return [what for noted, what in self.all() if noted == tag]

    def wait_for(self, tag: str, count: int = 1, seconds: float = 15) -> list[Any]:
        """The same, as soon as there are `count`."""
        wait_until(lambda: len(self.of(tag)) >= count, seconds, f"{count} notes of {tag}; now {self.of(tag)}")
        return self.of(tag)
