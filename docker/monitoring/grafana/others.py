"""The rows of Grafana's dashboard below the four troubles; all but the first are closed."""

from __future__ import annotations

from panels import BYTES_PER_SECOND, COUNT, HALF, OFF_ON, ON_OFF, PER_SECOND, SECONDS, SHARE, Panel, Row, quotient, rate

TRAFFIC = Row(
    "Traffic",
    [
        Panel(
            "Sessions by route",
            "WebSockets that are open.",
            COUNT,
            [("sum by (route) (sheaf_route_websocket_sessions{$s})", "{{route}}")],
            stacked=True,
        ),
        Panel(
            "Clients that come",
            "A second.",
            PER_SECOND,
            [
                ("sum(rate(sheaf_client_connections_accepted_total{$s}[$w]))", "connections"),
                ("sum(rate(sheaf_websocket_sessions_opened_total{$s}[$w]))", "WebSockets"),
            ],
        ),
        Panel(
            "Messages",
            "Of WebSockets, a second.",
            PER_SECOND,
            [
                ("sum(rate(sheaf_messages_to_clients_total{$s}[$w]))", "to clients"),
                ("sum(rate(sheaf_messages_to_upstream_total{$s}[$w]))", "to the backend"),
                (rate("sheaf_pushed_messages_total", "type"), "pushed, {{type}}"),
                ("sum(rate(sheaf_pushes_refused_total{$s}[$w]))", "pushes refused"),
            ],
        ),
        Panel(
            "Bytes at sockets",
            "A second, TLS and frames included.",
            BYTES_PER_SECOND,
            [
                ("sum(rate(sheaf_client_sent_bytes_total{$s}[$w]))", "to clients"),
                ("sum(rate(sheaf_client_received_bytes_total{$s}[$w]))", "from clients"),
                ("sum(rate(sheaf_upstream_sent_bytes_total{$s}[$w]))", "to the backend"),
                ("sum(rate(sheaf_upstream_received_bytes_total{$s}[$w]))", "from the backend"),
            ],
        ),
        Panel(
            "Requests",
            "Answered, a second, by class of the status; a WebSocket handshake is a 1xx.",
            PER_SECOND,
            [(rate("sheaf_http_requests_total", "status"), "{{status}}")],
            stacked=True,
        ),
        Panel(
            "Refusals",
            "By reason, a second: the log and the body of the answer have the same word.",
            PER_SECOND,
            [("sum by (reason) (rate(sheaf_refusals_total{$s}[$w])) > 0", "{{reason}}")],
        ),
        Panel(
            "TLS handshakes",
            "With clients, a second.",
            PER_SECOND,
            [
                ("sum(rate(sheaf_tls_handshakes_total{$s}[$w]))", "succeeded"),
                ("sum(rate(sheaf_tls_resumptions_total{$s}[$w]))", "of these resumed"),
                ("sum(rate(sheaf_tls_failures_total{$s}[$w]))", "failed"),
            ],
        ),
        Panel(
            "Connections",
            "Of clients, and the requests under way on them.",
            COUNT,
            [("sum(sheaf_client_connections{$s})", "connections"), ("sum(sheaf_http_requests_active{$s})", "requests")],
        ),
        Panel(
            "Accepting paused",
            "Times a second: descriptors, memory or listen.max_connections ran out.",
            PER_SECOND,
            [(rate("sheaf_client_accept_pauses_total", "instance"), "{{instance}}")],
            act=0.001,
        ),
    ],
)

BATCHING = Row(
    "Batching and compression",
    [
        Panel(
            "Messages in a batch", "On average.", COUNT, [(quotient("sheaf_batch_size_sum", "sheaf_batch_size_count"), "mean")]
        ),
        Panel(
            "Why batches leave",
            "A second. timeout: the window was over; at_once: there was none; pressure: memory.",
            PER_SECOND,
            [("sum by (reason) (rate(sheaf_batch_flushes_total{$s}[$w])) > 0", "{{reason}}")],
            stacked=True,
        ),
        Panel(
            "Batches by form",
            "A second. cork: frames as they came, in one write.",
            PER_SECOND,
            [(rate("sheaf_batches_total", "form"), "{{form}}")],
            stacked=True,
        ),
        Panel(
            "Bytes that are left",
            "Of what was gathered, and of what was compressed.",
            SHARE,
            [
                (quotient("sheaf_batch_output_bytes_total", "sheaf_batch_input_bytes_total"), "after batching"),
                (quotient("sheaf_deflate_output_bytes_total", "sheaf_deflate_input_bytes_total"), "after compression"),
                (quotient("sheaf_inflate_input_bytes_total", "sheaf_inflate_output_bytes_total"), "of what clients compressed"),
            ],
        ),
        Panel(
            "Bytes that are left, by route",
            "For clients that agreed on compression.",
            SHARE,
            [
                (
                    quotient("sheaf_deflate_route_output_bytes_total", "sheaf_deflate_route_input_bytes_total", " by (route)"),
                    "{{route}}",
                )
            ],
        ),
        Panel(
            "Encoded once for many",
            "Of all frames, those that had been encoded for another session already.",
            SHARE,
            [
                (
                    "sum(rate(sheaf_encodings_shared_total{$s}[$w]))"
                    " / (sum(rate(sheaf_encodings_total{$s}[$w])) + sum(rate(sheaf_encodings_shared_total{$s}[$w])))",
                    "shared",
                )
            ],
            most=1,
        ),
        Panel(
            "Compressed frames by context",
            "A second: what they refer to (batching/cohorts.md).",
            PER_SECOND,
            [
                (rate("sheaf_deflate_frames_total", "context"), "{{context}}"),
                ("sum(rate(sheaf_deflate_contexts_refused_total{$s}[$w]))", "no room for a context"),
            ],
            stacked=True,
        ),
        Panel(
            "Moves in cohorts",
            "Messages for many a second, by what they did to a client's place.",
            PER_SECOND,
            [(rate("sheaf_cohort_moves_total", "move"), "{{move}}")],
            stacked=True,
        ),
        Panel(
            "Contexts, lines, held clients",
            "Clients with a context of their own, lines that many share, clients that a rate holds back.",
            COUNT,
            [
                ("sum(sheaf_deflate_contexts{$s})", "contexts"),
                ("sum(sheaf_cohort_lines{$s})", "lines"),
                ("sum(sheaf_held_clients{$s})", "held clients"),
                ("sum(sheaf_buffered_messages{$s})", "messages gathered"),
            ],
        ),
        Panel(
            "Messages that rules took",
            "A second: dropped since the client was too slow, given a newer one's place, or sent at once.",
            PER_SECOND,
            [
                (rate("sheaf_dropped_messages_total", "route"), "{{route}} dropped"),
                (rate("sheaf_conflated_messages_total", "route, rule"), "{{route}} conflated by {{rule}}"),
                (rate("sheaf_critical_messages_total", "route, rule"), "{{route}} critical by {{rule}}"),
            ],
            width=24,
        ),
    ],
    closed=True,
)

BACKENDS = Row(
    "Backends",
    [
        Panel(
            "Endpoints up",
            "no: the last attempt failed, or nobody has tried.",
            COUNT,
            [("max by (instance, backend, endpoint) (sheaf_endpoint_up{$s})", "{{instance}} {{backend}} {{endpoint}}")],
            kind="state-timeline",
            values=ON_OFF,
            width=HALF,
        ),
        Panel(
            "Endpoints drained",
            "They get nothing new until somebody undrains them.",
            COUNT,
            [("max by (instance, backend, endpoint) (sheaf_endpoint_draining{$s})", "{{instance}} {{backend}} {{endpoint}}")],
            kind="state-timeline",
            values=OFF_ON,
            width=HALF,
        ),
        Panel(
            "Sessions by endpoint",
            "WebSockets, Engine.IO sessions that poll, and requests.",
            COUNT,
            [("sum by (backend, endpoint) (sheaf_endpoint_sessions{$s})", "{{backend}} {{endpoint}}")],
        ),
        Panel(
            "Requests by endpoint",
            "And WebSocket handshakes, a second.",
            PER_SECOND,
            [(rate("sheaf_endpoint_requests_total", "backend, endpoint"), "{{backend}} {{endpoint}}")],
        ),
        Panel(
            "Failures by endpoint",
            "Failed connects and health checks, a second.",
            PER_SECOND,
            [(rate("sheaf_endpoint_failures_total", "backend, endpoint"), "{{backend}} {{endpoint}}")],
            act=0.001,
        ),
        Panel(
            "Second attempts",
            "Requests a second that went to another endpoint, or were sent again.",
            PER_SECOND,
            [
                ("sum(rate(sheaf_pool_failovers_total{$s}[$w]))", "failovers"),
                ("sum(rate(sheaf_pool_retries_total{$s}[$w]))", "retries"),
            ],
        ),
        Panel(
            "Mux links",
            "By state, and the WebSockets that share them, those that wait for credit among them.",
            COUNT,
            [
                ("sum by (state) (sheaf_mux_links{$s})", "{{state}}"),
                ("sum(sheaf_mux_sessions{$s})", "sessions"),
                ("sum(sheaf_mux_streams_waiting{$s})", "sessions that wait"),
            ],
        ),
        Panel(
            "Mux links made, and failed",
            "A second. no_mux: the backend does not speak it.",
            PER_SECOND,
            [
                ("sum(rate(sheaf_mux_links_opened_total{$s}[$w]))", "ready"),
                (rate("sheaf_mux_links_failed_total", "cause"), "failed, {{cause}}"),
            ],
        ),
        Panel(
            "Sessions a broadcast reaches",
            "Messages over mux links that are for many are received once.",
            COUNT,
            [(quotient("sheaf_mux_multicast_deliveries_total", "sheaf_mux_multicasts_total"), "factor")],
        ),
        Panel(
            "Engine.IO sessions", "Whose endpoint is known by their sid.", COUNT, [("sum(sheaf_affinity_sessions{$s})", "known")]
        ),
        Panel(
            "Engine.IO sessions forgotten",
            "A second. evicted and unlearnt: for want of room or memory; unknown: requests that went where balance says.",
            PER_SECOND,
            [
                ("sum(rate(sheaf_affinity_evicted_total{$s}[$w]))", "evicted"),
                ("sum(rate(sheaf_affinity_unlearnt_total{$s}[$w]))", "unlearnt"),
                ("sum(rate(sheaf_affinity_expired_total{$s}[$w]))", "expired"),
                ("sum(rate(sheaf_affinity_unknown_total{$s}[$w]))", "unknown"),
            ],
            width=16,
        ),
    ],
    closed=True,
)

CLOSES = Row(
    "Closes by reason",
    [
        Panel(
            "Sessions ended",
            "By reason, a second: the access log has the same word as end=.",
            PER_SECOND,
            [("sum by (reason) (rate(sheaf_websocket_closes_total{$s}[$w])) > 0", "{{reason}}")],
            stacked=True,
        ),
        Panel(
            "Sessions ended, by code",
            "The first Close that was seen or sent, and who ended the session.",
            PER_SECOND,
            [("sum by (code, by) (rate(sheaf_websocket_close_codes_total{$s}[$w])) > 0", "{{code}} by {{by}}")],
            stacked=True,
        ),
        Panel(
            "Client connections ended",
            "By reason, a second, those of HTTP among them.",
            PER_SECOND,
            [("sum by (reason) (rate(sheaf_client_closes_total{$s}[$w])) > 0", "{{reason}}")],
            stacked=True,
        ),
    ],
    closed=True,
)

PROCESS = Row(
    "Process, configuration, log",
    [
        Panel(
            "Log lines dropped",
            "A second, since whatever reads stderr is too slow or gone.",
            PER_SECOND,
            [(rate("sheaf_log_dropped_total", "instance"), "{{instance}}")],
            act=0.001,
        ),
        Panel(
            "Reloads",
            "In the time that is shown.",
            COUNT,
            [
                ("sum by (instance) (increase(sheaf_reload_total{$s}[$__range]))", "{{instance}} took effect"),
                ("sum by (instance) (increase(sheaf_reload_failed_total{$s}[$__range]))", "{{instance}} failed"),
            ],
            kind="stat",
        ),
        Panel(
            "Last reload took effect",
            "no: the configuration before it is in force.",
            COUNT,
            [("sheaf_reload_last_successful{$s}", "{{instance}}")],
            kind="state-timeline",
            values=ON_OFF,
        ),
        Panel("Generation", "Of the configuration: one more at each reload.", COUNT, [("sheaf_generation{$s}", "{{instance}}")]),
        Panel(
            "Plans",
            "Routes times workers; more while sessions use an earlier configuration.",
            COUNT,
            [("sheaf_route_plans{$s}", "{{instance}}")],
        ),
        Panel(
            "Configuration since",
            "When it was read.",
            "dateTimeFromNow",
            [("sheaf_reload_last_success_timestamp_seconds{$s} * 1000", "{{instance}}")],
            kind="stat",
        ),
        Panel(
            "Runs since",
            "Of the process; it may have been restarted.",
            "dateTimeFromNow",
            [("process_start_time_seconds{$s} * 1000", "{{instance}}")],
            kind="stat",
        ),
        Panel(
            "Certificate expires in",
            "The first of those for clients.",
            SECONDS,
            [("(sheaf_tls_certificate_expiry_timestamp_seconds{$s} > 0) - time()", "{{instance}}")],
            kind="stat",
        ),
        Panel(
            "Draining",
            "No new clients come.",
            COUNT,
            [("sheaf_draining{$s}", "{{instance}}")],
            kind="state-timeline",
            values=OFF_ON,
        ),
        Panel(
            "Alive",
            "no: a worker hangs (/livez).",
            COUNT,
            [("sheaf_live{$s}", "{{instance}}")],
            kind="state-timeline",
            values=ON_OFF,
        ),
        Panel(
            "Readings of memory",
            "A second; for stalls that the kernel reports and for queues that grow, at once.",
            PER_SECOND,
            [
                ("sum(rate(sheaf_memory_looks_total{$s}[$w]))", "all"),
                ("sum(rate(sheaf_memory_stalls_total{$s}[$w]))", "stalls"),
                ("sum(rate(sheaf_memory_hints_total{$s}[$w]))", "queues"),
                (rate("sheaf_memory_webhooks_total", "result"), "webhooks {{result}}"),
            ],
        ),
        Panel(
            "Versions",
            "Of the program that runs.",
            COUNT,
            [("count by (version, commit) (sheaf_build_info{$s})", "{{version}} {{commit}}")],
            kind="stat",
        ),
    ],
    closed=True,
)

ROWS = [TRAFFIC, BATCHING, BACKENDS, CLOSES, PROCESS]
