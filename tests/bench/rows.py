"""The rows of the project's table of targets, in three tables: beside other proxies, at the client, and in the pod."""

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
    told,
    wire_bytes_a_message,
)
from lines import BEST_PEER, PEERS, Line, Table, Target
from scripts import ANSWER_PAUSES, BROADCASTS, OWN_MESSAGES

CPU = "µs CPU a message"
SHEAF_OVER_BEST = [("Sheaf/best", "Sheaf", BEST_PEER)]


def beside(title, figure, digits, scenario, *targets, sheaf="", direct=True, higher=False):
    """A line of Sheaf beside the other proxies. `sheaf`: its scenario, where that is another one; `direct`: whether the
    backend alone has such a figure."""
    ways = {"direct": (scenario, "direct")} if direct else {}
    ways |= {column: (scenario, proxy) for column, proxy in PEERS.items()}
    return Line(title, figure, digits, ways | {"Sheaf": (sheaf or scenario, "sheaf")}, targets, higher)


def at_most(factor, over=BEST_PEER):
    """Of Sheaf: so many times another column's."""
    return Target("Sheaf", over, at_most=factor)


def at_least(factor, over=BEST_PEER):
    """Of Sheaf: so many times another column's, or that number."""
    return Target("Sheaf", over, at_least=factor)


def batched(title, scenario, way, factor, over="nginx"):
    """The lines of one way of batching: its cost beside who sends each message by itself, and the delay that it is bought
    with."""
    name = f"{scenario.replace('-', ' ')}, {title}"
    return [
        beside(f"{name}: {CPU}", cpu_a_message, 2, scenario, at_most(factor, over), sheaf=f"{scenario}-{way}"),
        beside(f"{name}: p50 ms", milliseconds("p50_us"), 2, scenario, sheaf=f"{scenario}-{way}"),
    ]


def frames(title, scenario):
    """A line of the messages in a frame, Sheaf's alone."""
    return Line(title, messages_a_frame, 1, {"Sheaf": (scenario, "sheaf")}, (at_least(10, ""),), True)


PROXIES = Table(
    "Sheaf beside other proxies. Unbatched where nothing else is said: every message in a frame of its own, nothing\n"
    "compressed (batching.delivery = off, deflate.enabled = false). Direct: the backend alone, and its own CPU.",
    ["direct", *PEERS, "Sheaf"],
    SHEAF_OVER_BEST,
    [
        beside(f"echo 100x1: {CPU}", cpu_a_message, 2, "echo-100x1", at_most(1.0)),
        beside("echo 100x1: messages/s", messages_a_second, 0, "echo-100x1", at_least(1.0), higher=True),
        beside("echo 100x1, Sheaf's backend on a Unix socket: messages/s", messages_a_second, 0, "echo-100x1",
               at_least(1.2), sheaf="echo-100x1-unix", higher=True),
        beside("echo 100x1, everybody's on a Unix socket: messages/s", messages_a_second, 0, "echo-100x1-unix",
               direct=False, higher=True),
        beside(f"echo 100x16: {CPU}", cpu_a_message, 2, "echo-100x16", at_most(1.0)),
        beside(f"echo of 16 KB: {CPU}", cpu_a_message, 2, "echo-16k", at_most(0.8)),
        beside(f"tick 1000x20: {CPU}", cpu_a_message, 2, "tick-1000x20", at_most(1.0)),
        beside("tick 1000x20: p50 ms", milliseconds("p50_us"), 3, "tick-1000x20", at_most(1.0)),
        beside("tick 1000x20: p99 ms", milliseconds("p99_us"), 3, "tick-1000x20", at_most(1.0)),
        beside(f"tick 200x250: {CPU}", cpu_a_message, 2, "tick-200x250", at_most(1.0)),
        *batched("cork 10 ms (as shipped)", "tick-200x250", "cork", 0.5),
        *batched("cork 50 ms", "tick-200x250", "cork50", 0.15),
        *batched("json 50 ms", "tick-200x250", "json", 0.25),
        frames("tick 200x250, json 50 ms: messages a frame", "tick-200x250-json"),
        *batched("json 50 ms, deflate", "broadcast-200x250", "deflate", 0.3),
        beside(f"broadcast 1000x20 over mux: {CPU}", cpu_a_message, 2, "broadcast-1000x20", at_most(0.5, "nginx"),
               at_most(1.2, "direct"), sheaf="broadcast-1000x20-mux"),
        beside(f"broadcast 200x250 over mux, json 50 ms: {CPU}", cpu_a_message, 2, "broadcast-200x250",
               at_most(0.1, "nginx"), sheaf="broadcast-200x250-json-mux"),
        frames("broadcast 200x250 over mux, json 50 ms: messages a frame", "broadcast-200x250-json-mux"),
        beside("idle, plain: bytes a connection", bytes_a_connection, 0, "idle", at_most(1500, ""), direct=False),
        beside("idle, TLS: bytes a connection", bytes_a_connection, 0, "tls-idle", at_most(0.8), direct=False),
        beside("connect, echo, close: a second", messages_a_second, 0, "connect", at_least(1.0), higher=True),
        beside("the same over TLS: a second", messages_a_second, 0, "tls-connect", at_least(1.0), direct=False, higher=True),
        beside(f"TLS tick 1000x20: {CPU}", cpu_a_message, 2, "tls-tick-1000x20", at_most(1.0), direct=False),
    ],
)


def answer_lines(kind, pause):
    """How long an answer waits amid a stream."""
    name, title = f"answer-{kind}-{pause}", f"answer after {pause} ms amid 250/s, {kind}"
    return [
        beside(f"{title}: p50 ms", told("p50_ms"), 2, name, Target("Sheaf", "direct", more=1.0)),
        beside(f"{title}: p99 ms", told("p99_ms"), 2, name, Target("Sheaf", "direct", more=10.0)),
    ]


def bytes_line(load, spread):
    """Bytes a message of a stock client that offers deflate; half a percent is rounding."""
    name = f"bytes-{load}-{spread}"
    ways = {"direct": (name, "direct"), "Sheaf": (name, "sheaf")}
    targets = [at_most(1.005, "direct")]
    if spread == "broadcast":
        ways["once"] = (f"{name}-once", "sheaf")
        targets.append(at_most(0.7, "once"))
    return Line(f"{load}, {spread}, deflate: bytes a message", told("received"), 1, ways, tuple(targets))


def age_line(bottleneck):
    """How old quotes are at the end of a slow link."""
    return Line(f"1,000 quotes/s to a link of 20 KB/s, {bottleneck}'s queue: p99 age, s", told("p99"), 2,
                {"Sheaf": (f"fresh-{bottleneck}", "sheaf")}, (at_most(0.6, ""),))


CLIENTS = Table(
    "At the client: Sheaf with its shipped options. Direct: uvicorn. Once: each message compressed once and by itself.",
    ["direct", *PEERS, "once", "Sheaf"],
    [],
    [
        *(line for kind in ("cork", "json") for pause in ANSWER_PAUSES for line in answer_lines(kind, pause)),
        *(bytes_line(load, "per user") for load in OWN_MESSAGES),
        *(bytes_line(load, "broadcast") for load in BROADCASTS),
        *(age_line(bottleneck) for bottleneck in ("server", "router")),
        Line("9,000 idle clients: µs CPU a second and client", told("cpu_us_a_second"), 3,
             {"Sheaf": ("idle-cpu", "sheaf")}, (at_most(0.5, ""),)),
    ],
)

FLOOR, PLAIN, DEFLATE = ("backend", "floor"), ("backend-plain", "direct"), ("backend", "direct")
TUNNEL, MUX = ("backend", "sheaf"), ("backend-mux", "sheaf")
ALL = {"floor": FLOOR, "no deflate": PLAIN, "deflate": DEFLATE, "tunnel": TUNNEL, "mux": MUX}
SERVED = {column: way for column, way in ALL.items() if column != "floor"}
THROUGH = {"tunnel": TUNNEL, "mux": MUX}

POD = Table(
    "The pod: uvicorn and FastAPI broadcast 10 messages a second to 1,000 clients. Floor: the application under a server\n"
    "that does nothing. No deflate, deflate: clients connect directly, and offer none or what browsers offer. Tunnel, mux:\n"
    "these clients, and Sheaf with its shipped options between.",
    list(ALL),
    [("tunnel/no deflate", "tunnel", "no deflate"), ("mux/deflate", "mux", "deflate")],
    [
        Line("backend: bytes a connection", bytes_a_connection, 0, ALL,
             (Target("tunnel", "no deflate", at_most=1.0), Target("mux", "floor", more=1500))),
        Line("backend, Sheaf, kernel: bytes a client", group_bytes_a_connection, 0, SERVED,
             (Target("tunnel", at_most=40_000), Target("mux", at_most=24_000))),
        Line(f"backend and Sheaf: {CPU}", both_cpu_a_message, 2, SERVED,
             (Target("tunnel", "deflate", at_most=1.0), Target("mux", "deflate", at_most=0.4))),
        Line(f"backend: {CPU}", cpu_a_message, 2, ALL,
             (Target("tunnel", "no deflate", at_most=1.0), Target("mux", "floor", at_most=1.4))),
        Line("p50 ms", milliseconds("p50_us"), 2, SERVED,
             (Target("tunnel", "no deflate", at_most=1.0), Target("mux", at_most=5.0))),
        Line("p99 ms", milliseconds("p99_us"), 2, SERVED),
        Line(f"Sheaf: {CPU}", beside_cpu_a_message, 2, THROUGH),
        Line("bytes to the client a message", wire_bytes_a_message, 1, SERVED),
        Line("Sheaf: bytes a client", beside_bytes_a_connection, 0, THROUGH),
    ],
)

TABLES = {"proxies": PROXIES, "clients": CLIENTS, "pod": POD}
