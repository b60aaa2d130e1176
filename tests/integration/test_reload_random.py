"""Configurations made by chance, taken up one after another under traffic: whatever the values, the process lives, and
with its first configuration it is again what it was."""

from __future__ import annotations

import random
import re
import subprocess
import time
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.frames import RawWebSocket
from harness.helpers import Helper
from harness.ports import wait_until
from harness.raw import get
from harness.reload_load import counters
from harness.reloading import ReloadableSheaf
from harness.sheaf import BINARY, Conf, scaled

CONFIGURATIONS = scaled(150, 30)
# What other files are about, or what would lock the test out.
LEFT_OUT = re.compile(
    r"^(listen\.(address|tls_.*|socket_mode|proxy_protocol)|upstream\.(url|tls_.*)|admin\..*|reload\.watch|log\.level|"
    r"memory\.(limit|webhook|.*percent)|identity\..*|forwarded\.trusted_proxies|pool\.(min_size|health_check_path))$"
)
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def ranges() -> dict[str, str]:
    """The range of each option that is not left out, as the manual writes it: "1 to 10", "on, off", "" for others."""
    manual = subprocess.run([str(BINARY), "--print-options-manual"], capture_output=True, text=True, check=True).stdout
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| ([^|]*) \|", manual, re.MULTILINE)
    found = {name: bounds.strip() or ("true, false" if fallback in ("true", "false") else "")
             for name, fallback, bounds in rows}  # fmt: skip
    return {name: bounds for name, bounds in found.items() if bounds and not LEFT_OUT.match(name)}


def number_of(text: str) -> float:
    match = re.fullmatch(r"(\d+)(\w*)", text)
    assert match, text
    return int(match[1]) * (UNITS.get(match[2]) or SECONDS.get(match[2], 1))


def value_of(bounds: str, source: random.Random) -> object:
    """A value in the range; near its ends as often as anywhere else."""
    if " to " not in bounds:
        word = source.choice(bounds.split(", "))
        return {"true": True, "false": False}.get(word, word)
    least, most = bounds.split(" to ")
    if source.random() < 0.3:
        return plain(source.choice([least, most]))
    low, high = max(number_of(least), 0.001), min(number_of(most), 1e8)
    value = low * (high / low) ** source.random()
    return f"{max(1, round(value * 1000))}ms" if re.search(r"\d(ms|s|m|h)$", most) else round(value)


def plain(text: str) -> object:
    return int(text) if text.isdigit() else text


def configuration(source: random.Random) -> tuple[Conf, list[Conf]]:
    """A few options, and a few routes with keys of their own."""
    conf: Conf = {}
    for name in source.sample(sorted(RANGES), source.randrange(1, 12)):
        section, _, key = name.rpartition(".")
        conf.setdefault(section, {})[key] = value_of(RANGES[name], source)
    conf.update(conf.pop("", {}))
    keys = [key for key in ("size", "timeout", "max_bytes", "delivery", "envelope", "adaptive", "slow_client")]
    routes: list[Conf] = []
    for path in source.sample(["/", "/ws", "/ws/echo", "/page", "/status"], source.randrange(0, 5)):
        of_route = {key: value_of(RANGES[f"batching.{key}"], source) for key in source.sample(keys, 2)}
        rules = source.choice([{}, {"critical": [{"event": "a"}]}, {"conflate": [{"event": "b", "key": "/s"}]}])
        routes.append({"path": path, **of_route, **rules})
    return conf, routes


RANGES = ranges()


@pytest.mark.parametrize("seed", range(3))
def test_any_configuration_is_taken_up_or_refused(make_reloadable, backend: Backend, seed: int, tmp_path: Path) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"workers": 2, "log": {"level": "warning"}})
    source = random.Random(seed)
    plans, taken = proxy.metric("sheaf_route_plans"), 0
    with (
        Helper("steady", port=proxy.port, clients=30, period=0.2, paths="/ws/echo,/ws/echo?sheaf=json") as steady,
        Helper("steady", port=proxy.port, arrivals=100, paths="/ws/echo") as arrivals,
    ):
        before = counters(proxy)
        for number in range(CONFIGURATIONS):
            proxy.put(*configuration(source))
            (tmp_path / f"{number}.conf").write_text(proxy.conf_file.read_text())  # pytest keeps those that failed
            status, answer = proxy.post()
            assert status in (200, 422), answer
            taken += status == 200
            time.sleep(0.015)
            now = counters(proxy)
            assert not [name for name, value in before.items() if now.get(name, -1) < value]
            before = now
        for one in (steady, arrivals):
            one.tell("settle")  # what they have noticed is the configurations' affair
    assert taken > CONFIGURATIONS / 3
    proxy.reload()
    wait_until(lambda: proxy.metric("sheaf_websocket_sessions") == 0, 15, "the clients are gone")
    wait_until(lambda: proxy.metric("sheaf_route_plans") == plans, 10, "old plans are gone")
    wait_until(lambda: get(proxy.port, "/page").status == 200, 10, "it serves as before")
    with RawWebSocket(proxy.port) as session:
        session.check_echo(b"as before")
