"""What is written from the table of commands: the manual page and the completions, in man, bash and zsh."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.commands import sheaf
from harness.sheaf import BINARY, ROOT

PAGE = ROOT / "conf/man/sheaf.1"
BASH = ROOT / "conf/completions/sheaf.bash"
ZSH = ROOT / "conf/completions"
COMMANDS = {"stats", "top", "connections", "push", "close", "flush", "rebalance", "drain", "undrain", "reload", "log-level",
            "doctor"}  # fmt: skip


def run(*words: str | Path, text: str | None = None, cwd: Path | None = None) -> str:
    """What it prints on standard output, all being well."""
    done = subprocess.run([str(word) for word in words], input=text, capture_output=True, text=True, timeout=30, cwd=cwd)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def bash_offers(line: str, cwd: Path | None = None) -> list[str]:
    """The completions of the last word of a line; "" behind a blank. Words are those of bash: "=" is one of its own."""
    words = ["sheaf", *(one for word in line.split(" ")[1:] for one in re.split(r"(?<=[^=])(?==)|(?<==)(?=.)", word))]
    quoted = " ".join(f"'{word}'" for word in words)
    script = f"source '{BASH}'; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _sheaf; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return run("bash", "--norc", "-c", script, cwd=cwd).split()


def zsh_shows(line: str) -> str:
    """What zsh shows at a terminal, where the completion of this line is asked for twice."""
    script = rf"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=({ZSH} \$fpath); autoload -Uz compinit; compinit -D -u; bindkey '^I' complete-word; echo REA''DY"
zpty -r shell shown '*READY*'
zpty -w -n shell $'{line}\t\t\C-a\C-kecho DO\'\'NE\n'
zpty -r shell shown '*DONE*'
print -r -- $shown
zpty -d shell
"""
    return run("zsh", "-f", "-c", script)


# ---- the manual page


def test_the_page_is_clean_for_groff() -> None:
    assert run("groff", "-mdoc", "-ww", "-z", "-Tutf8", PAGE) == ""


def test_man_shows_every_command_and_option() -> None:
    done = subprocess.run(["man", "--warnings", "-P", "cat", "-l", PAGE], capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0 and not done.stderr, done.stderr
    shown = re.sub(r".\x08", "", done.stdout)
    for command in COMMANDS:
        assert re.search(rf"^ +sheaf {command}\b", shown, re.MULTILINE), command
        flags = re.findall(r"(?<!\S)--?[a-z-]+", sheaf(command, "--help").stdout.split("-h,--help")[1])
        assert flags, command
        for flag in flags:
            assert f" {flag}" in shown, (command, flag)
    for status in ("0       It is done.", "3       Nobody answers."):
        assert status in shown


# ---- bash


def test_bash_takes_the_file() -> None:
    assert run("bash", "-n", BASH) == ""


def test_bash_offers_commands_and_actions() -> None:
    assert COMMANDS <= set(bash_offers("sheaf "))
    assert bash_offers("sheaf re") == ["rebalance", "reload"]
    assert bash_offers("sheaf --print-d") == ["--print-default-config"]
    assert bash_offers("sheaf -c stats dr") == ["drain"], "the file is not taken for the command"


def test_bash_offers_a_commands_options_and_their_values() -> None:
    assert {"--session", "--all", "--code", "--json", "--admin", "-c"} <= set(bash_offers("sheaf close "))
    assert "--code" not in bash_offers("sheaf push ")
    assert bash_offers("sheaf connections --state ") == ["active", "closing", "idle", "slow"]
    assert bash_offers("sheaf connections --sort r") == ["rate"]
    assert bash_offers("sheaf push --all --type=c") == ["critical"]
    assert bash_offers("sheaf push --type=") == ["batch", "critical", "individual"]
    assert bash_offers("sheaf log-level d") == ["debug"]
    assert bash_offers("sheaf push --user ") == []
    assert bash_offers("sheaf doctor --socket") == ["--socketio-path"]


def test_bash_offers_files_and_names_of_options(tmp_path: Path) -> None:
    (tmp_path / "sheaf.conf").touch()
    (tmp_path / "token").touch()
    assert bash_offers("sheaf -c she", tmp_path) == ["sheaf.conf"]
    assert bash_offers("sheaf stats --token-file ", tmp_path) == ["sheaf.conf", "token"]
    assert bash_offers("sheaf --set admin.tok") == ["admin.token=", "admin.token_file="]


# ---- zsh


def test_zsh_takes_the_file() -> None:
    assert run("zsh", "-n", ZSH / "_sheaf") == ""


@pytest.mark.parametrize(("line", "offered"), [
    ("sheaf ", "rebalance"), ("sheaf connections --state ", "closing"), ("sheaf push --", "--binary-file"),
    ("sheaf log-level ", "warning"), ("sheaf --set drain.", "drain.timeout"), ("sheaf close --js", "--json"),
])  # fmt: skip
def test_zsh_offers_commands_options_and_values(line: str, offered: str) -> None:
    assert offered in zsh_shows(line)


# ---- as a package takes them


def test_install_puts_them_where_their_readers_look(tmp_path: Path) -> None:
    run("cmake", "--install", BINARY.parent, "--prefix", tmp_path)
    assert (tmp_path / "bin/sheaf").stat().st_size == BINARY.stat().st_size
    for place, file in (("man/man1/sheaf.1", PAGE), ("bash-completion/completions/sheaf", BASH),
                        ("zsh/site-functions/_sheaf", ZSH / "_sheaf")):
        assert (tmp_path / "share" / place).read_bytes() == file.read_bytes()
