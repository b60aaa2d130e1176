"""What tests/autobahn.sh runs: `python -m harness.autobahn KOSOKU FOLDER [options]`. Exits 1 when a case fails that
need not.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from websockets.sync.server import ServerConnection

from .pusher import Pusher
from .sheaf import Conf, Sheaf, merged

# Every case runs with these: 9.3 and 9.4 cut a message into 65,536 fragments, and the small messages of 12 and 13 are
# below the shipped threshold.
COMMON: Conf = {"limits": {"max_fragments": 100_000}, "deflate": {"threshold": 0}, "log": {"access": False}}
CONFIGURATIONS: dict[str, Conf] = {
    "off": {"batching": {"delivery": "off"}, "deflate": {"enabled": False}},
    "shipped": {},
}
GOOD = {"OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED"}
EXPECTED = {
    # Only the latest of several pings is answered, as RFC 6455 5.5.3 allows (hardening row 57).
    "2.10",
    "2.11",
    # `websockets`, the backend, fails them without Sheaf too: by its answer to a Close, and its limit of fragments.
    "7.1.5",
    "9.3.1",
    "9.3.2",
    "9.4.1",
    "9.4.2",
}
# The tool's own exception, where a text of the compression cases comes back uncompressed, which is legal.
TOOL_ERROR = "Strings must be encoded before hashing"


def echo(socket: ServerConnection) -> None:
    for message in socket:
        socket.send(message)


def run(kosoku: str, folder: Path, conf: Conf, options: list[str]) -> dict[str, str]:
    """Behaviour by case."""
    folder.mkdir(parents=True, exist_ok=True)
    with Pusher(echo) as backend:
        proxy = Sheaf(folder, backend.url, merged(COMMON, conf))
        try:
            command = [kosoku, "-p", "2", "-o", str(folder), *options, f"127.0.0.1:{proxy.port}"]
            quiet = subprocess.DEVNULL
            subprocess.run(command, stdout=quiet, stderr=quiet, check=False, timeout=1800)
        finally:
            proxy.stop()
    behaviours = {}
    for cases in json.loads((folder / "index.json").read_text()).values():
        for case, entry in cases.items():
            report = json.loads((folder / entry["reportfile"]).read_text())
            behaviours[case] = "TOOL ERROR" if report["result"] == TOOL_ERROR else entry["behavior"]
    return behaviours


def main() -> int:
    kosoku, folder, *options = sys.argv[1:]
    unexpected = 0
    for name, conf in CONFIGURATIONS.items():
        behaviours = run(kosoku, Path(folder) / name, conf, options)
        for part, belongs in (("core", range(12)), ("compression", range(12, 14))):
            counts = Counter(b for case, b in behaviours.items() if int(case.split(".")[0]) in belongs)
            print(f"{name}, {part}: {', '.join(f'{count} {behaviour}' for behaviour, count in counts.most_common())}")
        failed = sorted(case for case, behaviour in behaviours.items() if behaviour not in GOOD | {"TOOL ERROR"})
        print(f"{name}, failed: {failed}; not expected: {sorted(set(failed) - EXPECTED)}", flush=True)
        unexpected += len(set(failed) - EXPECTED)
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
