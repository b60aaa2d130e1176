"""The tables beside those of the project's targets: ways of delivery beside one another, and figures without a target."""

import scenarios
from figures import (
    beside_bytes_a_connection,
    beside_cpu_a_message,
    both_cpu_a_message,
    bytes_a_connection,
    cpu_a_message,
    group_bytes_a_connection,
    messages_a_frame,
    messages_a_second,
    milliseconds,
    upstream_bytes_a_message,
    wire_bytes_a_message,
)
from lines import PEERS, Line, Table, Target
from rows import CPU, SHEAF_OVER_BEST, beside


def batching_lines(load, name):
    """The lines of one load in each way of delivery."""
    base = f"{load}-200x250"
    own = {"off": (base, "sheaf")}
    own |= {way: (f"{base}-{way}", "sheaf") for way in ("cork", "cork50", "json", "binary", "deflate")}
    ways = {"nginx": (base, "nginx")} | own
    return [
        Line(f"{name}: {CPU}", cpu_a_message, 2, ways),
        Line(f"{name}: messages a frame", messages_a_frame, 1, own, ratios=False),
        Line(f"{name}: bytes on the wire a message", wire_bytes_a_message, 1, own),
        Line(f"{name}: p50 ms", milliseconds("p50_us"), 2, ways, ratios=False),
        Line(f"{name}: p99 ms", milliseconds("p99_us"), 2, ways, ratios=False),
    ]


def unix_lines(load):
    """The lines of one load: Sheaf reaches the backend over TCP, or over a Unix socket."""
    ways = {"TCP": (load, "sheaf"), "Unix": (f"{load}-unix", "sheaf")}
    return [
        Line(f"{load}: Sheaf, {CPU}", cpu_a_message, 2, ways),
        Line(f"{load}: Sheaf and backend, {CPU}", both_cpu_a_message, 2, ways),
        Line(f"{load}: messages/s", messages_a_second, 0, ways),
        Line(f"{load}: p50 ms", milliseconds("p50_us"), 3, ways),
    ]


ALONE_WAYS = ["one send", "nginx", "tunnel", "mux"]


def pushed_lines(push, clients):
    """One load of the Python backend in four ways: by itself, directly, in a tunnel and over mux."""
    name = scenarios.pushed_name(push, clients)
    through = {"tunnel": (name, "sheaf"), "mux": (f"{name}-mux", "sheaf")}
    ways = {"direct": (name, "direct")} | through
    with_floor = {"floor": (name, "floor")} | ways
    title = f"{push} {clients:,} x {scenarios.PUSHES[push].rates[clients]}"
    factor, more = {"broadcast": (1.4, 1500), "own": (2.0, 1500)}.get(push, (1.3, 3000))
    pod = (Target("mux", "direct", 0.4),) if push == "broadcast" else ()
    soon = (Target("mux", at_most=5.0),) if (push, clients) == ("broadcast", 1000) else ()
    return [
        Line(f"{title}: backend, {CPU}", cpu_a_message, 2, with_floor,
             targets=(Target("mux", "floor", factor),)),
        Line(f"{title}: Sheaf, {CPU}", beside_cpu_a_message, 2, through),
        Line(f"{title}: pod, {CPU}", both_cpu_a_message, 2, ways, targets=pod),
        Line(f"{title}: backend, bytes a client", bytes_a_connection, 0, with_floor,
             targets=(Target("mux", "floor", more=more),)),
        Line(f"{title}: Sheaf, bytes a client", beside_bytes_a_connection, 0, through),
        Line(f"{title}: pod's control group, bytes a client", group_bytes_a_connection, 0, ways,
             targets=(Target("mux", at_most=24000),)),
        Line(f"{title}: p50 ms", milliseconds("p50_us"), 2, ways, targets=soon),
        Line(f"{title}: p99 ms", milliseconds("p99_us"), 2, ways),
        Line(f"{title}: bytes to the client a message", wire_bytes_a_message, 1, ways),
        Line(f"{title}: bytes from the backend a message", upstream_bytes_a_message, 1, through),
    ]


def alone_ways(load):
    """One load of bench_backend: its own loop of a send(2) for each client, and what Sheaf takes for the same."""
    return {"one send": (load, "direct"), "nginx": (load, "nginx"), "tunnel": (load, "sheaf"), "mux": (f"{load}-mux", "sheaf")}


JSON_WAYS = {"nginx": ("broadcast-200x250", "nginx"), "tunnel": ("broadcast-200x250-json", "sheaf"),
             "mux": ("broadcast-200x250-json-mux", "sheaf")}

TABLES = {
    "batching": Table(
        "Batching, 200 clients x 250 messages a second of 128 bytes: \"broadcast\", the same messages to all, and \"distinct\".\n"
        "Columns: nginx and Sheaf unbatched (off), Sheaf with cork as shipped and of 50 ms, with batch\n"
        "frames of 50 ms in the envelopes json and binary, and json with permessage-deflate.",
        ["nginx", "off", "cork", "cork50", "json", "binary", "deflate"],
        [("cork50/nginx", "cork50", "nginx"), ("json/off", "json", "off"), ("deflate/off", "deflate", "off")],
        batching_lines("broadcast", "broadcast") + batching_lines("tick", "distinct"),
    ),
    "unix": Table(
        "The way to the backend, unbatched: TCP over loopback, or a Unix socket.",
        ["TCP", "Unix"],
        [("Unix/TCP", "Unix", "TCP")],
        unix_lines("echo-100x1") + unix_lines("tick-200x250"),
    ),
    "mux": Table(
        "Clients that share links, with Sheaf's defaults and clients that offer deflate: \"broadcast\", the same messages to\n"
        "all; \"socketio\", events to a room (\"changed\": with two changes to python-socketio, socketio_changed_app.py); \"own\",\n"
        "each client its own. Columns: the unchanged application under a server that does nothing, at the same pace;\n"
        "uvicorn directly; through Sheaf with a connection each, and over links.",
        ["floor", "direct", "tunnel", "mux"],
        [("mux/floor", "mux", "floor"), ("mux/direct", "mux", "direct"), ("mux/tunnel", "mux", "tunnel")],
        [line for name, push in scenarios.PUSHES.items() for clients in push.rates for line in pushed_lines(name, clients)],
    ),
    "mux-proxy": Table(
        "Sheaf's own side of links, unbatched and in batch frames of 50 ms (json). One send: the backend's own loop of\n"
        "one send(2) for each client and message, without a proxy.",
        ALONE_WAYS,
        [("mux/one send", "mux", "one send"), ("mux/nginx", "mux", "nginx"), ("mux/tunnel", "mux", "tunnel")],
        [
            Line(f"broadcast 1000x20: {CPU}", cpu_a_message, 2, alone_ways("broadcast-1000x20")),
            Line("broadcast 1000x20: p50 ms", milliseconds("p50_us"), 3, alone_ways("broadcast-1000x20")),
            Line(f"distinct 1000x20: {CPU}", cpu_a_message, 2, alone_ways("tick-1000x20")),
            Line("distinct 1000x20: p50 ms", milliseconds("p50_us"), 3, alone_ways("tick-1000x20")),
            Line(f"broadcast 200x250, json: {CPU}", cpu_a_message, 2, JSON_WAYS),
            Line("broadcast 200x250, json: messages a frame", messages_a_frame, 1, JSON_WAYS, ratios=False),
        ],
    ),
    "more": Table(
        "More beside other proxies, without a target but for one.",
        ["direct", *PEERS, "Sheaf"],
        SHEAF_OVER_BEST,
        [
            beside(f"broadcast 200x250: {CPU}", cpu_a_message, 2, "broadcast-200x250"),
            beside(f"tick 200x250, kept fresh: {CPU}", cpu_a_message, 2, "tick-200x250", sheaf="tick-200x250-fresh"),
            beside("tick 200x250, kept fresh: p99 ms", milliseconds("p99_us"), 3, "tick-200x250", sheaf="tick-200x250-fresh"),
            beside("idle after a message: bytes a connection", bytes_a_connection, 0, "used-idle", direct=False),
            beside("idle after a message, TLS: bytes a connection", bytes_a_connection, 0, "tls-used-idle", direct=False),
            Line("deflate agreed on, at once after a message: bytes a connection", bytes_a_connection, 0,
                 {"Sheaf": ("deflate-used", "sheaf")}),
            Line("deflate agreed on, idle for a minute: bytes a connection", bytes_a_connection, 0,
                 {"Sheaf": ("deflate-idle", "sheaf")}, (Target("Sheaf", at_most=4096),)),
        ],
    ),
}
