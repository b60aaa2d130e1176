"""What other programs of this folder measure, one run of one way at a time, as scenarios beside bench_generator's."""

import dataclasses
import os
import pathlib
import shutil

ANSWER_PAUSES = (0, 40)  # ms that the backend takes
OWN_MESSAGES = BROADCASTS = ("quotes", "state", "answers")  # loads of bytes_plan.py


@dataclasses.dataclass(frozen=True)
class Script:
    """`program`: beside this file; with --json it prints a run's figures. `words`: its arguments; `quick`: those that try it
    out; `seconds`: that a run takes; `ways`: proxy -> the program's word for it, if it takes any. `fixed`: bytes that are
    the same in every round. `needs`: other programs; `programs`: bench_backend and bench_generator, too."""

    name: str
    program: str
    words: tuple
    quick: tuple
    seconds: float
    ways: dict = dataclasses.field(default_factory=dict)
    fixed: bool = False
    needs: tuple = ()
    programs: bool = False

    def estimate(self, arguments, proxy):
        """About how many seconds one run takes."""
        return 2 if arguments.quick else self.seconds

    def lacks(self):
        """What it cannot be run for; "" when it can."""
        absent = [program for program in self.needs if shutil.which(program) is None]
        return ", ".join(absent) or ("root" if self.needs and os.geteuid() != 0 else "")

    def command(self, arguments, proxy, binary):
        """The words that measure one run. `binary`: of the proxy; None without one."""
        words = [arguments.python, pathlib.Path(__file__).with_name(self.program), "--json", *self.words]
        words += self.quick if arguments.quick else ()
        words += ["--programs", arguments.programs] if self.programs else []
        if self.ways:
            words += ["--way", self.ways.get(proxy, proxy)]
        return [*words, *(["--sheaf", binary] if proxy in ("sheaf", "vs") else [])]


def answers(kind, pause):
    """How long a client waits for answers."""
    words = ("--kind", kind, "--pauses", str(pause), "--questions", "60")
    return Script(f"answer-{kind}-{pause}", "answers.py", words, ("--questions", "3"), 5.5 + 0.06 * pause,
                  {"sheaf": "Sheaf", "vs": "Sheaf"})


def bytes_a_message(load, spread, once=False):
    """Bytes of what a stock client gets. `once`: Sheaf compresses each message once, by itself."""
    column = "once" if once else "shipped"
    return Script(f"bytes-{load}-{spread}" + ("-once" if once else ""), "bytes.py",
                  ("--only", f"^{load}, {spread}, one by one$"), ("--quick",), 5,
                  {"direct": "direct", "sheaf": column, "vs": column}, fixed=True)


def fresh(bottleneck):
    """How old quotes are."""
    return Script(f"fresh-{bottleneck}", "fresh.py", ("--way", "plain", "--bottleneck", bottleneck, "--seconds", "14"),
                  ("--seconds", "2", "--skip", "1"), 15, needs=("ip", "tc", "unshare", "nsenter"))


SCRIPTS = [
    *(answers(kind, pause) for kind in ("cork", "json") for pause in ANSWER_PAUSES),
    *(bytes_a_message(load, "per user") for load in OWN_MESSAGES),
    *(bytes_a_message(load, "broadcast", once) for load in BROADCASTS for once in (False, True)),
    fresh("server"),
    fresh("router"),
    Script("idle-cpu", "idle_cpu.py", ("--seconds", "25", "--settle", "30"),
           ("--clients", "50", "--seconds", "0.3", "--settle", "0.1"), 62, programs=True),
]
