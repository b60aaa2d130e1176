"""The harness's own memory limit: that it is real, counts, and leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.cgroup import MIB, MemoryCgroup, memory_cgroup
from harness.ports import wait_until

# Touches as many MiB as it is told, says so, and lives until its input ends.
TAKE = "import sys; taken = b'x' * (int(sys.argv[1]) << 20); print(len(taken), flush=True); sys.stdin.read()"


def take(group: MemoryCgroup, mebibytes: int) -> subprocess.Popen[str]:
    command = [*group.wrapper, sys.executable, "-c", TAKE, str(mebibytes)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def output_of(process: subprocess.Popen[str]) -> str:
    """What it has printed by its end, which the end of its input brings about."""
    return process.communicate(timeout=20)[0]


def test_what_fits_under_the_limit_is_counted_and_left_alone() -> None:
    with memory_cgroup(128 * MIB) as group:
        assert group.limit == 128 * MIB
        process = take(group, 40)
        assert process.stdout and process.stdout.readline() == f"{40 * MIB}\n"
        assert group.processes == [process.pid]
        assert 40 * MIB < group.working_set <= group.usage < 128 * MIB
        output_of(process)
        assert process.returncode == 0
        assert 40 * MIB < group.peak < 128 * MIB
        assert (group.failures, group.oom_kills) == (0, 0)
        wait_until(lambda: group.usage < 40 * MIB, 5, "the memory is given back")
        group.reset_peak()
        assert group.peak < 40 * MIB


def test_a_process_that_takes_more_is_killed_and_the_kill_is_counted() -> None:
    with memory_cgroup(64 * MIB) as group:
        process = take(group, 256)
        assert output_of(process) == ""
        assert process.returncode == -signal.SIGKILL
        assert group.oom_kills == 1
        assert group.failures > 0
        assert group.peak <= 64 * MIB


def test_the_limit_can_be_changed_while_a_process_runs() -> None:
    with memory_cgroup(64 * MIB) as group:
        group.limit = 512 * MIB
        process = take(group, 128)
        assert process.stdout and process.stdout.readline() == f"{128 * MIB}\n"
        with pytest.raises(OSError):
            group.limit = 32 * MIB  # its memory cannot be taken back
        assert group.limit == 512 * MIB
        output_of(process)
        assert (process.returncode, group.oom_kills) == (0, 0)


def test_a_command_is_in_the_group_from_its_first_instruction() -> None:
    with memory_cgroup(64 * MIB) as group:
        done = subprocess.run(
            [*group.wrapper, "cat", "/proc/self/cgroup"], capture_output=True, text=True, timeout=10, check=True
        )
        assert f":/{group.folder.name}\n" in done.stdout


def test_a_command_gets_its_arguments_and_gives_its_exit_code() -> None:
    with memory_cgroup(64 * MIB) as group:
        command = [*group.wrapper, sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "a b", "", "$x"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        assert (done.stdout, done.returncode) == ("['a b', '', '$x']\n", 7)


def test_the_group_is_removed_with_what_still_runs_in_it() -> None:
    with memory_cgroup(64 * MIB) as group:
        process = take(group, 1)
        assert process.stdout and process.stdout.readline()
    assert not group.folder.exists()
    assert process.wait(5) == -signal.SIGKILL


def test_a_private_mount_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cgroup.mounted_at", lambda: None)
    with memory_cgroup(64 * MIB) as group:
        assert not group.seen_by_sheaf
        assert str(group.folder.parent) in Path("/proc/self/mountinfo").read_text()
        process = take(group, 256)
        output_of(process)
        assert group.oom_kills == 1
    assert not group.folder.parent.exists()
    assert str(group.folder.parent) not in Path("/proc/self/mountinfo").read_text()


def test_where_no_group_can_be_made_the_test_is_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("harness.cgroup.mounted_at", lambda: tmp_path / "missing")
    with pytest.raises(pytest.skip.Exception, match="no memory cgroup: .* cannot be made: No such file"):
        with memory_cgroup(64 * MIB):
            pass


def test_sheaf_runs_in_the_group(make_sheaf, backend: Backend) -> None:
    with memory_cgroup(256 * MIB) as group:
        proxy = make_sheaf(backend.url, wrapper=group.wrapper)
        assert group.processes == [proxy.process.pid]
        assert 0 < group.working_set <= group.usage < 256 * MIB
        proxy.stop()
        assert group.oom_kills == 0
