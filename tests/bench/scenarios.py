"""The loads that bench_generator makes, and what the proxies and backends are set to for each."""

import dataclasses

from peers import MUX_TOKEN

# What Sheaf is set to, by option. Its rows beside other proxies are for what those do: every message its own frame.
UNBATCHED = {"batching.delivery": "off", "deflate.enabled": "false"}
CORK = {"batching.delivery": "cork", "deflate.enabled": "false"}
CORK50 = CORK | {"batching.cork_timeout": "50ms"}
FRESH = CORK | {"batching.slow_client": "drop_oldest"}  # little waits in the kernel (proxy/outbox/flow_control.md)
BATCHED = {"batching.delivery": "offer", "batching.timeout": "50ms", "deflate.enabled": "false"}
BATCHED_DEFLATE = BATCHED | {"deflate.enabled": "true"}
DEFAULTS = {}
MUX = {"upstream.mode": "mux", "upstream.token": MUX_TOKEN}


@dataclasses.dataclass(frozen=True)
class Scenario:
    """`kind`: what bench_generator --kind takes; `options`: more words for it; `settings`: Sheaf's; `unix`: the proxies
    reach the backend over its Unix socket; `app`: of the Python backend, whose own cost is then the measured one ("":
    bench_backend)."""

    name: str
    kind: str
    connections: int
    options: dict
    tls: bool = False
    settings: dict = dataclasses.field(default_factory=UNBATCHED.copy)
    unix: bool = False
    app: str = ""

    @property
    def mux(self):
        """Whether clients share links to the backend."""
        return self.settings.get("upstream.mode") == "mux"

    def scaled_connections(self, scale):
        """How many clients there are. `scale`: share of them."""
        return max(8, int(self.connections * scale)) if self.connections > 8 else self.connections

    @property
    def large(self):
        """Whether messages are larger than usual buffers."""
        return self.options.get("payload", 0) > 4096

    def pace(self, scale):
        """Messages a second that the backend sends in all; None where clients set the pace."""
        return self.scaled_connections(scale) * self.options["rate"] if "rate" in self.options else None

    def quick_seconds(self, most):
        """How long a try-out measures: until a few messages have come to each client."""
        return min(most, max(0.2, 1.2 / self.options.get("rate", 100)))

    def estimate(self, arguments, proxy):
        """About how many seconds one run takes."""
        settles = {"idle": 3, "connect": 1, "echo": 1}.get(self.kind, 2) * arguments.settle
        measured = 0 if self.kind == "idle" else arguments.seconds
        opening = self.scaled_connections(arguments.scale) / (400 if self.app or self.tls else 2000)
        python = 2 if self.app and proxy != "floor" else 0
        return measured + settles + opening + python + self.options.get("rest", 0) + 0.7

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
    return Scenario(f"{load}-200x250-{way}", load, 200, {"rate": 250} | options, settings=settings)


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
    """One load of the Python backend for clients that offer deflate: directly or in a tunnel, and over mux."""
    push, name = PUSHES[name], pushed_name(name, clients)
    options = {"rate": push.rates[clients], "browser": 1, "deflate": 1} | push.options
    tunnel = Scenario(name, push.kind, clients, options, settings=DEFAULTS, app=push.app)
    return [tunnel, dataclasses.replace(tunnel, name=f"{name}-mux", settings=MUX)]


def muxed(scenario):
    """The same load over mux."""
    return dataclasses.replace(scenario, name=f"{scenario.name}-mux", settings=scenario.settings | MUX)


def over_unix(scenario):
    """The same load with the backend's Unix socket."""
    return dataclasses.replace(scenario, name=f"{scenario.name}-unix", unix=True)


ECHO_100 = Scenario("echo-100x1", "echo", 100, {"outstanding": 1})
TICK_200 = Scenario("tick-200x250", "tick", 200, {"rate": 250})
BROADCAST_1000 = Scenario("broadcast-1000x20", "broadcast", 1000, {"rate": 20})
TICK_1000 = Scenario("tick-1000x20", "tick", 1000, {"rate": 20})
BROADCAST_JSON = batched("broadcast", "json", BATCHED, envelope="json")

# In the order in which they are measured: what is compared is close together.
SCENARIOS = [
    ECHO_100,
    over_unix(ECHO_100),
    Scenario("echo-100x16", "echo", 100, {"outstanding": 16}),
    Scenario("echo-16k", "echo", 100, {"outstanding": 1, "payload": 16384}),
    TICK_1000,
    muxed(TICK_1000),
    BROADCAST_1000,
    muxed(BROADCAST_1000),
    TICK_200,
    over_unix(TICK_200),
    batched("tick", "cork", CORK),
    batched("tick", "cork50", CORK50),
    batched("tick", "fresh", FRESH),
    batched("tick", "json", BATCHED, envelope="json"),
    batched("tick", "binary", BATCHED, envelope="binary"),
    batched("tick", "deflate", BATCHED_DEFLATE, envelope="json", deflate=1),
    Scenario("broadcast-200x250", "broadcast", 200, {"rate": 250}),
    batched("broadcast", "cork", CORK),
    batched("broadcast", "cork50", CORK50),
    BROADCAST_JSON,
    muxed(BROADCAST_JSON),
    batched("broadcast", "binary", BATCHED, envelope="binary"),
    batched("broadcast", "deflate", BATCHED_DEFLATE, envelope="json", deflate=1),
    Scenario("idle", "idle", 4000, {"used": 0}),
    Scenario("tls-idle", "idle", 4000, {"used": 0}, tls=True),
    Scenario("used-idle", "idle", 4000, {"used": 1}),
    Scenario("tls-used-idle", "idle", 4000, {"used": 1}, tls=True),
    Scenario("deflate-used", "idle", 4000, {"used": 1, "deflate": 1}, settings=BATCHED_DEFLATE),
    # Contexts of the clients' own go after a minute, and the kernel has their memory back at the next trim.
    Scenario("deflate-idle", "idle", 4000, {"used": 1, "deflate": 1, "rest": 70},
             settings=BATCHED_DEFLATE | {"memory.trim_interval": "5s"}),
    Scenario("connect", "connect", 64, {}),
    Scenario("tls-connect", "connect", 64, {}, tls=True),
    Scenario("tls-tick-1000x20", "tick", 1000, {"rate": 20}, tls=True),
    # No deflate, deflate offered as browsers do, and the same to Sheaf, whose defaults then hold.
    Scenario("backend-plain", "broadcast", 1000, {"rate": 10, "browser": 1}, settings=DEFAULTS, app="app:app"),
    *(scenario for push in PUSHES for clients in PUSHES[push].rates for scenario in pushed(push, clients)),
]
