"""What bytes.py has sent: rows, the loads of their messages, and who gets each message.

Both ends make the same plan from the same row and sizes, so that a client knows every byte that it has to get. A plan
is a list of blocks; a block is a list of (clients, text), sent in one go, and a pause follows it.
"""

import dataclasses
import itertools
import json
import random

ROOMS = 10
BURST = 20  # messages in a row for each stream
LEAVE_EVERY = 5  # blocks of a row with joiners after which one client leaves and another one joins
SYMBOLS, WATCHED = 50, 5
OWN_SHARE = 0.2  # of the messages that a client gets in the rows with unicasts
SKIPPED = 0.2
NAMES = ("AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "TSLA", "BRK.A", "F", "CRWD")


def quotes(source):
    """Quotes of 95 to 105 bytes, as json.dumps writes them."""
    for n in itertools.count():
        yield json.dumps({"type": "price_update", "symbol": source.choice(NAMES),
                          "price": round(source.uniform(100, 900), 2), "volume": source.randrange(10**6),
                          "ts": 1_700_000_000_000 + n * 37})


def ticks(source):
    """Ticks of exactly 105 bytes."""
    for n in itertools.count():
        yield (f'{{"type":"tick","seq":"{n:08}","t":{1_700_000_000_000 + n * 37},"symbol":"{source.choice(NAMES):5}",'
               f'"price":"{source.uniform(100, 999):.2f}","volume":"{source.randrange(10**7):07}"}}')


def state(source):
    """A document of some 7.4 KB of which three values change from one message to the next."""
    document = {f"sensor_{n}": {"value": source.randrange(10_000), "unit": "mV", "ok": True,
                                "name": f"{source.randrange(10**6):06} line"} for n in range(95)}
    while True:
        for _ in range(3):
            document[f"sensor_{source.randrange(95)}"]["value"] = source.randrange(10_000)
        yield json.dumps(document)


def answers(source):
    """A chat's answers, each of which grows by a word a message and is sent whole; at 1.3 KB the next one begins."""
    words = [bytes(source.choices(b"etaoinshrdlu", k=source.randrange(2, 9))).decode() for _ in range(400)]
    text = ""
    while True:
        text = "" if len(text) > 1300 else text + source.choice(words) + " "
        yield json.dumps({"id": 7, "role": "assistant", "content": text})


def events(source):
    """Socket.IO events of some 110 bytes, as python-socketio writes them."""
    for n in itertools.count():
        data = {"symbol": source.choice(NAMES), "price": round(source.uniform(100, 900), 2),
                "volume": source.randrange(10**6), "ts": 1_700_000_000_000 + n * 37, "source": "exchange"}
        yield "42" + json.dumps(["price_update", data], separators=(",", ":"))


LOADS = {"quotes": quotes, "ticks": ticks, "state": state, "answers": answers, "events": events}


@dataclasses.dataclass(frozen=True)
class Row:
    """`load`: of LOADS. `spread`: of SPREADS. `burst`: messages of a stream in a row."""

    load: str
    spread: str
    burst: int = 1

    @property
    def title(self):
        """For the table, and the name by which the backend finds it."""
        return f"{self.load}, {self.spread}, {'one by one' if self.burst == 1 else f'bursts of {self.burst}'}"

    def blocks(self, clients, messages):
        """The plan for so many clients at a time that get so many messages each, or about as many."""
        rounds = messages // self.burst
        return list(SPREADS[self.spread](self, clients, rounds))

    def stream(self, name):
        """The messages of one of its streams, without end."""
        return LOADS[self.load](random.Random(f"{self.load} {name}"))

    def take(self, stream):
        """The stream's messages for one block."""
        return itertools.islice(stream, self.burst)


def broadcast(row, clients, rounds):
    """Everybody gets everything."""
    stream, everybody = row.stream("all"), tuple(range(clients))
    for _ in range(rounds):
        yield [(everybody, text) for text in row.take(stream)]


def in_rooms(row, clients, rounds, of_each):
    """Each client is in `of_each` rooms, in pairs that differ from one client to the next."""
    places = [(n % ROOMS, (n + 1 + n // ROOMS % (ROOMS - 1)) % ROOMS)[:of_each] for n in range(clients)]
    members = [tuple(n for n in range(clients) if room in places[n]) for room in range(ROOMS)]
    streams = [row.stream(room) for room in range(ROOMS)]
    source = random.Random(row.title)
    for _ in range(rounds // of_each):
        order = source.sample(range(ROOMS), ROOMS)
        yield [(members[room], text) for room in order for text in row.take(streams[room])]


def per_user(row, clients, rounds):
    """Nobody gets what another one gets."""
    streams = [row.stream(n) for n in range(clients)]
    for _ in range(rounds):
        yield [((n,), text) for n in range(clients) for text in row.take(streams[n])]


def joiners(row, clients, rounds):
    """A broadcast during which the client that has been there for the longest makes room for a new one now and then."""
    stream = row.stream("all")
    for n in range(rounds):
        first = n // LEAVE_EVERY
        yield [(tuple(range(first, first + clients)), text) for text in row.take(stream)]


def with_unicasts(row, clients, rounds, unicast):
    """A broadcast, and besides what `unicast` (client, number, random source) makes for one client alone."""
    source = random.Random(row.title)
    everybody = tuple(range(clients))
    for number, text in zip(range(int(rounds * (1 - OWN_SHARE))), row.stream("all")):
        own = [n for n in everybody if source.random() < OWN_SHARE / (1 - OWN_SHARE)]
        yield [(everybody, text), *(((n,), unicast(n, number, source)) for n in own)]


def ack(client, number, source):
    """Some 60 bytes."""
    taken, name = source.randrange(100), source.randrange(10**6)
    return f'{{"ack":{number:05},"client":{client:04},"status":"ok","ms":{taken:02},"id":"{name:06}"}}'


def order(client, number, source):
    """Some 330 bytes."""
    return json.dumps({"type": "order_update", "client": client, "order": source.randrange(10**9), "number": number,
                       "symbol": source.choice(NAMES), "side": source.choice(("buy", "sell")),
                       "filled": source.randrange(1000), "left": source.randrange(1000),
                       "price": round(source.uniform(100, 900), 2), "venue": source.choice(("XNAS", "XNYS", "BATS")),
                       "note": "".join(source.choices("abcdefghijklmnop", k=145))})


def watched(row, clients, rounds):
    """Each client watches some of all symbols, at random."""
    source = random.Random(row.title)
    watchers = [[] for _ in range(SYMBOLS)]
    for n in range(clients):
        for symbol in source.sample(range(SYMBOLS), WATCHED):
            watchers[symbol].append(n)
    stream = row.stream("all")
    for _ in range(rounds // WATCHED):
        shuffled = source.sample(range(SYMBOLS), SYMBOLS)
        for symbol in shuffled:
            if watchers[symbol]:
                yield [(tuple(watchers[symbol]), next(stream).replace('"symbol": "', f'"symbol": "S{symbol:02}'))]


def skipping(row, clients, rounds):
    """A broadcast of which the backend leaves each client out at random."""
    source = random.Random(row.title)
    for _, text in zip(range(rounds), row.stream("all")):
        yield [(tuple(n for n in range(clients) if source.random() >= SKIPPED), text)]


SPREADS = {
    "broadcast": broadcast,
    "in one of 10 rooms": lambda row, clients, rounds: in_rooms(row, clients, rounds, 1),
    "in two of 10 rooms": lambda row, clients, rounds: in_rooms(row, clients, rounds, 2),
    "per user": per_user,
    "broadcast, clients come and go": joiners,
    "broadcast, 20 % acks of 60 bytes": lambda row, clients, rounds: with_unicasts(row, clients, rounds, ack),
    "broadcast, 20 % unicasts of 330 bytes": lambda row, clients, rounds: with_unicasts(row, clients, rounds, order),
    "5 of 50 symbols": watched,
    "broadcast, 20 % skipped": skipping,
}
EVERY_LOAD = ("broadcast", "in one of 10 rooms", "in two of 10 rooms", "per user")
ROWS = [Row(load, spread, burst) for spread in EVERY_LOAD for load in LOADS for burst in (1, BURST)]
ROWS += [Row("quotes", spread) for spread in SPREADS if spread not in EVERY_LOAD]
BY_TITLE = {row.title: row for row in ROWS}
