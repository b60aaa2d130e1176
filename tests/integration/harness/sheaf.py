"""Runs the real binary with a conf file of the test's own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .ports import free_port, wait_until

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("SHEAF_BINARY", ROOT / "build/release/sheaf"))
TSAN_SUPPRESSIONS = Path(__file__).resolve().parents[1] / "tsan.supp"
SANITIZER_REPORT = re.compile(
    r"(Address|Leak|Thread|Memory)Sanitizer|runtime error:|Check failed|\*\*\* SIG|terminate called"
)

Conf = dict[str, Any]

# Where the shipped default would only cost the tests time; everything else stays as shipped.
TEST_CONF: Conf = {"workers": 2, "drain": {"delay": "0s", "timeout": "5s"}}
# For tests of what is shipped: None leaves a key out of the file, so that the default holds.
AS_SHIPPED: Conf = {"workers": None, "pool": {"min_size": None}}


def is_sanitized() -> bool:
    """Whether the binary under test carries a sanitizer, which makes it slow and large."""
    data = BINARY.read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data


def checks_types_at_run_time() -> bool:
    """Whether the binary carries UBSan: looking at an object's type, it opens a pipe, and where it cannot, it reports."""
    return b"__ubsan_handle_dynamic_type" in BINARY.read_bytes()


def metric_in(exposition: str, name: str, **labels: str) -> float:
    """The sum of all samples of `name` with these labels in what /metrics has answered; 0 where there is none."""
    total = 0.0
    for line in exposition.splitlines():
        found = re.fullmatch(r"([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)", line)
        if not found or found[1] != name:
            continue
        pairs = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
        if all(pairs.get(key) == value for key, value in labels.items()):
            total += float(found[3])
    return total


def scaled(full: int, sanitized: int) -> int:
    """A load for the build under test, times SHEAF_TEST_SCALE where that is set (0.1: a quick look, 10: a soak)."""
    return max(1, int((sanitized if is_sanitized() else full) * float(os.environ.get("SHEAF_TEST_SCALE", "1"))))


def toml_value(value: Any) -> str:
    """One value in TOML syntax, a dict as an inline table; JSON strings and numbers are valid TOML."""
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def write_conf(path: Path, conf: Conf, routes: list[Conf]) -> Path:
    """Writes a conf file, see conf_text."""
    path.write_text(conf_text(conf, routes))
    return path


def conf_text(conf: Conf, routes: list[Conf]) -> str:
    """Plain values of `conf` first, then its sections, then its lists of tables and the routes. What is None stays
    out."""
    conf = {key: without_none(value) if isinstance(value, dict) else value for key, value in without_none(conf).items()}
    tables = {key: value for key, value in conf.items() if is_list_of_tables(value)} | {"route": routes}
    plain = {key: value for key, value in conf.items() if not isinstance(value, dict) and key not in tables}
    lines = [f"{key} = {toml_value(value)}" for key, value in plain.items()]
    for section, values in conf.items():
        if isinstance(values, dict):
            lines += [f"[{section}]", *(f"{key} = {toml_value(value)}" for key, value in values.items())]
    for name, rows in tables.items():
        for row in rows:
            lines += [f"[[{name}]]", *(f"{key} = {toml_value(value)}" for key, value in row.items())]
    return "\n".join(lines) + "\n"


def is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def without_none(values: Conf) -> Conf:
    return {key: value for key, value in values.items() if value is not None}


def merged(base: Conf, over: Conf) -> Conf:
    """`base` with the values of `over` put in, section by section."""
    result = dict(base)
    for key, value in over.items():
        result[key] = {**result.get(key, {}), **value} if isinstance(value, dict) else value
    return result


class Sheaf:
    """One running proxy. `conf` overrides TEST_CONF; `upstream` is the value of upstream.url; `stderr`: a descriptor
    in the place of the log file."""

    def __init__(
        self,
        folder: Path,
        upstream: str,
        conf: Conf | None = None,
        routes: list[Conf] | None = None,
        *,
        ready: str = "/readyz",
        arguments: list[str] | None = None,
        environment: dict[str, str] | None = None,
        wrapper: list[str] | None = None,
        binary: Path = BINARY,
        stderr: int | None = None,
        admin_port: int | None = None,
    ) -> None:
        self.port, self.admin_port = free_port(), admin_port or free_port()
        addresses: Conf = {
            "listen": {"address": f"127.0.0.1:{self.port}"},
            "upstream": {"url": upstream},
            "admin": {"address": f"127.0.0.1:{self.admin_port}"},
        }
        self.tls = bool((conf or {}).get("listen", {}).get("tls_certificate"))
        self.conf, self.routes = merged(merged(addresses, TEST_CONF), conf or {}), routes or []
        self.conf_file = write_conf(folder / f"sheaf-{self.port}.conf", self.conf, self.routes)
        self.log_file = folder / f"sheaf-{self.port}.log"
        self.exit_codes = (0,)
        self._signalled = False
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [*(wrapper or []), str(binary), "-c", str(self.conf_file), *(arguments or [])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log if stderr is None else stderr,
                env={**os.environ, "TSAN_OPTIONS": f"suppressions={TSAN_SUPPRESSIONS}", **(environment or {})},
            )
        try:
            wait_until(lambda: self._answers(ready), 20, f"sheaf answers {ready}")
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"sheaf did not become ready ({ready}); its log:\n{self.log()}") from None

    def _answers(self, path: str) -> bool:
        assert self.process.poll() is None, f"sheaf ended with {self.process.returncode}; its log:\n{self.log()}"
        try:
            return self.admin(path)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def admin(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and body of an admin endpoint."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        try:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def stats(self) -> dict[str, Any]:
        status, body = self.admin("/api/performance/websocket/stats")
        assert status == 200, body
        return json.loads(body)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of `name` that have these labels; 0 where there is none."""
        return metric_in(self.admin("/metrics")[1], name, **labels)

    def log(self) -> str:
        """What is written of the log, whole lines alone: the last one may have been written in part."""
        whole, newline, _ = self.log_file.read_text(errors="replace").rpartition("\n")
        return whole + newline

    def log_lines(self, *parts: str) -> list[str]:
        """The lines that have all of `parts`."""
        return [line for line in self.log().splitlines() if all(part in line for part in parts)]

    def count_log_lines(self, *parts: str) -> int:
        """How many lines have all of `parts`, once those that the log's thread still gathers (for 5 ms) are there."""
        time.sleep(0.02)
        return len(self.log_lines(*parts))

    def wait_for_log(self, *parts: str, seconds: float = 3) -> list[str]:
        return wait_until(lambda: self.log_lines(*parts), seconds, f"a log line with {parts}")

    def memory_kib(self, field: str = "VmRSS") -> int:
        """VmRSS (now) or VmHWM (peak since the last reset_peak)."""
        found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found
        return int(found[1])

    def reset_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Meanwhile no thread of it runs: what arrives is there all at once afterwards."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(self._stands_still, 5, "sheaf is suspended", every=0.001)
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def _stands_still(self) -> bool:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(task.read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks)

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self._signalled = True
        self.process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """The exit code; fails when the process still runs after `seconds`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"sheaf still runs after {seconds} s; its log:\n{self.log()[-4000:]}") from None

    def stop(self) -> None:
        """SIGTERM, unless the test has sent one: a second would end it at once.

        Then the checks that hold for every test: exit code 0, and nothing in the log from a sanitizer.
        """
        if self.process.poll() is None and not self._signalled:
            self.signal()
        started = time.monotonic()
        try:
            code = self.wait(30)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        took = time.monotonic() - started
        log = self.log()
        assert not SANITIZER_REPORT.search(log), f"a sanitizer or an assertion spoke:\n{log[-8000:]}"
        assert code in self.exit_codes, f"exit code {code} after {took:.1f} s; the end of the log:\n{log[-4000:]}"
