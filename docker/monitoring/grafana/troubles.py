"""The rows of Grafana's dashboard that are open: what is now, and the four troubles (proxy/operating.md)."""

from __future__ import annotations

from panels import BYTES, COUNT, LEVELS, ON_OFF, PER_SECOND, SECONDS, SHARE, Panel, Row, quantile, quotient, rate

BROKEN = (
    'reason=~"client_gone|client_ping_timeout|client_stalled|client_too_slow|upstream_gone|upstream_protocol_error'
    '|upstream_connect_failed|upstream_timeout|upstream_tls_error"'
)
# Of five minutes, as in prometheus/sheaf.rules.yml, and whether that file is loaded or not.
BROKEN_NOW = f"sum by (instance) (increase(sheaf_websocket_closes_total{{$s, {BROKEN}}}[5m]))"
ALL_NOW = "sum by (instance) (sheaf_websocket_sessions{$s}) + sum by (instance) (increase(sheaf_websocket_closes_total{$s}[5m]))"

NOW = Row(
    "Now",
    [
        Panel(
            "Not ready",
            "Sheafs whose /readyz fails: no load balancer sends clients there. Draining ones are among them.",
            COUNT,
            [("count(sheaf_ready{$s} == 0) or vector(0)", "")],
            kind="stat",
            width=4,
            act=1,
        ),
        Panel("Sessions", "WebSockets that are open.", COUNT, [("sum(sheaf_websocket_sessions{$s})", "")], kind="stat", width=4),
        Panel(
            "Messages to clients",
            "WebSocket messages a second.",
            PER_SECOND,
            [("sum(rate(sheaf_messages_to_clients_total{$s}[$w]))", "")],
            kind="stat",
            width=4,
        ),
        Panel(
            "Requests refused",
            "Requests a second that Sheaf answered itself: why, under Traffic.",
            PER_SECOND,
            [("sum(rate(sheaf_refusals_total{$s}[$w]))", "")],
            kind="stat",
            width=4,
        ),
        Panel(
            "Memory",
            "Of the limit, where most of it is in use. Yellow: moderate; red: critical, with the percentages as shipped.",
            SHARE,
            [("max(sheaf_memory_used_bytes{$s} / sheaf_memory_limit_bytes{$s})", "")],
            kind="stat",
            width=4,
            watch=0.6,
            act=0.8,
        ),
        Panel(
            "Backends unreachable",
            "Sheafs for which some backend has no endpoint that answers.",
            COUNT,
            [("count(sheaf_upstream_up{$s} == 0) or vector(0)", "")],
            kind="stat",
            width=4,
            act=1,
        ),
        Panel(
            "Alerts that fire",
            "Of prometheus/sheaf.rules.yml. What each means and what to do first: docker/monitoring/README.md.",
            COUNT,
            [
                (
                    'max by (alertname, severity) (ALERTS{alertname=~"Sheaf.+", alertstate="firing"})',
                    "{{alertname}} ({{severity}})",
                )
            ],
            kind="state-timeline",
            width=24,
            values={1: ("fires", "red")},
        ),
    ],
)

POOL = Row(
    "Pool exhausted",
    [
        Panel(
            "Connections in use",
            "Of those that there may be to each endpoint (pool.max_size). Yellow where the alert SheafPoolNearlyExhausted begins.",
            SHARE,
            [
                (
                    'sheaf_endpoint_links{$s, state="active"}'
                    " / ignoring(backend, endpoint, state) group_left sheaf_pool_max_links{$s}",
                    "{{instance}} {{endpoint}}",
                )
            ],
            watch=0.9,
            act=1,
            most=1,
        ),
        Panel(
            "Requests that wait",
            "For a connection to the backend: a few, while theirs are dialled. Many, where an endpoint has all that it may have.",
            COUNT,
            [("sum by (instance) (sheaf_pool_waiting{$s})", "{{instance}}")],
        ),
        Panel(
            "Refused and closed for it",
            "Clients a second that got 503 or a Close 1013 with the reason pool_exhausted.",
            PER_SECOND,
            [
                (rate("sheaf_refusals_total", "instance", 'reason="pool_exhausted"'), "{{instance}} refused"),
                (rate("sheaf_websocket_closes_total", "instance", 'reason="pool_exhausted"'), "{{instance}} closed"),
            ],
            act=0.001,
        ),
        Panel(
            "Connections by state",
            "To all endpoints. active: leased; idle: ready.",
            COUNT,
            [("sum by (state) (sheaf_pool_links{$s})", "{{state}}")],
            stacked=True,
        ),
        Panel(
            "A connection was at hand",
            "Of all leases. Low where most traffic is WebSockets and none are kept warm.",
            SHARE,
            [
                (quotient("sheaf_pool_ready_total", "sheaf_pool_acquired_total"), "stood ready"),
                (quotient("sheaf_pool_reused_total", "sheaf_pool_acquired_total"), "served again"),
            ],
            most=1,
        ),
        Panel(
            "File descriptors",
            "Of the most that the process may open: a WebSocket takes two.",
            SHARE,
            [("process_open_fds{$s} / process_max_fds{$s}", "{{instance}}")],
            watch=0.9,
            act=0.97,
            most=1,
        ),
    ],
)

MEMORY = Row(
    "Memory high",
    [
        Panel(
            "Memory",
            "What is held against the limit, and what of it are sockets in the kernel.",
            BYTES,
            [
                ("sheaf_memory_used_bytes{$s}", "{{instance}} in use"),
                ("sheaf_memory_limit_bytes{$s}", "{{instance}} limit"),
                ("sheaf_memory_sockets_bytes{$s}", "{{instance}} sockets"),
            ],
        ),
        Panel(
            "Level",
            "Each level adds steps of relief (memwatch/README.md): from high on idle sessions are closed, then nobody is let in.",
            COUNT,
            [("max by (instance) (sheaf_memory_level{$s})", "{{instance}}")],
            kind="state-timeline",
            values=LEVELS,
        ),
        Panel(
            "Turned away for it",
            "Sessions closed with 1013 and requests refused with 503, a second.",
            PER_SECOND,
            [
                (rate("sheaf_websocket_closes_total", "instance", 'reason="memory_shed"'), "{{instance}} closed"),
                (rate("sheaf_refusals_total", "instance", 'reason="memory_critical"'), "{{instance}} refused"),
            ],
            act=0.001,
        ),
        Panel(
            "What it is used for",
            "As far as Sheaf counts it: queues, messages gathered, compression, the table of Engine.IO sessions.",
            BYTES,
            [
                ("sum(sheaf_queued_bytes{$s})", "queued"),
                ("sum(sheaf_buffered_bytes{$s})", "gathered"),
                ("sum(sheaf_deflate_context_bytes{$s})", "contexts"),
                ("sum(sheaf_cohort_bytes{$s})", "cohorts"),
                ("sum(sheaf_affinity_bytes{$s})", "affinity"),
            ],
            stacked=True,
        ),
        Panel(
            "Steps of relief",
            "Taken, a second; of shed_idle and shed_by_cost clients cut off.",
            PER_SECOND,
            [(rate("sheaf_memory_relief_total", "step"), "{{step}}")],
        ),
        Panel(
            "Slow clients",
            "Times a second that the backend was not read, since a client's queue was full (limits.buffer_high).",
            PER_SECOND,
            [(rate("sheaf_backpressure_pauses_total", "instance", 'side="upstream"'), "{{instance}}")],
        ),
    ],
)

LATENCY = Row(
    "Latency high",
    [
        Panel(
            "Wait for a batch",
            "Of the oldest message in it. Yellow and red where the alert SheafBatchDelayHigh begins, unless a rate holds clients"
            " back (batching.max_rate, max_bytes_rate; under Batching): then it is long on purpose.",
            SECONDS,
            [
                (quantile(0.5, "sheaf_batch_delay_seconds", ", instance"), "{{instance}} p50"),
                (quantile(0.99, "sheaf_batch_delay_seconds", ", instance"), "{{instance}} p99"),
            ],
            watch=0.1,
            act=0.25,
        ),
        Panel(
            "Wait for a connection",
            "To the backend. Yellow and red where the alert SheafPoolSlow begins, which looks at the mean.",
            SECONDS,
            [
                (
                    quotient("sheaf_pool_acquire_seconds_sum", "sheaf_pool_acquire_seconds_count", " by (instance)"),
                    "{{instance}} mean",
                ),
                (quantile(0.99, "sheaf_pool_acquire_seconds", ", instance"), "{{instance}} p99"),
            ],
            watch=0.05,
            act=0.25,
        ),
        Panel(
            "Requests",
            "From the head to the end of the answer, 95th percentile by route. Long polls and event streams are to be long.",
            SECONDS,
            [(quantile(0.95, "sheaf_http_request_duration_seconds", ", route"), "{{route}}")],
        ),
        Panel(
            "Slow backend",
            "Times a second that a client was not read, since the backend did not take what it had sent.",
            PER_SECOND,
            [(rate("sheaf_backpressure_pauses_total", "instance", 'side="client"'), "{{instance}}")],
        ),
        Panel(
            "CPU",
            "Cores in use, and the worker threads.",
            COUNT,
            [
                ("sum by (instance) (rate(process_cpu_seconds_total{$s}[$w]))", "{{instance}} cores"),
                ("sheaf_workers{$s}", "{{instance}} workers"),
            ],
        ),
        Panel(
            "Busy workers",
            "From half of their CPU on: they gather for longer (batching.timeout) for clients without an envelope. The alert"
            " SheafCpuShort begins where all are, and CPU is short besides.",
            COUNT,
            [("sheaf_workers_busy{$s}", "{{instance}}")],
            watch=1,
        ),
    ],
)

CONNECTIONS = Row(
    "Many stale or broken connections",
    [
        Panel(
            "Share that breaks",
            "In 5 minutes, of all sessions. Yellow and red where the alert SheafConnectionsBreak begins, if there are 10.",
            SHARE,
            [(f"{BROKEN_NOW} / ({ALL_NOW})", "{{instance}}")],
            watch=0.1,
            act=0.25,
        ),
        Panel(
            "Broken sessions",
            "A second. client_ping_timeout and client_gone: their network; client_stalled: they stopped reading.",
            PER_SECOND,
            [(f"sum by (reason) (rate(sheaf_websocket_closes_total{{$s, {BROKEN}}}[$w])) > 0", "{{reason}}")],
        ),
        Panel(
            "Backend reachable",
            "no: some backend has no endpoint that answers, and its clients get 503.",
            COUNT,
            [("max by (instance) (sheaf_upstream_up{$s})", "{{instance}}")],
            kind="state-timeline",
            values=ON_OFF,
        ),
        Panel(
            "Connections that failed",
            "To the backend, and health checks, a second.",
            PER_SECOND,
            [
                (rate("sheaf_pool_failed_total", "instance"), "{{instance}} connections"),
                (rate("sheaf_health_checks_total", "instance", 'result="failed"'), "{{instance}} health checks"),
            ],
            act=0.001,
        ),
        Panel(
            "Unused connections closed",
            "By reason, a second. upstream_closed: the backend's keep-alive, harmless.",
            PER_SECOND,
            [("sum by (reason) (rate(sheaf_pool_evicted_total{$s}[$w])) > 0", "{{reason}}")],
        ),
        Panel(
            "Length of sessions",
            "From the handshake to the end, of those that ended.",
            SECONDS,
            [
                (quantile(0.5, "sheaf_websocket_session_duration_seconds"), "p50"),
                (quantile(0.05, "sheaf_websocket_session_duration_seconds"), "p5"),
            ],
        ),
    ],
)

ROWS = [NOW, POOL, MEMORY, LATENCY, CONNECTIONS]
