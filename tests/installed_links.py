"""Whether the links of installed documents hold: each leads to what is installed beside them. Called by check_deb.sh; usage:
installed_links.py FOLDER. Names each that does not; exit 1 if there is any."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import check_docs

# Tests and sources, which the repository alone has, and what is installed where programs look for it.
ELSEWHERE = re.compile(r"tests/|conf/(completions|man)/|.*\.h$")


def links(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each relative link: the document, and the path that it names, relative to `folder`."""
    for path in sorted(folder.rglob("*.md")):
        document = path.relative_to(folder)
        for place in check_docs.parse(path).prose:
            for link in check_docs.LINK.finditer(place.text):
                target = (link[1] or link[2]).partition("#")[0]
                if target and not re.match(r"[a-z]+:", target):
                    yield document, os.path.normpath(document.parent / target)


def main() -> int:
    """Exit status: 0 if all is well."""
    folder = Path(sys.argv[1]).resolve()
    found = list(links(folder))
    lost = sorted({(str(document), name) for document, name in found if not (folder / name).exists()})
    lost = [(document, name) for document, name in lost if not ELSEWHERE.match(name)]
    for document, name in lost:
        print(f"FAILED: {document}: {name} is not installed", file=sys.stderr)
    print(f"{len(found)} links of installed documents, {len(lost)} lead nowhere")
    return 0 if found and not lost else 1


if __name__ == "__main__":
    sys.exit(main())
