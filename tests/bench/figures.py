"""What is made of the figures of one run; None where it has none."""


def cpu_a_message(run):
    """Of the measured processes, in µs."""
    return run["cpu_us"] / run["messages"] if run["messages"] else None


def beside_cpu_a_message(run):
    """Of those beside them, in µs."""
    return run["beside_cpu_us"] / run["messages"] if run["messages"] else None


def both_cpu_a_message(run):
    """Of both, in µs."""
    return (run["cpu_us"] + run.get("beside_cpu_us", 0)) / run["messages"] if run["messages"] else None


def messages_a_second(run):
    """That arrived."""
    return run["messages"] / run["seconds"] if run["messages"] else None


def bytes_a_connection(run):
    """Of the measured processes."""
    return run["pss_growth"] / run["grown_by"] if run.get("grown_by") else None


def beside_bytes_a_connection(run):
    """Of those beside them."""
    return run["beside_pss_growth"] / run["grown_by"] if run.get("grown_by") else None


def group_bytes_a_connection(run):
    """Of the control group that all of them are in."""
    return run["group_growth"] / run["grown_by"] if run.get("group_growth") and run.get("grown_by") else None


def messages_a_frame(run):
    """At the client."""
    return run["messages"] / run["frames"] if run.get("frames") else None


def wire_bytes_a_message(run):
    """Of frames to the client."""
    return run["bytes"] / run["messages"] if run["messages"] else None


def upstream_bytes_a_message(run):
    """From the backend."""
    return run["upstream_bytes"] / run["received"] if run.get("upstream_bytes") and run["received"] else None


def milliseconds(key):
    """Of a figure that the generator tells in µs."""
    return lambda run: run[key] / 1000 if run["messages"] else None


def told(key):
    """A figure as the run's own program tells it."""
    return lambda run: run.get(key)
