#!/usr/bin/env python3
"""Connects, talks, falls silent and closes, a great many times, and looks at what is left of it in Sheaf.

Two proxies in front of one backend: one in twenty connections is TLS. Of the plain ones one in ten is a plain request,
one is a Socket.IO client by its path, and two ask for deflate and an envelope. Prints resident memory over the time,
descriptors, and connections a second. Fails when a message is lost, when sessions or descriptors do not come back to
where they were before, when memory after the warm-up (a twentieth of the connections) has grown by more than the bound
by the end, or when a sanitizer speaks.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

WARM_UP = 20  # a part of all connections
TLS = 20  # one in so many
AT_ONCE = {"plain": 200, "tls": 20}
BOUND_MIB = 8
SETTLE_SECONDS = 30
SAMPLES = 20


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2_000_000)
    parser.add_argument("--minutes", type=float, default=20, help="the longest that it may take")
    parser.add_argument("--bound", type=float, default=BOUND_MIB, help="MiB that memory may grow by after the warm-up")
    parser.add_argument("--programs", type=pathlib.Path, default=SOURCE / "build/release/bench")
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    arguments = parser.parse_args()
    arguments.programs = arguments.programs.resolve()  # they are started from another folder
    return arguments


class Soak:
    """The proxies ("plain", "tls"), what they held at the start, and what went wrong."""

    def __init__(self, arguments, proxies):
        self.arguments = arguments
        self.proxies = proxies
        self.deadline = time.monotonic() + arguments.minutes * 60 - SETTLE_SECONDS
        self.complaints = []
        self.done = 0
        self.descriptors = {name: proxy.descriptors() for name, proxy in proxies.items()}

    def rss_mib(self):
        return {name: round(proxy.memory_kib() / 1024, 1) for name, proxy in self.proxies.items()}

    def play(self, connections):
        """So many connections, spread over the proxies; prints memory meanwhile. Returns connections a second."""
        share = {"tls": connections // TLS, "plain": connections - connections // TLS}
        started = time.monotonic()
        seconds = max(1, self.deadline - started)
        generators = {name: self.generate(name, count, seconds) for name, count in share.items()}
        next_sample = sample_every = max(1, connections / SAMPLES / 2500)
        while any(generator.poll() is None for generator in generators.values()):
            time.sleep(0.1)
            if time.monotonic() - started > next_sample:
                print(f"  {time.monotonic() - started:6.0f} s: RSS {self.rss_mib()} MiB, sessions opened "
                      f"{ {name: int(self.opened(name)) for name in self.proxies} }", flush=True)
                next_sample += sample_every
        cycles = 0
        for name, generator in generators.items():
            output, problems = generator.communicate()
            if generator.returncode != 0:
                sys.exit(f"soak: the generator ended with {generator.returncode}: {problems}")
            figures = json.loads(output)
            cycles += figures["cycles"]
            if figures["problems"] or figures["lost"]:
                self.complaints.append(f"{name}: {figures['problems']} problems, {figures['lost']} messages lost; "
                                       f"first: {figures['first_problem']}")
        self.done += cycles
        return cycles / (time.monotonic() - started)

    def opened(self, name):
        return self.proxies[name].metric("sheaf_client_connections_accepted_total")

    def generate(self, name, count, seconds):
        return subprocess.Popen(
            [self.arguments.programs / "bench_generator", "--kind", "soak", "--tls", str(int(name == "tls")),
             "--address", f"127.0.0.1:{self.proxies[name].port}", "--connections", str(AT_ONCE[name]),
             "--cycles", str(count), "--payload", "512", "--seconds", str(seconds)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def settle(self):
        """Waits until nothing is left of the connections, as far as counts go; complains if something is."""
        def left():
            remains = {}
            for name, proxy in self.proxies.items():
                for gauge in ("sheaf_websocket_sessions", "sheaf_client_connections", "sheaf_http_requests_active",
                              "sheaf_buffered_messages", "sheaf_queued_bytes"):
                    if count := proxy.metric(gauge):
                        remains[f"{name}: {gauge}"] = count
                if (surplus := proxy.descriptors() - self.descriptors[name]) > 0:
                    remains[f"{name}: descriptors"] = surplus
            return remains

        wait_ends = time.monotonic() + SETTLE_SECONDS
        while (remains := left()) and time.monotonic() < wait_ends:
            time.sleep(0.2)
        if remains:
            self.complaints.append(f"left behind: {remains}")


def soak(arguments, proxies, sanitized):
    run = Soak(arguments, proxies)
    print(f"start: RSS {run.rss_mib()} MiB, descriptors {run.descriptors}", flush=True)
    warm_up = arguments.connections // WARM_UP
    rate = run.play(warm_up)
    run.settle()
    warm = run.rss_mib()
    print(f"warm, after {run.done:,} connections: RSS {warm} MiB, {rate:,.0f} connections a second", flush=True)
    rate = run.play(arguments.connections - warm_up)
    run.settle()
    end = run.rss_mib()
    descriptors = {name: proxy.descriptors() for name, proxy in proxies.items()}
    print(f"end, after {run.done:,} connections: RSS {end} MiB, descriptors {descriptors}, "
          f"{rate:,.0f} connections a second", flush=True)
    for name in proxies:
        if not sanitized and end[name] - warm[name] > arguments.bound:
            run.complaints.append(f"{name}: memory has grown by {end[name] - warm[name]:.1f} MiB since the warm-up, "
                                  f"more than {arguments.bound} MiB")
    return run.complaints


def main():
    arguments = read_arguments()
    os.environ["SHEAF_BINARY"] = str(arguments.sheaf.resolve())
    import peers  # noqa: PLC0415  (after the environment, which the harness reads)
    from harness.sheaf import Sheaf, is_sanitized  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="sheaf-soak-") as name:
        folder = pathlib.Path(name)
        peers.make_certificate(folder)
        conf = {"log": {"access": False}, "deflate": {"threshold": 64}, "pool": {"min_size": 2, "stale_timeout": "2s"}}
        tls = {"listen": {"tls_certificate": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}}
        with peers.start_backend(arguments.programs / "bench_backend", folder) as backend:
            url = f"http://127.0.0.1:{backend.port}"
            proxies = {"plain": Sheaf(folder, url, conf), "tls": Sheaf(folder, url, conf | tls)}
            complaints = ["not ended"]
            try:
                complaints = soak(arguments, proxies, is_sanitized())
            finally:
                for one in proxies.values():
                    try:
                        one.stop()  # fails when it crashed, or a sanitizer spoke
                    except AssertionError as failure:
                        complaints.append(str(failure))
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
