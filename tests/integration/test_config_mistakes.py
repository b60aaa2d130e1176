"""Issue 13, line 5: every mistake in the configuration, and all that Sheaf says of it (config_mistakes.txt)."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.sheaf import BINARY, ROOT

TABLE = Path(__file__).with_name("config_mistakes.txt")
# What these files say is the manual, the log, or of a configuration that is right; and what the parser says.
NO_MISTAKES = {"admin_place.cc", "command_line.cc", "completions.cc", "docs.cc", "dump.cc", "manual_page.cc", "sources.cc",
               "subcommands.cc", "report.cc", "listener_warnings.cc", "backend_warnings.cc"}  # fmt: skip
PARSER = {"cannot redefine existing", "Error while parsing "}


@dataclass
class Mistake:
    """A row of the table: what is configured, and what Sheaf answers."""

    title: str
    text: bytes = b""
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    answer: str = ""


def read_mistake(block: str) -> Mistake:
    """One block of the table, without its "=== ". ValueError: it has no answer."""
    title, _, rest = block.partition("\n")
    text, answer = rest.split(">>>\n", 1)
    mistake = Mistake(title.removesuffix(" \\"), answer=answer)
    if text.startswith("$ "):
        command, _, text = text.partition("\n")
        for word in shlex.split(command[2:]):
            name, equals, value = word.partition("=")
            if name.startswith("SHEAF_") and equals:
                mistake.environment[name] = value
            else:
                mistake.arguments.append(word)
    text = text.replace("{many}", ", ".join(["{ prefix = 'x' }"] * 1001))
    escaped = title.endswith(" \\")
    mistake.text = text.removesuffix("\n").encode().decode("unicode_escape").encode("latin-1") if escaped else text.encode()
    return mistake


def read_table() -> list[Mistake]:
    """All rows, in order."""
    lines = [line for line in TABLE.read_text().splitlines(keepends=True) if not line.startswith("# ")]
    return [read_mistake(block.rstrip("\n") + "\n") for block in re.split(r"^=== ", "".join(lines), flags=re.M)[1:]]


MISTAKES = read_table()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files that rows name, by their placeholder."""
    authority = Authority(tmp_path_factory.mktemp("mistakes"))
    one, other = authority.issue("localhost"), authority.issue("localhost")
    return {"{certificate}": str(one.certificate), "{key}": str(one.key), "{other_key}": str(other.key)}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_mistake_is_answered_so(mistake: Mistake, files: dict[str, str], tmp_path: Path) -> None:
    text = mistake.text
    for placeholder, path in files.items():
        text = text.replace(placeholder.encode(), path.encode())
    (tmp_path / "sheaf.conf").write_bytes(text)
    done = subprocess.run(
        [str(BINARY), "-t", "-c", "sheaf.conf", *mistake.arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=tmp_path,
        env={**{k: v for k, v in os.environ.items() if not k.startswith("SHEAF_")}, **mistake.environment},
    )
    answer = done.stderr
    for placeholder, path in files.items():
        answer = answer.replace(path, placeholder)
    assert answer == mistake.answer
    assert (done.returncode, done.stdout) == (1, "")
    assert "s3cret" not in answer
    assert all(character.isprintable() or character == "\n" for character in answer)


def literals(source: str) -> list[str]:
    """The string literals of C++ code, those side by side joined, escapes resolved."""
    token = re.compile(r'R"\((.*?)\)"|"((?:[^"\\\n]|\\.)*)"|(\s+|//[^\n]*|/\*.*?\*/)|\'(?:[^\'\\]|\\.)+\'|.', re.S)
    found: list[str] = []
    joined = False
    for match in token.finditer(source):
        raw, plain, blank = match[1], match[2], match[3]
        if raw is not None or plain is not None:
            text = raw if raw is not None else re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), plain)
            if joined:
                found[-1] += text
            else:
                found.append(text)
            joined = True
        elif blank is None:
            joined = False
    return found


def test_literals_are_found_in_code() -> None:
    code = 'f("a \\"b" /* "no" */ + x, "c " // "no"\n R"(d "e")", \'"\', "f");'
    assert literals(code) == ['a "b', 'c d "e"', "f"]


def test_every_message_has_a_row() -> None:
    answers = "\n".join(mistake.answer for mistake in MISTAKES)
    sources = [file for file in sorted((ROOT / "proxy").glob("config/*.cc")) if file.name not in NO_MISTAKES]
    assert len(sources) > 10
    without = []
    for file in [*sources, ROOT / "proxy/base/option_table.cc"]:
        code = re.sub(r"^#include.*$", "", file.read_text(), flags=re.M)
        # Shorter ones, and those of a single word, are names and pieces.
        messages = [text for text in literals(code) if len(text) >= 10 and re.search(r"[a-z,] [a-z]", text)]
        without += [f"{file.name}: {text!r}" for text in messages if text not in answers and text not in PARSER]
    assert not without, "config_mistakes.txt has no row that shows:\n" + "\n".join(without)
