#!/usr/bin/env python3
"""Measures how old quotes are when a client on a slow link gets them, on a route that conflates.

The backend sends --quotes a second, of about 100 bytes, of --symbols in turn; the client's link takes --rate bytes a
second (slow_link.py), a fraction of them. The newest of each symbol is all it needs. For each way (plain or TLS, frames
as they came or batches of `json`) one line: the age of the quotes that came, from the backend's stamp to the client's
read, median, 99th percentile and the greatest, in ms; how many came a second; and how much of the link was used. The
first --skip seconds do not count: TCP learns the link's rate in them. With --vs a second Sheaf is measured beside.
(Needs root, `ip` and `tc`; run it with the tests' Python, build/venv/bin/python.)
"""

import argparse
import contextlib
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

import report  # noqa: E402
import slow_link  # noqa: E402
from harness.certificates import Authority  # noqa: E402
from harness.decoding import DECODERS  # noqa: E402
from harness.frames import TEXT, RawWebSocket, frame, upgrade  # noqa: E402
from harness.raw import RawClient  # noqa: E402
from harness.recorder import OK, Recorder, upgrade_answer  # noqa: E402
from harness.sheaf import Sheaf  # noqa: E402

PORT = 8080
TICK = 0.005  # seconds between the backend's writes
RULES = [{"pointer": "/type", "equals": "quote", "key": "/symbol"}]
WAYS = {"plain": (False, ""), "TLS": (True, ""), "plain, json": (False, "json"), "TLS, json": (True, "json")}
HEADING = ["way", "binary", "p50 ms", "p99 ms", "most ms", "quotes/s", "link used"]


# ---- the client, a process in its own namespace


def receive(envelope, tls, seconds):
    """Reads for so long. (age in seconds, seconds since the start) of each quote, and the bytes of their frames."""
    context = ssl._create_unverified_context() if tls else None  # noqa: S323
    raw = RawClient(PORT, host=slow_link.SERVER, context=context, timeout=30)
    raw.handshake = raw.request(upgrade(f"/ws?sheaf={envelope}" if envelope else "/ws"))
    client = RawWebSocket.over(raw)
    decode = DECODERS.get(envelope, lambda opcode, payload: [(opcode, payload)])
    begin, ages, size = time.monotonic(), [], 0
    while (elapsed := time.monotonic() - begin) < seconds:
        opcode, payload = client.read_message()
        now = time.monotonic_ns()
        size += len(payload)
        ages += [((now - json.loads(one)["at"]) / 1e9, elapsed) for _, one in decode(opcode, payload)]
    return ages, size


def be_client(arguments):
    """Receives, and prints what it got as a line of JSON."""
    tls, envelope = WAYS[arguments.client]
    ages, size = receive(envelope, tls, arguments.seconds)
    counted = sorted(age for age, at in ages if at >= arguments.skip)
    print(json.dumps({
        "p50": counted[len(counted) // 2], "p99": counted[len(counted) * 99 // 100], "most": counted[-1],
        "quotes": len(counted) / (arguments.seconds - arguments.skip), "bytes": size / arguments.seconds,
    }))


# ---- the backend


def quote(number, symbols):
    """A frame with a quote of about 100 bytes, stamped now."""
    text = (f'{{"type":"quote","symbol":"S{number % symbols:03}","at":{time.monotonic_ns()},"bid":{number % 997 / 10},'
            f'"volume":{number}')
    return frame(TEXT, text.encode().ljust(98) + b"}", masked=False)


def send_quotes(connection, arguments, stop):
    """So many a second until `stop` is set."""
    began, sent = time.monotonic(), 0
    while not stop.wait(TICK):
        due = int((time.monotonic() - began) * arguments.quotes)
        connection.send(b"".join(quote(number, arguments.symbols) for number in range(sent, due)))
        sent = due


# ---- measuring


def measure(binary, way, link, folder, arguments):
    """What the client says it got."""
    stop, senders = threading.Event(), []

    def answer(request):
        if not request.get("upgrade"):
            return OK
        request.connection.send(upgrade_answer(request))
        senders.append(threading.Thread(target=send_quotes, args=(request.connection, arguments, stop)))
        senders[-1].start()
        return None

    pair = Authority(folder).issue(slow_link.SERVER)
    listen = {"address": f"{slow_link.SERVER}:{PORT}"}
    if WAYS[way][0]:
        listen |= {"tls_certificate": str(pair.certificate), "tls_key": str(pair.key)}
    conf = {"workers": 1, "listen": listen, "log": {"access": False}, "deflate": {"enabled": False}}
    backend = Recorder(answer)
    proxy = Sheaf(folder, backend.url, conf, [{"path": "/ws", "slow_client": "conflate", "conflate": RULES}],
                  binary=binary)
    try:
        words = [*link.client_words, sys.executable, __file__, *sys.argv[1:], "--client", way]
        return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    finally:
        stop.set()
        for sender in senders:
            sender.join()
        proxy.stop()
        backend.stop()


def line(way, label, figures, rate):
    """The cells of one line."""
    ages = (f"{figures[name] * 1000:,.0f}" for name in ("p50", "p99", "most"))
    return [way, label, *ages, f"{figures['quotes']:,.0f}", f"{figures['bytes'] / rate:.0%}"]


def read_arguments():
    """The command line's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    parser.add_argument("--vs", type=pathlib.Path, help="a second Sheaf to compare the first with")
    parser.add_argument("--quotes", type=int, default=1000, help="a second")
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--rate", type=int, default=20_000, help="bytes a second that the link takes")
    parser.add_argument("--bottleneck", choices=("server", "router"), default="router", help="who sends so slowly")
    parser.add_argument("--queue", type=int, default=4000, help="bytes that wait in front of the link at most")
    parser.add_argument("--congestion", default="cubic", help="the server's TCP congestion control")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--skip", type=float, default=5, help="seconds of them that do not count")
    parser.add_argument("--way", default=";".join(WAYS), help="only these, with ; between")
    parser.add_argument("--json", action="store_true", help="prints the figures of one way, and no table")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    """Measures each way and prints the table."""
    arguments = read_arguments()
    if arguments.client:
        return be_client(arguments)
    slow_link.enter()
    binaries = {"sheaf": arguments.sheaf} | ({"vs": arguments.vs} if arguments.vs else {})
    lines = [HEADING]
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        link = stack.enter_context(slow_link.SlowLink(arguments.bottleneck, arguments.rate, arguments.queue,
                                                       arguments.congestion))
        if arguments.json:
            print(json.dumps(measure(arguments.sheaf.resolve(), arguments.way, link, folder, arguments)))
            return None
        for way in arguments.way.split(";"):
            for label, binary in binaries.items():
                figures = measure(binary.resolve(), way, link, folder, arguments)
                lines.append(line(way, label, figures, arguments.rate))
                print(" | ".join(lines[-1]), file=sys.stderr, flush=True)
    print(report.markdown(lines))
    return None


if __name__ == "__main__":
    main()
