#!/usr/bin/env python3
"""Takes the screenshot of the demo page that README shows, with a headless Chromium.

    docker/demo.sh                                                        (in another terminal)
    build/venv/bin/python docker/demo/screenshot.py http://127.0.0.1:8080/

Options: --file, --width and --height (CSS pixels), --dark, --seconds (what the page has to gather its figures), --run
(JavaScript to run in the page first; without it, the slow clients are started and a crowd is measured).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from harness.browser import open_page  # noqa: E402  # from the folder that was just added


def main() -> None:
    """Opens the page, waits, and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--file", type=Path, default=Path(__file__).with_name("screenshot.png"))
    parser.add_argument("--width", type=int, default=1080)
    parser.add_argument("--height", type=int, default=1500)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--run", default="document.getElementById('slow-toggle').click(); document.getElementById('crowd-measure').click()")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as profile, open_page(wanted.url, Path(profile)) as page:
        page.resize(wanted.width, wanted.height, dark=wanted.dark)
        if wanted.run:
            time.sleep(1)
            page.evaluate(wanted.run)
        time.sleep(wanted.seconds)
        wanted.file.write_bytes(page.screenshot())
    print(f"{wanted.file}: {wanted.file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
