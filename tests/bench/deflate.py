#!/usr/bin/env python3
"""Has a million messages inflated by stock clients behind Sheaf as shipped, by a witness once more, and by raw clients.

Clients join, leave and break off, some are slow and conflated; there are unicasts, rooms, empty and large messages;
reloads change the options of [deflate], and memory runs short. See tests/integration/harness/deflate_soak.py. Prints a
table by client, and exits with 1 where a byte is wrong, a message missing or out of order, or a connection broken.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))


def read_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=1_000_000, help="messages that clients get in all, at least")
    parser.add_argument("--each", type=int, default=24, help="clients of each stock kind at a time")
    parser.add_argument("--client", action="append", help="only this kind, and the raw ones; may be given again")
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/tests/sheaf_ballast",
                        help="the build that leaks as much as it is told to")
    return parser.parse_args()


def main():
    """Soaks, and tells what was seen."""
    arguments = read_arguments()
    os.environ["SHEAF_BALLAST_BINARY"] = str(arguments.sheaf.resolve())
    import report  # noqa: PLC0415
    from harness import deflate_soak  # noqa: PLC0415  (after the environment, which the harness reads)

    asked = arguments.client or deflate_soak.CLIENTS
    absent = {client: why for client in asked if (why := deflate_soak.missing(client))}
    for client, why in absent.items():
        print(f"LEFT OUT: {client}: {why}")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sheaf-deflate-") as name:
        soak = deflate_soak.Soak(pathlib.Path(name), arguments.deliveries, arguments.each,
                                 [client for client in asked if client not in absent])
        soak.run()
    print(report.markdown(deflate_soak.lines(soak)))
    print(", ".join(f"{what}: {count:,.0f}" for what, count in soak.told.items()), f"in {time.monotonic() - begun:.0f} s")
    for complaint in soak.complaints:
        print(f"FAILED: {complaint}")
    return 1 if soak.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
