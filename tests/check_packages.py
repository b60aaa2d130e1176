"""Whether Sheaf and its packages (the decoders, and the application's end of mux) have one version, which CMakeLists.txt
gives, and can be published: they are built as a package index gets them, looked into, installed in clean environments and
used there, in front of and behind the real program. Usage: check_packages.py BINARY"""

from __future__ import annotations

import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent / "packages"))

from building import build_all  # noqa: E402
from contents import content_mistakes  # noqa: E402
from installed import use_mistakes  # noqa: E402
from versions import project_version, version_mistakes  # noqa: E402


def main(binary: str) -> int:
    """Exit status: 0 if all is well."""
    version = project_version()
    mistakes = list(version_mistakes(binary, version))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        built = build_all(folder / "built")
        mistakes += content_mistakes(built, version)
        mistakes += use_mistakes(binary, built, folder)
    for mistake in mistakes:
        print(f"FAILED: {mistake}", file=sys.stderr)
    if not mistakes:
        print(f"{version} everywhere; built, installed and used: {', '.join(one.name for one in built)}")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
