"""The loads, and the rows of figures that are made from them (the rows of the project's table of targets)."""

import dataclasses
import statistics
from typing import Callable

from peers import MUX_TOKEN

# What Sheaf is set to, by option. Its rows beside other proxies are for what those do: every message its own frame.
UNBATCHED = {"batching.delivery": "off", "deflate.enabled": "false"}
CORK = {"batching.delivery": "cork", "deflate.enabled": "false"}
CORK50 = CORK | {"batching.cork_timeout": "50ms"}
FRESH = CORK | {"batching.slow_client": "drop_oldest"}  # little waits in the kernel (proxy/outbox/flow_control.md)
BATCHED = {"batching.delivery": "offer", "batching.timeout": "50ms", "deflate.enabled": "false"}
BATCHED_DEFLATE = BATCHED | {"deflate.enabled": "true"}
UNBATCHED_UNIX = UNBATCHED | {"upstream.url": "unix:FOLDER/backend.sock"}
DEFAULTS = {}
MUX = {"upstream.mode": "mux", "upstream.token": MUX_TOKEN}


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    kind: str  # what bench_generator --kind takes
    connections: int
    options: dict
    tls: bool = False
    settings: dict = dataclasses.field(default_factory=UNBATCHED.copy)  # Sheaf's
    app: str = ""  # of the Python backend, whose own cost is then the measured one; "": bench_backend
    floor: bool = False  # the app is measured by itself as well
    others: bool = True  # measured with the other proxies as well
    direct: bool = True  # and without any

    @property
    def mux(self):
        """Whether clients share links to the backend."""
        return self.settings.get("upstream.mode") == "mux"

    def scaled_connections(self, scale):
        """How many clients there are. `scale`: share of them."""
        return max(8, int(self.connections * scale)) if self.connections > 8 else self.connections

    def floor_arguments(self, scale):
        """Those of floor.py, as words."""
        rate = self.options["rate"]
        socketio = f"/socket.io/?EIO=4&transport=websocket&rate={rate}"
        path = socketio if self.options.get("socketio") else f"/{self.kind}/{rate}"
        return [self.app, "--path", path, "--connections", str(self.scaled_connections(scale))]

    def arguments(self, scale):
        """The generator's, as words. `scale`: share of the connections."""
        words = ["--kind", self.kind, "--connections", self.scaled_connections(scale), "--tls", int(self.tls)]
        for name, value in self.options.items():
            words += [f"--{name}", value]
        return [str(word) for word in words]


def batched(load, way, settings, **options):
    """200 clients x 250 messages a second through Sheaf alone, delivered in some way of batching."""
    return Scenario(f"{load}-200x250-{way}", load, 200, {"rate": 250} | options, settings=settings, others=False,
                    direct=False)


def uvicorn(name, connections, rate, settings, direct, **options):
    """A broadcast by the Python backend; what is measured is that backend."""
    return Scenario(name, "broadcast", connections, {"rate": rate} | options, settings=settings, app="app:app",
                    others=False, direct=direct)



@dataclasses.dataclass(frozen=True)
class Push:
    """What the Python backend does for its clients. `rates`: clients -> messages a second for each, which two CPUs bear
    in each way."""

    kind: str
    app: str
    rates: dict
    options: dict = dataclasses.field(default_factory=dict)  # more for the generator


PUSHES = {
    "broadcast": Push("broadcast", "app:app", {1000: 10, 5000: 2}),
    "socketio": Push("broadcast", "socketio_app:app", {1000: 10, 5000: 1}, {"socketio": 1}),
    "socketio-changed": Push("broadcast", "socketio_changed_app:app", {1000: 10}, {"socketio": 1}),
    "own": Push("tick", "app:app", {1000: 10, 5000: 2}),
}


def pushed_name(push, clients):
    """The load's name, without what is most usual."""
    return "backend" + (f"-{push}" if push != "broadcast" else "") + (f"-{clients}" if clients != 1000 else "")


def pushed(name, clients):
    """One load of the Python backend for clients that offer deflate: directly, by itself, in a tunnel, and over mux."""
    push, name = PUSHES[name], pushed_name(name, clients)
    options = {"rate": push.rates[clients], "deflate": 1} | push.options
    tunnel = Scenario(name, push.kind, clients, options, settings=DEFAULTS, app=push.app, floor=True, others=False)
    return [tunnel, dataclasses.replace(tunnel, name=f"{name}-mux", settings=MUX, floor=False, direct=False)]


def muxed(scenario):
    """The same load over mux, which is Sheaf's alone."""
    return dataclasses.replace(scenario, name=f"{scenario.name}-mux", settings=scenario.settings | MUX, others=False,
                               direct=False)


BROADCAST_1000 = Scenario("broadcast-1000x20", "broadcast", 1000, {"rate": 20})
TICK_1000 = Scenario("tick-1000x20", "tick", 1000, {"rate": 20})
BROADCAST_JSON = batched("broadcast", "json", BATCHED, envelope="json")

# direct=False: nothing to learn from holding idle connections directly, and the backend has no TLS.
SCENARIOS = [
    Scenario("echo-100x1", "echo", 100, {"outstanding": 1}),
    Scenario("echo-100x16", "echo", 100, {"outstanding": 16}),
    Scenario("echo-16k", "echo", 100, {"outstanding": 1, "payload": 16384}),
    Scenario("echo-100x1-unix", "echo", 100, {"outstanding": 1}, settings=UNBATCHED_UNIX, others=False, direct=False),
    Scenario("tick-200x250-unix", "tick", 200, {"rate": 250}, settings=UNBATCHED_UNIX, others=False, direct=False),
    TICK_1000,
    BROADCAST_1000,
    muxed(TICK_1000),
    muxed(BROADCAST_1000),
    Scenario("tick-200x250", "tick", 200, {"rate": 250}),
    Scenario("broadcast-200x250", "broadcast", 200, {"rate": 250}),
    Scenario("tls-tick-1000x20", "tick", 1000, {"rate": 20}, tls=True, direct=False),
    Scenario("idle", "idle", 4000, {"used": 0}, direct=False),
    Scenario("tls-idle", "idle", 4000, {"used": 0}, tls=True, direct=False),
    Scenario("deflate-used", "idle", 4000, {"used": 1, "deflate": 1}, settings=BATCHED_DEFLATE, others=False,
             direct=False),
    # Contexts of the clients' own go after a minute, and the kernel has their memory back at the next trim.
    Scenario("deflate-idle", "idle", 4000, {"used": 1, "deflate": 1, "rest": 70},
             settings=BATCHED_DEFLATE | {"memory.trim_interval": "5s"}, others=False, direct=False),
    Scenario("used-idle", "idle", 4000, {"used": 1}, direct=False),
    Scenario("tls-used-idle", "idle", 4000, {"used": 1}, tls=True, direct=False),
    Scenario("connect", "connect", 64, {}),
    Scenario("tls-connect", "connect", 64, {}, tls=True, direct=False),
    *(batched(load, "cork", CORK) for load in ("tick", "broadcast")),
    *(batched(load, "cork50", CORK50) for load in ("tick", "broadcast")),
    batched("tick", "fresh", FRESH),
    batched("tick", "json", BATCHED, envelope="json"),
    BROADCAST_JSON,
    muxed(BROADCAST_JSON),
    *(batched(load, "binary", BATCHED, envelope="binary") for load in ("tick", "broadcast")),
    *(batched(load, "deflate", BATCHED_DEFLATE, envelope="json", deflate=1) for load in ("tick", "broadcast")),
    # No deflate, deflate offered as browsers do, and the same to Sheaf, whose defaults then hold.
    uvicorn("backend-plain", 1000, 10, DEFAULTS, direct=True),
    *(scenario for push in PUSHES for clients in PUSHES[push].rates for scenario in pushed(push, clients)),
    # The same rate a client as in the batched scenarios, with as many clients as the backend can serve.
    uvicorn("uvicorn-20x250", 20, 250, DEFAULTS, direct=True, deflate=1),
    uvicorn("uvicorn-20x250-json", 20, 250, DEFAULTS, direct=False, deflate=1, envelope="json"),
]


@dataclasses.dataclass(frozen=True)
class Row:
    title: str
    scenario: str
    figure: Callable[[dict], float | None]  # of one run's figures; None: the run has none
    digits: int
    higher_is_better: bool = False
    ratio: float | None = None  # the target: Sheaf's figure over the best peer's
    bound: float | None = None  # the target: an absolute figure

    def value(self, runs):
        """The median over the rounds; None when there is none."""
        values = [value for run in runs if (value := self.figure(run)) is not None]
        return statistics.median(values) if values else None

    def best(self, values):
        return (max if self.higher_is_better else min)(values) if values else None

    def target(self):
        if self.bound is None and self.ratio is None:
            return ""
        sign = ">=" if self.higher_is_better else "<="
        return f"{sign} {self.bound:,}" if self.bound is not None else f"{sign} {self.ratio} x the best"

    def met(self, value, ratio):
        if self.bound is not None:
            return value <= self.bound
        if ratio is None:
            return None
        return ratio >= self.ratio if self.higher_is_better else ratio <= self.ratio


def cpu_a_message(run):
    return run["cpu_us"] / run["messages"] if run["messages"] else None


def messages_a_second(run):
    return run["messages"] / run["seconds"] if run["messages"] else None


def bytes_a_connection(run):
    return run["pss_growth"] / run["connections"] if run["connections"] else None


def beside_cpu_a_message(run):
    return run["beside_cpu_us"] / run["messages"] if run["messages"] else None


def both_cpu_a_message(run):
    return (run["cpu_us"] + run["beside_cpu_us"]) / run["messages"] if run["messages"] else None


def beside_bytes_a_connection(run):
    return run["beside_pss_growth"] / run["connections"] if run["connections"] else None


def group_bytes_a_connection(run):
    return run["group_growth"] / run["connections"] if run.get("group_growth") and run["connections"] else None


def messages_a_frame(run):
    return run["messages"] / run["frames"] if run.get("frames") else None


def wire_bytes_a_message(run):
    return run["bytes"] / run["messages"] if run["messages"] else None


def upstream_bytes_a_message(run):
    return run["upstream_bytes"] / run["received"] if run.get("upstream_bytes") and run["received"] else None


def milliseconds(key):
    return lambda run: run[key] / 1000 if run["messages"] else None


ROWS = [
    Row("echo 100x1, us CPU a message", "echo-100x1", cpu_a_message, 2, ratio=1.0),
    Row("echo 100x1, messages/s", "echo-100x1", messages_a_second, 0, higher_is_better=True, ratio=1.0),
    Row("echo 100x16, us CPU a message", "echo-100x16", cpu_a_message, 2, ratio=1.0),
    Row("tick 1000x20, us CPU a message", "tick-1000x20", cpu_a_message, 2, ratio=1.0),
    Row("tick 200x250, us CPU a message", "tick-200x250", cpu_a_message, 2, ratio=1.0),
    Row("broadcast 200x250, us CPU a message", "broadcast-200x250", cpu_a_message, 2, ratio=1.0),
    Row("tick 200x250, kept fresh, us CPU a message", "tick-200x250-fresh", cpu_a_message, 2),
    Row("tick 200x250, kept fresh, p99 ms", "tick-200x250-fresh", milliseconds("p99_us"), 3),
    Row("16 KB echo, us CPU a message", "echo-16k", cpu_a_message, 2, ratio=0.8),
    Row("tick 1000x20, p50 ms", "tick-1000x20", milliseconds("p50_us"), 3, ratio=1.0),
    Row("tick 1000x20, p99 ms", "tick-1000x20", milliseconds("p99_us"), 3, ratio=1.0),
    Row("idle plain, bytes a connection", "idle", bytes_a_connection, 0, bound=1500),
    Row("idle TLS, bytes a connection", "tls-idle", bytes_a_connection, 0, ratio=0.8),
    Row("deflate agreed on, at once after a message, bytes", "deflate-used", bytes_a_connection, 0),
    Row("idle, deflate agreed on, after a message, bytes", "deflate-idle", bytes_a_connection, 0, bound=4096),
    Row("idle plain after a message, bytes", "used-idle", bytes_a_connection, 0, ratio=1.0),
    Row("idle TLS after a message, bytes", "tls-used-idle", bytes_a_connection, 0, ratio=1.0),
    Row("connect + echo + close, a second", "connect", messages_a_second, 0, higher_is_better=True, ratio=1.0),
    Row("TLS connect, a second", "tls-connect", messages_a_second, 0, higher_is_better=True, ratio=1.0),
    Row("TLS tick 1000x20, us CPU a message", "tls-tick-1000x20", cpu_a_message, 2, ratio=1.0),
]
