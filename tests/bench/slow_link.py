"""A slow link: three network namespaces in a row, the server's, a router's and a client's, joined by veth pairs.

One of them sends towards the client through a token bucket (tbf): so fast, and with a queue in front that holds so much.
Where that is the server, its TCP knows what its own queue holds, and holds the rest back (TCP small queues), so nothing
is lost; a router's queue it finds out about by loss and delay alone, and fills it. Packets leave the server one by one
(gso_max_segs), as they come over a network. (Needs root, `ip`, `tc` and `nsenter`.)

    slow_link.enter()                  # at the start of the program: it goes on in a namespace of its own
    with SlowLink("router", 20_000, queue=4000, congestion="cubic") as link:
        subprocess.Popen([*link.client_words, "program", ...])     # in the client's namespace
"""

import contextlib
import os
import subprocess
import sys
import time

SERVER, ROUTER_IN, ROUTER_OUT, CLIENT = "10.77.1.1", "10.77.1.2", "10.77.2.2", "10.77.2.1"
BURST = 1600  # bytes that the bucket holds: a packet and a little
_INSIDE = "SHEAF_BENCH_NAMESPACE"


def enter():
    """Starts the program anew in a network namespace of its own, unless it runs in one already."""
    if os.environ.get(_INSIDE):
        return
    os.environ[_INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


def run(*words):
    """Runs a command that must succeed."""
    subprocess.run(words, check=True)


class SlowLink:
    """The router and the client beside the namespace that this process is in.

    `bottleneck`: "server" or "router"; `rate`: bytes a second towards the client; `queue`: bytes that may wait in front
    of it; `congestion`: the server's TCP congestion control.
    """

    def __init__(self, bottleneck, rate, queue, congestion):
        self._holders = []
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self._router, self._client = self._namespace(), self._namespace()
            run("ip", "link", "set", "lo", "up")
            run("ip", "link", "add", "to_router", "type", "veth", "peer", "name", "to_server", "netns", self._router)
            run("ip", "link", "set", "to_router", "gso_max_segs", "1")
            run("ip", "addr", "add", f"{SERVER}/24", "dev", "to_router")
            run("ip", "link", "set", "to_router", "up")
            run("ip", "route", "add", "10.77.2.0/24", "via", ROUTER_IN, "congctl", congestion)
            self._set_up_router()
            self._set_up_client()
            bucket = ["root", "tbf", "rate", f"{rate * 8}bit", "burst", f"{BURST}b", "limit", f"{BURST + queue}b"]
            if bottleneck == "server":
                run("tc", "qdisc", "add", "dev", "to_router", *bucket)
            else:
                run(*self._router_words, "tc", "qdisc", "add", "dev", "to_client", *bucket)
            undo.pop_all()

    def _namespace(self):
        """A process that holds a namespace of its own; its id as text."""
        holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self._holders.append(holder)
        own, deadline = os.readlink("/proc/self/ns/net"), time.monotonic() + 5
        while os.readlink(f"/proc/{holder.pid}/ns/net") == own:
            if holder.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("no network namespace can be made")
            time.sleep(0.01)
        return str(holder.pid)

    @property
    def _router_words(self):
        return ["nsenter", "-t", self._router, "-n"]

    def _set_up_router(self):
        inside = self._router_words
        run(*inside, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        run(*inside, "ip", "link", "add", "to_client", "type", "veth", "peer", "name", "to_router", "netns", self._client)
        for device, address in (("to_server", ROUTER_IN), ("to_client", ROUTER_OUT)):
            run(*inside, "ip", "addr", "add", f"{address}/24", "dev", device)
            run(*inside, "ip", "link", "set", device, "up")

    def _set_up_client(self):
        run(*self.client_words, "ip", "link", "set", "lo", "up")
        run(*self.client_words, "ip", "addr", "add", f"{CLIENT}/24", "dev", "to_router")
        run(*self.client_words, "ip", "link", "set", "to_router", "up")
        run(*self.client_words, "ip", "route", "add", "default", "via", ROUTER_OUT)

    @property
    def client_words(self):
        """In front of a command: it runs in the client's namespace."""
        return ["nsenter", "-t", self._client, "-n"]

    def close(self):
        """Ends the holders; the namespaces and what is in them go with them."""
        for holder in self._holders:
            holder.kill()
            holder.wait()
        subprocess.run(["ip", "link", "del", "to_router"], check=False, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
