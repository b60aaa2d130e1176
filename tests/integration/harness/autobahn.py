"""What tests/autobahn.sh runs: `python -m harness.autobahn PYTHON FOLDER [VARIANT...] [options]`, PYTHON being one that has
kosoku. Exits 1 when a case ends worse than it may.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sheaf_batch.websockets import batch_connect_sync
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from .certificates import Authority
from .ports import free_port, wait_until
from .sheaf import ROOT, Conf, Sheaf, merged
from .tls_relay import TlsRelay

# Every case runs with these: the small messages of 12 and 13 are below the shipped threshold.
COMMON: Conf = {"deflate": {"threshold": 0}, "log": {"access": False}}
OFF: Conf = {"batching": {"delivery": "off"}, "deflate": {"enabled": False}}
# Fixed and short: the cases play ping-pong thousands of times.
BATCHES: Conf = {"batching": {"delivery": "always", "adaptive": False, "timeout": "5ms"}, "deflate": {"enabled": False}}


@dataclass(frozen=True)
class Variant:
    """One run of all cases. With an `envelope` the suite is the backend, and a client that unbatches is the echo."""

    name: str
    conf: Conf = field(default_factory=dict)
    tls: bool = False
    envelope: str = ""


VARIANTS = [
    Variant("off", OFF),
    Variant("off-tls", OFF, tls=True),
    Variant("shipped"),
    Variant("shipped-tls", tls=True),
    Variant("unbatching", BATCHES, envelope="binary"),
]
GOOD = {"OK", "INFORMATIONAL", "UNIMPLEMENTED"}
# With an envelope the suite is the backend and a client is the echo: what the suite sent before its error waits for a
# batch window and goes there and back, while Sheaf answers the error at once.
RACES = {"3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15"}
SUITE = Path(__file__).with_name("suite.py")


# ---- the suite as the client


@contextlib.contextmanager
def echo_server() -> Iterator[str]:
    """Its URL. Stock `ws`, since `websockets` fails 7.1.5, and 9.3 and 9.4 by its limit of fragments."""
    port = free_port()
    script = ROOT / "tests/clients/echo_server.cjs"
    environment = {**os.environ, "NODE_PATH": str(ROOT / "build/clients/node_modules")}
    process = subprocess.Popen(["node", str(script), str(port)], env=environment)
    try:
        wait_until(lambda: listens(port), 10, "the echo listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def run_as_client(python: str, folder: Path, variant: Variant, options: list[str]) -> None:
    authority = Authority(folder)
    pair = authority.issue("127.0.0.1")
    tls: Conf = {"listen": {"tls_certificate": str(pair.certificate), "tls_key": str(pair.key)}} if variant.tls else {}
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(echo_server())
        proxy = Sheaf(folder, url, merged(merged(COMMON, variant.conf), tls))
        stack.callback(proxy.stop)
        port = proxy.port
        if variant.tls:
            context = ssl.create_default_context(cafile=str(authority.certificate))
            port = stack.enter_context(TlsRelay(port, context)).port
        command = [python, SUITE, "-p", "2", "-o", str(folder), *options, f"127.0.0.1:{port}"]
        quiet = subprocess.DEVNULL
        subprocess.run(command, stdout=quiet, stderr=quiet, check=False, timeout=1800)


# ---- the suite as the backend


def run_as_backend(python: str, folder: Path, variant: Variant, options: list[str]) -> None:
    port = free_port()
    suite = f"127.0.0.1:{port}"
    command = [python, SUITE, "-m", "fuzzingserver", "-o", str(folder), *options, suite]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port), 10, "the suite listens")
        with connect(f"ws://{suite}/getCaseCount") as question:
            count = int(question.recv())
        proxy = Sheaf(folder, f"http://{suite}", merged(COMMON, variant.conf))
        try:
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda case: echo_case(proxy, case, variant.envelope), range(1, count + 1)))
        finally:
            proxy.stop()
        with contextlib.suppress(ConnectionClosed), connect(f"ws://{suite}/updateReports?agent=sheaf") as order:
            order.recv()
        process.wait(60)
    finally:
        process.kill()
        process.wait()


def echo_case(proxy: Sheaf, case: int, envelope: str) -> None:
    """Sends back, one by one, what comes in batches."""
    url = f"{proxy.ws_url}/runCase?case={case}&agent=sheaf"
    with contextlib.suppress(ConnectionClosed), batch_connect_sync(url, envelope, max_size=None) as client:
        assert client.response is not None and client.response.headers.get("Sheaf-Batch") == envelope
        for message in client:
            client.send(message)


# ---- both


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


def verdicts(folder: Path) -> dict[str, str]:
    """By case: of its messages, or, where that is good, of its Close. ERROR, with what was raised: an exception."""
    found = {}
    for cases in json.loads((folder / "index.json").read_text()).values():
        for case, entry in cases.items():
            verdict = entry["behavior"]
            if verdict == "ERROR":
                verdict = f"ERROR {json.loads((folder / entry['reportfile']).read_text())['result']}"
            elif verdict != "FAILED" and entry["behaviorClose"] not in GOOD:
                verdict = f"CLOSE {entry['behaviorClose']}"
            found[case] = verdict
    return found


def may_be(variant: Variant, case: str, verdict: str) -> bool:
    races = variant.envelope != "" and case in RACES
    return verdict in GOOD or (verdict == "NON-STRICT" and races)


def main() -> int:
    python, folder, *options = sys.argv[1:]
    named = set(options) & {variant.name for variant in VARIANTS}
    options = [option for option in options if option not in named]
    unexpected = 0
    for variant in VARIANTS:
        if named and variant.name not in named:
            continue
        reports = Path(folder) / variant.name
        shutil.rmtree(reports, ignore_errors=True)
        reports.mkdir(parents=True)
        run = run_as_backend if variant.envelope else run_as_client
        run(python, reports, variant, options)
        found = verdicts(reports)
        for part, belongs in (("core", range(12)), ("compression", range(12, 14))):
            counts = Counter(verdict for case, verdict in found.items() if int(case.split(".")[0]) in belongs)
            if counts:
                print(f"{variant.name}, {part}: {', '.join(f'{n} {verdict}' for verdict, n in counts.most_common())}")
        notable = {case: verdict for case, verdict in sorted(found.items()) if verdict not in GOOD}
        wrong = {case: verdict for case, verdict in notable.items() if not may_be(variant, case, verdict)}
        print(f"{variant.name}, not OK: {notable}; not expected: {wrong}", flush=True)
        unexpected += len(wrong)
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
