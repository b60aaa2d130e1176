"""Starts crowd processes and adds up their ledgers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .crowd import Ledger


class Crowd:
    """`clients` clients spread over `processes` processes; when all are connected they wait for go()."""

    def __init__(
        self,
        port: int,
        *,
        clients: int,
        messages: int,
        processes: int = 2,
        authority: Path | None = None,
        **options: object,
    ) -> None:
        share = clients // processes
        extra = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        if authority:
            extra += ["--authority", str(authority)]
        self._processes = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "harness.crowd",
                    "--port",
                    str(port),
                    "--clients",
                    str(share),
                    "--first",
                    str(number * share),
                    "--messages",
                    str(messages),
                    "--wait-for-go",
                    *extra,
                ],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(processes)
        ]
        self.connected = 0
        for process in self._processes:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("connected "), f"a crowd process ended: {line!r}"
            self.connected += int(line.split()[1])

    def go(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()

    def ledger(self, seconds: float) -> Ledger:
        """Waits for the end of all and adds up."""
        total = Ledger()
        for process in self._processes:
            output, _ = process.communicate(timeout=seconds)
            for key, value in json.loads(output.strip().splitlines()[-1]).items():
                if isinstance(value, dict):
                    for code, count in value.items():
                        total.closes[code] = total.closes.get(code, 0) + count
                else:
                    setattr(total, key, max(total.seconds, value) if key == "seconds" else getattr(total, key) + value)
        return total

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
