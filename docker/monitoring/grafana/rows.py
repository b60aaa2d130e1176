"""What Sheaf's Grafana dashboard shows: its rows, and in them its panels. dashboard.py gives them their form.

In an expression `$s` stands for the targets that the dashboard's variables choose, and `$w` for the window of a rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SECONDS, BYTES, BYTES_PER_SECOND, SHARE, PER_SECOND, COUNT = "s", "bytes", "Bps", "percentunit", "ops", "short"
ON_OFF = {0: ("no", "red"), 1: ("yes", "green")}
OFF_ON = {0: ("no", "green"), 1: ("yes", "orange")}
LEVELS = {0: ("normal", "green"), 1: ("moderate", "yellow"), 2: ("high", "orange"), 3: ("critical", "red")}
FEW, HALF, THIRD = 6, 12, 8  # of the 24 columns


@dataclass
class Panel:
    """`queries`: expression and legend of each line. `watch`, `act`: from which value on it is yellow, and red.
    `values`: text and colour of each value, for kinds other than timeseries."""

    title: str
    description: str
    unit: str
    queries: list[tuple[str, str]]
    kind: str = "timeseries"
    width: int = THIRD
    watch: float | None = None
    act: float | None = None
    stacked: bool = False
    most: float | None = None
    values: dict[int, tuple[str, str]] = field(default_factory=dict)


@dataclass
class Row:
    """`closed`: its panels ask for nothing until somebody opens it."""

    title: str
    panels: list[Panel]
    closed: bool = False


def quantile(q: float, histogram: str, by: str = "") -> str:
    """Of a histogram in the window, by `le` and these labels."""
    return f"histogram_quantile({q}, sum by (le{by}) (rate({histogram}_bucket{{$s}}[$w])))"


def quotient(over: str, under: str, by: str = "") -> str:
    """Of two counters' rates; `over` and `under` may have a selector of their own behind the name."""
    sums = [f"sum{by} (rate({one if '{' in one else one + '{$s}'}[$w]))" for one in (over, under)]
    return " / ".join(sums)


def rate(counter: str, by: str, *labels: str) -> str:
    """A second, summed by `by`; `labels`: more matchers."""
    return f"sum by ({by}) (rate({counter}{{{', '.join(('$s', *labels))}}}[$w]))"


BROKEN = (
    'reason=~"client_gone|client_ping_timeout|client_stalled|client_too_slow|upstream_gone|upstream_protocol_error'
    '|upstream_connect_failed|upstream_timeout|upstream_tls_error"'
)
# Of five minutes, as in prometheus/sheaf.rules.yml, and whether that file is loaded or not.
BROKEN_NOW = f"sum by (instance) (increase(sheaf_websocket_closes_total{{$s, {BROKEN}}}[5m])) + sum by (instance) (increase(sheaf_pool_failed_total{{$s}}[5m]))"
ALL_NOW = (
    "sum by (instance) (sheaf_websocket_sessions{$s}) + sum by (instance) (increase(sheaf_websocket_closes_total{$s}[5m]))"
    " + sum by (instance) (increase(sheaf_pool_failed_total{$s}[5m]))"
)

NOW = Row("Now", [
    Panel("Not ready", "Sheafs whose /readyz fails: no load balancer sends clients there. Draining ones are among them.", COUNT,
          [("count(sheaf_ready{$s} == 0) or vector(0)", "")], kind="stat", width=4, act=1),
    Panel("Sessions", "WebSockets that are open.", COUNT, [("sum(sheaf_websocket_sessions{$s})", "")], kind="stat", width=4),
    Panel("Messages to clients", "WebSocket messages a second.", PER_SECOND, [("sum(rate(sheaf_messages_to_clients_total{$s}[$w]))", "")], kind="stat", width=4),
    Panel("Requests refused", "Requests a second that Sheaf answered itself: why, under Traffic.", PER_SECOND,
          [("sum(rate(sheaf_refusals_total{$s}[$w]))", "")], kind="stat", width=4),
    Panel("Memory", "Of the limit, where most of it is in use. Yellow: moderate; red: critical, with the percentages as shipped.", SHARE,
          [("max(sheaf_memory_used_bytes{$s} / sheaf_memory_limit_bytes{$s})", "")], kind="stat", width=4, watch=0.6, act=0.8),
    Panel("Backends unreachable", "Sheafs for which some backend has no endpoint that answers.", COUNT,
          [("count(sheaf_upstream_up{$s} == 0) or vector(0)", "")], kind="stat", width=4, act=1),
    Panel("Alerts that fire", "Of prometheus/sheaf.rules.yml. What each means and what to do first: docker/monitoring/README.md.", COUNT,
          [('max by (alertname, severity) (ALERTS{alertname=~"Sheaf.+", alertstate="firing"})', "{{alertname}} ({{severity}})")],
          kind="state-timeline", width=24, values={1: ("fires", "red")}),
])

POOL = Row("Pool exhausted", [
    Panel("Connections in use", "Of those that there may be to each endpoint (pool.max_size). Yellow where the alert SheafPoolNearlyExhausted begins.", SHARE,
          [('sheaf_endpoint_links{$s, state="active"} / ignoring(backend, endpoint, state) group_left sheaf_pool_max_links{$s}', "{{instance}} {{endpoint}}")],
          watch=0.9, act=1, most=1),
    Panel("Requests that wait", "For a connection to the backend, since all are in use. Above 0: the pool is exhausted.", COUNT,
          [("sum by (instance) (sheaf_pool_waiting{$s})", "{{instance}}")], watch=1),
    Panel("Refused and closed for it", "Clients a second that got 503 or a Close 1013 with the reason pool_exhausted.", PER_SECOND,
          [(rate("sheaf_refusals_total", "instance", 'reason="pool_exhausted"'), "{{instance}} refused"),
           (rate("sheaf_websocket_closes_total", "instance", 'reason="pool_exhausted"'), "{{instance}} closed")], act=0.001),
    Panel("Connections by state", "To all endpoints. active: leased; idle: ready.", COUNT,
          [("sum by (state) (sheaf_pool_links{$s})", "{{state}}")], stacked=True),
    Panel("A connection was at hand", "Of all leases. Low where most traffic is WebSockets and none are kept warm.", SHARE,
          [(quotient("sheaf_pool_ready_total", "sheaf_pool_acquired_total"), "stood ready"),
           (quotient("sheaf_pool_reused_total", "sheaf_pool_acquired_total"), "served again")], most=1),
    Panel("File descriptors", "Of the most that the process may open: a WebSocket takes two.", SHARE,
          [('process_open_fds{$s} / process_max_fds{$s}', "{{instance}}")], watch=0.9, act=0.97, most=1),
])

MEMORY = Row("Memory high", [
    Panel("Memory", "What is held against the limit, and what of it are sockets in the kernel.", BYTES,
          [("sheaf_memory_used_bytes{$s}", "{{instance}} in use"), ("sheaf_memory_limit_bytes{$s}", "{{instance}} limit"),
           ("sheaf_memory_sockets_bytes{$s}", "{{instance}} sockets")]),
    Panel("Level", "Each level adds steps of relief (memwatch/README.md): from high on idle sessions are closed, at critical new clients are refused.", COUNT,
          [("max by (instance) (sheaf_memory_level{$s})", "{{instance}}")], kind="state-timeline", values=LEVELS),
    Panel("Turned away for it", "Sessions closed with 1013 and requests refused with 503, a second.", PER_SECOND,
          [(rate("sheaf_websocket_closes_total", "instance", 'reason="memory_shed"'), "{{instance}} closed"),
           (rate("sheaf_refusals_total", "instance", 'reason="memory_critical"'), "{{instance}} refused")], act=0.001),
    Panel("What it is used for", "As far as Sheaf counts it: queues for clients and backends, messages gathered, compression, the table of Engine.IO sessions.", BYTES,
          [("sum(sheaf_queued_bytes{$s})", "queued"), ("sum(sheaf_buffered_bytes{$s})", "gathered"),
           ("sum(sheaf_deflate_context_bytes{$s})", "contexts"), ("sum(sheaf_cohort_bytes{$s})", "cohorts"),
           ("sum(sheaf_affinity_bytes{$s})", "affinity")], stacked=True),
    Panel("Steps of relief", "Taken, a second; of shed_idle and shed_by_cost clients cut off.", PER_SECOND,
          [(rate("sheaf_memory_relief_total", "step"), "{{step}}")]),
    Panel("Slow clients", "Times a second that the backend was not read, since a client's queue was full (limits.buffer_high).", PER_SECOND,
          [(rate("sheaf_backpressure_pauses_total", "instance", 'side="upstream"'), "{{instance}}")]),
])

LATENCY = Row("Latency high", [
    Panel("Wait for a batch", "Of the oldest message in it. Yellow and red where the alert SheafBatchDelayHigh begins.", SECONDS,
          [(quantile(0.5, "sheaf_batch_delay_seconds", ", instance"), "{{instance}} p50"),
           (quantile(0.99, "sheaf_batch_delay_seconds", ", instance"), "{{instance}} p99")], watch=0.1, act=0.25),
    Panel("Wait for a connection", "To the backend. Yellow and red where the alert SheafPoolSlow begins, which looks at the mean.", SECONDS,
          [(quotient("sheaf_pool_acquire_seconds_sum", "sheaf_pool_acquire_seconds_count", " by (instance)"), "{{instance}} mean"),
           (quantile(0.99, "sheaf_pool_acquire_seconds", ", instance"), "{{instance}} p99")], watch=0.05, act=0.25),
    Panel("Requests", "From the head to the end of the answer, 95th percentile by route. Long polls and event streams are to be long.", SECONDS,
          [(quantile(0.95, "sheaf_http_request_duration_seconds", ", route"), "{{route}}")]),
    Panel("Slow backend", "Times a second that a client was not read, since the backend did not take what it had sent.", PER_SECOND,
          [(rate("sheaf_backpressure_pauses_total", "instance", 'side="client"'), "{{instance}}")]),
    Panel("CPU", "Cores in use, and the worker threads.", COUNT,
          [("sum by (instance) (rate(process_cpu_seconds_total{$s}[$w]))", "{{instance}} cores"), ("sheaf_workers{$s}", "{{instance}} workers")]),
    Panel("Workers short of CPU", "They gather for longer (batching.timeout) for clients without an envelope.", COUNT,
          [("sheaf_workers_busy{$s}", "{{instance}}")], watch=1),
])

CONNECTIONS = Row("Many stale or broken connections", [
    Panel("Share that breaks", "In 5 minutes, of all that were open. Yellow and red where the alert SheafConnectionsBreak begins, if there are 10.", SHARE,
          [(f"({BROKEN_NOW}) / ({ALL_NOW})", "{{instance}}")], watch=0.1, act=0.25),
    Panel("Broken sessions", "A second. client_ping_timeout and client_gone: their network; client_stalled: they stopped reading; upstream: the backend.", PER_SECOND,
          [(f"sum by (reason) (rate(sheaf_websocket_closes_total{{$s, {BROKEN}}}[$w])) > 0", "{{reason}}")]),
    Panel("Backend reachable", "no: some backend has no endpoint that answers, and its clients get 503.", COUNT,
          [("max by (instance) (sheaf_upstream_up{$s})", "{{instance}}")], kind="state-timeline", values=ON_OFF),
    Panel("Connections that failed", "To the backend, and health checks, a second.", PER_SECOND,
          [(rate("sheaf_pool_failed_total", "instance"), "{{instance}} connections"),
           (rate("sheaf_health_checks_total", "instance", 'result="failed"'), "{{instance}} health checks")], act=0.001),
    Panel("Unused connections closed", "By reason, a second. upstream_closed: the backend's keep-alive, harmless.", PER_SECOND,
          [("sum by (reason) (rate(sheaf_pool_evicted_total{$s}[$w])) > 0", "{{reason}}")]),
    Panel("Length of sessions", "From the handshake to the end, of those that ended.", SECONDS,
          [(quantile(0.5, "sheaf_websocket_session_duration_seconds"), "p50"), (quantile(0.05, "sheaf_websocket_session_duration_seconds"), "p5")]),
])

TRAFFIC = Row("Traffic", [
    Panel("Sessions by route", "WebSockets that are open.", COUNT, [("sum by (route) (sheaf_route_websocket_sessions{$s})", "{{route}}")], stacked=True),
    Panel("Clients that come", "A second.", PER_SECOND,
          [("sum(rate(sheaf_client_connections_accepted_total{$s}[$w]))", "connections"), ("sum(rate(sheaf_websocket_sessions_opened_total{$s}[$w]))", "WebSockets")]),
    Panel("Messages", "Of WebSockets, a second.", PER_SECOND,
          [("sum(rate(sheaf_messages_to_clients_total{$s}[$w]))", "to clients"), ("sum(rate(sheaf_messages_to_upstream_total{$s}[$w]))", "to the backend"),
           (rate("sheaf_pushed_messages_total", "type"), "pushed, {{type}}"), ("sum(rate(sheaf_pushes_refused_total{$s}[$w]))", "pushes refused")]),
    Panel("Bytes at sockets", "A second, TLS and frames included.", BYTES_PER_SECOND,
          [("sum(rate(sheaf_client_sent_bytes_total{$s}[$w]))", "to clients"), ("sum(rate(sheaf_client_received_bytes_total{$s}[$w]))", "from clients"),
           ("sum(rate(sheaf_upstream_sent_bytes_total{$s}[$w]))", "to the backend"), ("sum(rate(sheaf_upstream_received_bytes_total{$s}[$w]))", "from the backend")]),
    Panel("Requests", "Answered, a second, by class of the status; a WebSocket handshake is a 1xx.", PER_SECOND,
          [(rate("sheaf_http_requests_total", "status"), "{{status}}")], stacked=True),
    Panel("Refusals", "By reason, a second: the log and the body of the answer have the same word.", PER_SECOND,
          [("sum by (reason) (rate(sheaf_refusals_total{$s}[$w])) > 0", "{{reason}}")]),
    Panel("TLS handshakes", "With clients, a second.", PER_SECOND,
          [("sum(rate(sheaf_tls_handshakes_total{$s}[$w]))", "succeeded"), ("sum(rate(sheaf_tls_resumptions_total{$s}[$w]))", "of these resumed"),
           ("sum(rate(sheaf_tls_failures_total{$s}[$w]))", "failed")]),
    Panel("Connections", "Of clients, and the requests under way on them.", COUNT,
          [("sum(sheaf_client_connections{$s})", "connections"), ("sum(sheaf_http_requests_active{$s})", "requests")]),
    Panel("Accepting paused", "Times a second: descriptors, memory or listen.max_connections ran out.", PER_SECOND,
          [(rate("sheaf_client_accept_pauses_total", "instance"), "{{instance}}")], act=0.001),
])

BATCHING = Row("Batching and compression", [
    Panel("Messages in a batch", "On average.", COUNT, [(quotient("sheaf_batch_size_sum", "sheaf_batch_size_count"), "mean")]),
    Panel("Why batches leave", "A second. timeout: the window was over; at_once: there was none; pressure: memory.", PER_SECOND,
          [("sum by (reason) (rate(sheaf_batch_flushes_total{$s}[$w])) > 0", "{{reason}}")], stacked=True),
    Panel("Batches by form", "A second. cork: frames as they came, in one write.", PER_SECOND, [(rate("sheaf_batches_total", "form"), "{{form}}")], stacked=True),
    Panel("Bytes that are left", "Of what was gathered, and of what was compressed.", SHARE,
          [(quotient("sheaf_batch_output_bytes_total", "sheaf_batch_input_bytes_total"), "after batching"),
           (quotient("sheaf_deflate_output_bytes_total", "sheaf_deflate_input_bytes_total"), "after compression"),
           (quotient("sheaf_inflate_input_bytes_total", "sheaf_inflate_output_bytes_total"), "of what clients compressed")]),
    Panel("Bytes that are left, by route", "For clients that agreed on compression.", SHARE,
          [(quotient("sheaf_deflate_route_output_bytes_total", "sheaf_deflate_route_input_bytes_total", " by (route)"), "{{route}}")]),
    Panel("Encoded once for many", "Of all frames, those that had been encoded for another session already.", SHARE,
          [("sum(rate(sheaf_encodings_shared_total{$s}[$w])) / (sum(rate(sheaf_encodings_total{$s}[$w])) + sum(rate(sheaf_encodings_shared_total{$s}[$w])))", "shared")], most=1),
    Panel("Compressed frames by context", "A second: what they refer to (batching/cohorts.md).", PER_SECOND,
          [(rate("sheaf_deflate_frames_total", "context"), "{{context}}"), ("sum(rate(sheaf_deflate_contexts_refused_total{$s}[$w]))", "no room for a context")], stacked=True),
    Panel("Moves in cohorts", "Messages for many a second, by what they did to a client's place.", PER_SECOND, [(rate("sheaf_cohort_moves_total", "move"), "{{move}}")], stacked=True),
    Panel("Contexts, lines, held clients", "Clients with a context of their own, lines that many share, clients that a rate holds back.", COUNT,
          [("sum(sheaf_deflate_contexts{$s})", "contexts"), ("sum(sheaf_cohort_lines{$s})", "lines"), ("sum(sheaf_held_clients{$s})", "held clients"),
           ("sum(sheaf_buffered_messages{$s})", "messages gathered")]),
    Panel("Messages that rules took", "A second: dropped since the client was too slow, given a newer one's place, or sent at once.", PER_SECOND,
          [(rate("sheaf_dropped_messages_total", "route"), "{{route}} dropped"), (rate("sheaf_conflated_messages_total", "route, rule"), "{{route}} conflated by {{rule}}"),
           (rate("sheaf_critical_messages_total", "route, rule"), "{{route}} critical by {{rule}}")], width=24),
], closed=True)

BACKENDS = Row("Backends", [
    Panel("Endpoints up", "no: the last attempt failed, or nobody has tried.", COUNT,
          [("max by (instance, backend, endpoint) (sheaf_endpoint_up{$s})", "{{instance}} {{backend}} {{endpoint}}")], kind="state-timeline", values=ON_OFF, width=HALF),
    Panel("Endpoints drained", "They get nothing new until somebody undrains them.", COUNT,
          [("max by (instance, backend, endpoint) (sheaf_endpoint_draining{$s})", "{{instance}} {{backend}} {{endpoint}}")], kind="state-timeline", values=OFF_ON, width=HALF),
    Panel("Sessions by endpoint", "WebSockets, Engine.IO sessions that poll, and requests.", COUNT, [("sum by (backend, endpoint) (sheaf_endpoint_sessions{$s})", "{{backend}} {{endpoint}}")]),
    Panel("Requests by endpoint", "And WebSocket handshakes, a second.", PER_SECOND, [(rate("sheaf_endpoint_requests_total", "backend, endpoint"), "{{backend}} {{endpoint}}")]),
    Panel("Failures by endpoint", "Failed connects and health checks, a second.", PER_SECOND, [(rate("sheaf_endpoint_failures_total", "backend, endpoint"), "{{backend}} {{endpoint}}")], act=0.001),
    Panel("Second attempts", "Requests a second that went to another endpoint, or were sent again.", PER_SECOND,
          [("sum(rate(sheaf_pool_failovers_total{$s}[$w]))", "failovers"), ("sum(rate(sheaf_pool_retries_total{$s}[$w]))", "retries")]),
    Panel("Mux links", "By state, and the WebSockets that share them, those that wait for credit among them.", COUNT,
          [("sum by (state) (sheaf_mux_links{$s})", "{{state}}"), ("sum(sheaf_mux_sessions{$s})", "sessions"), ("sum(sheaf_mux_streams_waiting{$s})", "sessions that wait")]),
    Panel("Mux links made, and failed", "A second. no_mux: the backend does not speak it.", PER_SECOND,
          [("sum(rate(sheaf_mux_links_opened_total{$s}[$w]))", "ready"), (rate("sheaf_mux_links_failed_total", "cause"), "failed, {{cause}}")]),
    Panel("Sessions a broadcast reaches", "Messages over mux links that are for many are received once.", COUNT,
          [(quotient("sheaf_mux_multicast_deliveries_total", "sheaf_mux_multicasts_total"), "factor")]),
    Panel("Engine.IO sessions", "Whose endpoint is known by their sid.", COUNT, [("sum(sheaf_affinity_sessions{$s})", "known")]),
    Panel("Engine.IO sessions forgotten", "A second. evicted and unlearnt: for want of room or memory; unknown: requests that went where balance says.", PER_SECOND,
          [("sum(rate(sheaf_affinity_evicted_total{$s}[$w]))", "evicted"), ("sum(rate(sheaf_affinity_unlearnt_total{$s}[$w]))", "unlearnt"),
           ("sum(rate(sheaf_affinity_expired_total{$s}[$w]))", "expired"), ("sum(rate(sheaf_affinity_unknown_total{$s}[$w]))", "unknown")], width=16),
], closed=True)

CLOSES = Row("Closes by reason", [
    Panel("Sessions ended", "By reason, a second: the access log has the same word as end=.", PER_SECOND,
          [("sum by (reason) (rate(sheaf_websocket_closes_total{$s}[$w])) > 0", "{{reason}}")], stacked=True),
    Panel("Sessions ended, by code", "The first Close that was seen or sent, and who ended the session.", PER_SECOND,
          [("sum by (code, by) (rate(sheaf_websocket_close_codes_total{$s}[$w])) > 0", "{{code}} by {{by}}")], stacked=True),
    Panel("Client connections ended", "By reason, a second, those of HTTP among them.", PER_SECOND,
          [("sum by (reason) (rate(sheaf_client_closes_total{$s}[$w])) > 0", "{{reason}}")], stacked=True),
], closed=True)

PROCESS = Row("Process, configuration, log", [
    Panel("Log lines dropped", "A second, since whatever reads stderr is too slow or gone.", PER_SECOND, [(rate("sheaf_log_dropped_total", "instance"), "{{instance}}")], act=0.001),
    Panel("Reloads", "In the time that is shown.", COUNT,
          [("sum by (instance) (increase(sheaf_reload_total{$s}[$__range]))", "{{instance}} took effect"),
           ("sum by (instance) (increase(sheaf_reload_failed_total{$s}[$__range]))", "{{instance}} failed")], kind="stat"),
    Panel("Last reload took effect", "no: the configuration before it is in force.", COUNT, [("sheaf_reload_last_successful{$s}", "{{instance}}")], kind="state-timeline", values=ON_OFF),
    Panel("Generation", "Of the configuration: one more at each reload.", COUNT, [("sheaf_generation{$s}", "{{instance}}")]),
    Panel("Plans", "Routes times workers; more while sessions use an earlier configuration.", COUNT, [("sheaf_route_plans{$s}", "{{instance}}")]),
    Panel("Configuration since", "When it was read.", "dateTimeFromNow", [("sheaf_reload_last_success_timestamp_seconds{$s} * 1000", "{{instance}}")], kind="stat"),
    Panel("Runs since", "Of the process; it may have been restarted.", "dateTimeFromNow", [("process_start_time_seconds{$s} * 1000", "{{instance}}")], kind="stat"),
    Panel("Certificate expires in", "The first of those for clients.", SECONDS, [("(sheaf_tls_certificate_expiry_timestamp_seconds{$s} > 0) - time()", "{{instance}}")], kind="stat"),
    Panel("Draining", "No new clients come.", COUNT, [("sheaf_draining{$s}", "{{instance}}")], kind="state-timeline", values=OFF_ON),
    Panel("Alive", "no: a worker hangs (/livez).", COUNT, [("sheaf_live{$s}", "{{instance}}")], kind="state-timeline", values=ON_OFF),
    Panel("Readings of memory", "A second; for stalls that the kernel reports and for queues that grow, at once.", PER_SECOND,
          [("sum(rate(sheaf_memory_looks_total{$s}[$w]))", "all"), ("sum(rate(sheaf_memory_stalls_total{$s}[$w]))", "stalls"), ("sum(rate(sheaf_memory_hints_total{$s}[$w]))", "queues"),
           (rate("sheaf_memory_webhooks_total", "result"), "webhooks {{result}}")]),
    Panel("Versions", "Of the program that runs.", COUNT, [("count by (version, commit) (sheaf_build_info{$s})", "{{version}} {{commit}}")], kind="stat"),
], closed=True)

ROWS = [NOW, POOL, MEMORY, LATENCY, CONNECTIONS, TRAFFIC, BATCHING, BACKENDS, CLOSES, PROCESS]
