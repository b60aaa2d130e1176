"""Holds the Markdown documents to the tree and to the binary: links, anchors, paths, presets, options, metrics, flags
and TOML examples. Called by check_docs.sh; usage: check_docs.py BINARY. Names each mistake with its place; exit 1 if
there is any."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

# Flags that documents name of programs that are not in this tree.
FOREIGN_FLAGS = {"--limit-concurrency", "--timeout-keep-alive", "--deploy-hook"}
# What looks like an option, and is a file of the kernel's, or a word of ASGI.
NOT_OPTIONS = {"memory.current", "websocket.http", "websocket.disconnect"}
FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z0-9-]*|-[a-zA-Z](?![\w-]))")
SPAN = re.compile(r"(`+)(.+?)\1(?!`)", re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
# sheaf as a command: where a command begins, or with its path anywhere (as in a manifest).
SHEAF_COMMAND = re.compile(r"(?:(?:^|[|;&(]|\$)\s*|[\w./-]*/)sheaf\s+(?P<arguments>[^|;&#]*)")
SCRIPT_COMMAND = re.compile(r"\s*(?:[A-Z_]+=\S+ )*(?:tests|docker)/\w+\.sh\b")


class Place(NamedTuple):
    """A piece of text and where it stands."""

    line: int
    text: str


@dataclass
class Document:
    """One Markdown file, taken apart."""

    path: Path  # relative to ROOT
    prose: list[Place] = field(default_factory=list)  # paragraphs, code spans blanked
    spans: list[Place] = field(default_factory=list)  # inline code
    blocks: list[tuple[str, Place]] = field(default_factory=list)  # fenced code: language, text
    anchors: set[str] = field(default_factory=set)

    def code(self) -> list[Place]:
        """All code, inline and fenced, one line a piece; a line that ends in a backslash goes on."""
        lines = list(self.spans)
        for _, block in self.blocks:
            text = block.text.replace("\\\n", "  ")
            lines += [Place(block.line + number, line) for number, line in enumerate(text.split("\n"))]
        return lines


def slug(heading: str, taken: set[str]) -> str:
    """The anchor that GitHub gives to a heading; `taken` are those of the headings before."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    text = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
    anchor, number = text, 0
    while anchor in taken:
        number += 1
        anchor = f"{text}-{number}"
    return anchor


def parse(path: Path) -> Document:
    """Takes a file apart into prose, inline code, fenced code and anchors."""
    document = Document(path)
    paragraph: list[str] = []
    begin = 0

    def finish() -> None:
        text = "\n".join(paragraph)
        paragraph.clear()
        for span in SPAN.finditer(text):
            document.spans.append(Place(begin + text.count("\n", 0, span.start()), " ".join(span[2].split())))
        document.prose.append(Place(begin, SPAN.sub(lambda span: re.sub(r"[^\n]", "_", span[0]), text)))

    lines = (ROOT / path).read_text().split("\n")
    fence: tuple[str, int] | None = None
    for number, line in enumerate(lines, 1):
        opening = re.match(r"\s*```(\w*)", line)
        if opening and fence is None:
            finish()
            fence = (opening[1], number + 1)
        elif opening and fence is not None:
            document.blocks.append((fence[0], Place(fence[1], "\n".join(lines[fence[1] - 1 : number - 1]))))
            fence = None
        elif fence is None:
            heading = re.match(r"#+ +(.*?) *#*$", line)
            if heading:
                document.anchors.add(slug(heading[1], document.anchors))
            if not line.strip() or line.startswith("|") or heading:
                finish()
            if not paragraph:
                begin = number
            paragraph.append(line)
    finish()
    return document


class Tree:
    """What the documents are held against."""

    def __init__(self, binary: str) -> None:
        """Asks git for the files and the binary for its options and flags."""
        self.binary = binary
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\n")
        self.files = {name for name in listed if name and (ROOT / name).exists()}
        self.folders = {str(parent) for name in self.files for parent in Path(name).parents}
        self.names = {part for name in self.files for part in (*Path(name).parts, Path(name).stem)}
        self.tops = {name.split("/")[0] for name in self.files if "/" in name}
        self._learn_from_binary()
        self._learn_from_sources()

    def _learn_from_binary(self) -> None:
        self.options = set(re.findall(r"^\| `([a-z]+\.[a-z0-9_]+)`", self.ask("--print-options-manual"), re.MULTILINE))
        assert len(self.options) > 50, "too few options in the manual: has its form changed?"
        self.sections = {option.split(".")[0] for option in self.options}
        words = self.ask("--print-bash-completion")
        self.subcommands = set(re.findall(r"^    '([a-z-]+)'\) words=", words, re.MULTILINE))
        assert {"doctor", "stats"} <= self.subcommands, "the completions for bash have no commands: has their form changed?"
        self.flags = set(FLAG.findall(words))

    def _learn_from_sources(self) -> None:
        self.presets = {one["name"] for one in json.loads(self.read("CMakePresets.json"))["configurePresets"]}
        sources = "\n".join(self.read(name) for name in sorted(self.files) if not name.endswith(".md"))
        self.script_flags = set(FLAG.findall(sources))
        # Not the variables of the tests, which have mistyped ones, too.
        scripts = [name for name in self.files if re.search(r"(^docker/.*|^pool/asgi/.*\.py|\.sh|CMake\w+\.\w+)$", name)]
        variables = re.findall(r"SHEAF_[A-Z0-9_]+", "\n".join(map(self.read, scripts)))
        proxy = self.sources_of("proxy")
        macros = re.findall(r"#define (SHEAF_\w+)", proxy)
        self.variables = {*variables, *macros, *(f"SHEAF_{one.replace('.', '_').upper()}" for one in self.options)}
        self.metrics = set(re.findall(r'"(sheaf_[a-z0-9_]+)"', proxy))

    def ask(self, *arguments: str) -> str:
        """What the binary prints, without variables that would configure it."""
        return subprocess.run([self.binary, *arguments], env={}, capture_output=True, text=True, check=True).stdout

    def read(self, name: str) -> str:
        """A file's text; bytes that are no UTF-8 do not matter here."""
        return (ROOT / name).read_text(errors="replace")

    def sources_of(self, top: str) -> str:
        """The C++ below one folder."""
        chosen = [name for name in self.files if name.startswith(f"{top}/") and name.endswith((".h", ".cc"))]
        return "\n".join(self.read(name) for name in chosen)

    def has(self, path: str) -> bool:
        """Whether there is such a file or folder, known to git or about to be."""
        path = os.path.normpath(path)
        return path in self.files or path in self.folders or (path == "." and bool(self.files))


Mistakes = Iterator[tuple[int, str]]


def check_links(document: Document, tree: Tree, documents: dict[str, Document]) -> Mistakes:
    """Relative links lead to a file of the tree, and anchors to a heading."""
    for place in document.prose:
        for link in LINK.finditer(place.text):
            target = link[1] or link[2]
            line = place.line + place.text.count("\n", 0, link.start())
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            name = os.path.normpath(document.path.parent / path) if path else str(document.path)
            if not tree.has(name):
                yield line, f"the link {target} leads to nothing"
            elif anchor and (name not in documents or anchor not in documents[name].anchors):
                yield line, f"the link {target} leads to no heading"


def check_paths(document: Document, tree: Tree, _: dict[str, Document]) -> Mistakes:
    """What is named as a path of the tree is there; cmake's presets, too."""
    tops = "|".join(sorted(re.escape(top) for top in tree.tops))
    for line, text in document.code():
        for path in re.findall(rf"(?<![\w./*<-])(?:\./)?((?:{tops})/[\w./-]*[\w/])(?![\w*<])", text):
            if not tree.has(path) and not tree.has(str(document.path.parent / path)):
                yield line, f"{path} is not in the tree"
        for preset in re.findall(r"(?:--preset[ =]|\bbuild/(?=[a-z]+/sheaf\b))([a-z]+)", text):
            if preset not in tree.presets:
                yield line, f"there is no preset {preset} in CMakePresets.json"


def json_fields(document: Document) -> set[str]:
    """The fields that the admin API's page documents, which a unit test compares with the answers."""
    if document.path != Path("proxy/admin/api.md"):
        return set()
    return set(re.findall(r"^\| `([\w.\[\]]+)`", (ROOT / document.path).read_text(), re.M))


def check_options(document: Document, tree: Tree, _: dict[str, Document]) -> Mistakes:
    """Each section.key is an option, and so is each SHEAF_SECTION_KEY, if no script and no package has it."""
    sections = "|".join(sorted(tree.sections))
    for line, text in document.code():
        known = tree.options | NOT_OPTIONS | json_fields(document)
        for name in re.findall(rf"(?<![\w./-])(?:{sections})\.[a-z0-9_]+(?![\w/(])", text):
            if name not in known and name not in tree.names:
                yield line, f"{name} is no option"
        assignment = re.match(r"([a-z_]+\.[a-z0-9_]+) = ", text)
        if assignment and assignment[1] not in known:
            yield line, f"{assignment[1]} is no option"
        for variable in re.findall(r"\bSHEAF_[A-Z0-9_]+\b", text):
            if variable not in tree.variables:
                yield line, f"{variable} is neither an option's variable nor a script's or a package's"


def check_metrics(document: Document, tree: Tree, _: dict[str, Document]) -> Mistakes:
    """Each sheaf_name is a metric, or the name of something in the tree."""
    for line, text in document.code():
        for name in re.findall(r"(?<![\w/.])sheaf_[a-z0-9_]+", text):
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            if not {name, family} & (tree.metrics | tree.names):
                yield line, f"{name} is no metric"


def check_flags(document: Document, tree: Tree, _: dict[str, Document]) -> Mistakes:
    """Flags of sheaf are the binary's; those of scripts, and those that stand alone, are in some source of the tree."""
    for line, text in document.code():
        plain = re.sub(r"[\"',\[\]]", " ", text)
        if SCRIPT_COMMAND.match(plain) or plain.startswith("--"):
            for flag in FLAG.findall(plain):
                if flag.startswith("--") and flag not in tree.flags | tree.script_flags | FOREIGN_FLAGS:
                    yield line, f"{flag} is no flag of sheaf or of a script here"
            continue
        for command in SHEAF_COMMAND.finditer(plain):
            words = command["arguments"].split()
            for flag in FLAG.findall(command["arguments"]):
                if flag not in tree.flags:
                    yield line, f"sheaf has no {flag}"
            if words and re.fullmatch(r"[a-z][a-z-]*", words[0]) and words[0] not in tree.subcommands:
                yield line, f"sheaf has no command {words[0]}"


def check_examples(document: Document, tree: Tree, _: dict[str, Document]) -> Mistakes:
    """Each TOML example is valid; files that it names need not be there."""
    for language, block in document.blocks:
        if language != "toml":
            continue
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
            conf.write(block.text)
            conf.flush()
            check = [tree.binary, "--check", "-c", conf.name]
            done = subprocess.run(check, env={}, capture_output=True, text=True, check=False)
        said = " ".join(one for one in done.stderr.split("\n") if "cannot read" not in one).strip()
        if done.returncode and said:
            yield block.line, f"this example is not valid: {said.replace(conf.name, 'example')}"


CHECKS = (check_links, check_paths, check_options, check_metrics, check_flags, check_examples)


def main() -> int:
    """Exit status: 0 if all is well."""
    tree = Tree(sys.argv[1])
    documents = {name: parse(Path(name)) for name in sorted(tree.files) if name.endswith(".md")}
    mistakes = [
        f"{name}:{line}: {text}"
        for name, document in documents.items()
        for check in CHECKS
        for line, text in sorted(set(check(document, tree, documents)))
    ]
    for mistake in mistakes:
        print(f"FAILED: {mistake}", file=sys.stderr)
    links = sum(len(re.findall(r"\]\(", place.text)) for document in documents.values() for place in document.prose)
    print(f"{len(documents)} documents, {links} links, {len(mistakes)} mistakes")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
