// One row a metric: kind, member of WorkerMetrics, Prometheus name, labels, help.
//
// metrics.h expands the rows into the workers' counter blocks and their sums, prometheus.cc into text. A new metric is
// a row here, its use, and a line in conf/METRICS.md (tests/check_docs.sh compares). Names follow Prometheus'
// conventions: `sheaf_` in front, base units (seconds, bytes), `_total` behind every counter.
//
// Kinds:
//   COUNTER(member, name, help)                      only grows
//   GAUGE(member, name, help)                        a level; the process's value is the workers' sum
//   GAUGE_MAX(member, name, help)                    a level; the process's value is the greatest of the workers'
//   COUNTERS(member, name, key, Labels, help)        one counter a value of the label `key`
//   GAUGES(member, name, key, Labels, help)          one gauge a value of the label `key`
//   HISTOGRAM(member, name, Buckets, help)           observations in buckets
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/pressure.h"
#include "proxy/base/status.h"

namespace sheaf {

// The values that a label can take, in the order of the enum that indexes it.
struct CloseReasonLabels {
  static constexpr size_t kCount = kCloseReasonCount;
  static constexpr std::string_view At(size_t i) { return kCloseReasonRows[i].label; }
};

struct RefuseReasonLabels {
  static constexpr size_t kCount = kRefuseReasonCount;
  static constexpr std::string_view At(size_t i) { return kRefuseReasonRows[i].label; }
};

enum class StatusClass : uint8_t { k1xx, k2xx, k3xx, k4xx, k5xx };
struct StatusClassLabels {
  static constexpr std::array<std::string_view, 5> kValues = {"1xx", "2xx", "3xx", "4xx", "5xx"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};
// A status outside 100..599 is the proxy's own mistake and counts as 5xx.
constexpr StatusClass StatusClassOf(int status) {
  return status >= 100 && status < 600 ? static_cast<StatusClass>(status / 100 - 1) : StatusClass::k5xx;
}

enum class Side : uint8_t { kClient, kUpstream };
struct SideLabels {
  static constexpr std::array<std::string_view, 2> kValues = {"client", "upstream"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};

enum class CheckResult : uint8_t { kPassed, kFailed };
struct CheckResultLabels {
  static constexpr std::array<std::string_view, 2> kValues = {"passed", "failed"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};

// In the order of pool::LinkState, which indexes them.
struct LinkStateLabels {
  static constexpr std::array<std::string_view, 6> kValues = {"connecting", "idle",  "active",
                                                              "draining",   "stale", "broken"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};

// Of a link that many sessions share.
enum class MuxLinkState : uint8_t {
  kOpening,  // dialled, and asked for
  kReady,
  kLeaving,  // its sessions go on, and no new ones come
};
struct MuxLinkStateLabels {
  static constexpr std::array<std::string_view, 3> kValues = {"opening", "ready", "leaving"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};

// How such a link's attempt to come about failed.
enum class MuxFailure : uint8_t {
  kUnreachable,  // no connection, or none that lasted: what a session of its own would find out as well
  kExhausted,    // pool.max_size
  kNoMux,        // the backend answered, and does not speak mux
};
struct MuxFailureLabels {
  static constexpr std::array<std::string_view, 3> kValues = {"unreachable", "exhausted", "no_mux"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};

// Why what was gathered for a client left.
enum class FlushReason : uint8_t {
  kTimeout,   // the window was over
  kAtOnce,    // there was no window: the messages of one turn
  kSize,      // batching.size
  kBytes,     // batching.max_bytes
  kCritical,  // a critical rule
  kAlone,     // a message that the envelope cannot carry
  kDrained,   // the client's socket took no more; now it does
  kControl,   // a Close or a ping of the backend
  kEnd,       // the session ends, or a drain begins
  kPressure,  // memory
  kOperator,  // POST /flush
};
struct FlushReasonLabels {
  static constexpr std::array<std::string_view, 11> kValues = {
      "timeout", "at_once", "size", "bytes", "critical", "alone", "drained", "control", "end", "pressure", "operator"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};

// How soon a pushed message leaves (message_type of POST /api/messages).
enum class Urgency : uint8_t {
  kIndividual,  // as a message of the backend: it may be gathered where that is worth it
  kBatch,       // gathered, up to batching.timeout
  kCritical,    // at once, with what is gathered before it
};
struct UrgencyLabels {
  static constexpr std::array<std::string_view, 3> kValues = {"individual", "batch", "critical"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};

// The form in which a batch left: frames as they came in one write, or an envelope (in the order of Envelope).
enum class BatchForm : uint8_t { kCork, kJson, kBinary, kEngineIo, kSocketIoEvent };
struct BatchFormLabels {
  static constexpr std::array<std::string_view, 5> kValues = {"cork", "json", "binary", "engineio", "socketio-event"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};

// What a compressed frame refers to: earlier messages in a context of the client's own, or in one of a line of messages
// that many clients got, of a window of so many bits; the last bytes that the client got; or nothing.
enum class FrameContext : uint8_t { kOwn, kLine15, kLine12, kLine10, kTail, kNone };
struct FrameContextLabels {
  static constexpr std::array<std::string_view, 6> kValues = {"own", "line_15", "line_12", "line_10", "tail", "none"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};

// What a message did to a client's place in lines of messages (batching/cohorts.md). From kHop on the client strayed.
enum class CohortMove : uint8_t { kFollow, kAppend, kBranch, kRepair, kFork, kHop, kBegin, kAlone };
struct CohortMoveLabels {
  static constexpr std::array<std::string_view, 8> kValues = {"follow", "append", "branch", "repair",
                                                              "fork",   "hop",    "begin",  "alone"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};

// The code of a session's Close as a label: those that RFC 6455 and its registry give a meaning, the ranges that are
// for frameworks and applications, and the rest. "none": the session ended without a Close.
struct CloseCodeLabels {
  static constexpr std::array<std::string_view, 17> kValues = {"none", "1000", "1001", "1002", "1003", "1005",
                                                               "1007", "1008", "1009", "1010", "1011", "1012",
                                                               "1013", "1014", "3xxx", "4xxx", "other"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
  static constexpr size_t IndexOf(uint16_t code) {
    constexpr std::array<uint16_t, 14> kCodes = {0,    1000, 1001, 1002, 1003, 1005, 1007,
                                                 1008, 1009, 1010, 1011, 1012, 1013, 1014};
    for (size_t i = 0; i < kCodes.size(); ++i) {
      if (kCodes[i] == code) return i;
    }
    if (code >= 3000 && code < 5000) return kCodes.size() + (code < 4000 ? 0 : 1);
    return kCount - 1;
  }
};

// Who ended a session: with a Close, or by ending the connection.
enum class Closer : uint8_t { kClient, kUpstream, kSheaf };
struct CloserLabels {
  static constexpr std::array<std::string_view, 3> kValues = {"client", "upstream", "sheaf"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};
constexpr Closer CloserOf(CloseReason reason) {
  switch (reason) {
    case CloseReason::kClientClosed:
    case CloseReason::kClientGone:
      return Closer::kClient;
    case CloseReason::kUpstreamClosed:
    case CloseReason::kUpstreamGone:
      return Closer::kUpstream;
    default:
      return Closer::kSheaf;
  }
}

// A pair of labels: every value of First with every value of Second, whose key is kSecondKey.
enum class CloseEnd : uint8_t {};
struct CloseEndLabels {
  using First = CloseCodeLabels;
  using Second = CloserLabels;
  static constexpr std::string_view kSecondKey = "by";
  static constexpr size_t kCount = First::kCount * Second::kCount;
};
constexpr CloseEnd CloseEndOf(uint16_t code, CloseReason reason) {
  return static_cast<CloseEnd>(CloseCodeLabels::IndexOf(code) * CloserLabels::kCount +
                               static_cast<size_t>(CloserOf(reason)));
}

// Upper bounds of a histogram, in the unit that is observed (of times, Tick); kPerUnit of it make the exported base
// unit. A division gives the double that is next to the decimal bound; a product with 1e-9 does not.
struct BatchSizeBuckets {
  static constexpr double kPerUnit = 1;
  static constexpr std::array<uint64_t, 10> kBounds = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};
};

// From 100 microseconds to 10 seconds, which is the longest batching.timeout.
struct BatchDelayBuckets {
  using Tick = std::chrono::nanoseconds;
  static constexpr double kPerUnit = 1e9;
  static constexpr std::array<uint64_t, 12> kBounds = {100'000,     1'000'000,   5'000'000,     10'000'000,
                                                       25'000'000,  50'000'000,  75'000'000,    100'000'000,
                                                       250'000'000, 500'000'000, 1'000'000'000, 10'000'000'000};
};

// From 10 microseconds (a warm link is at hand) to 10 seconds (pool.acquire_timeout and beyond).
struct AcquireSecondsBuckets {
  using Tick = std::chrono::nanoseconds;
  static constexpr double kPerUnit = 1e9;
  static constexpr std::array<uint64_t, 19> kBounds = {
      10'000,      25'000,        50'000,        100'000,       250'000,       500'000,     1'000'000,
      2'500'000,   5'000'000,     10'000'000,    25'000'000,    50'000'000,    100'000'000, 250'000'000,
      500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};
};

// From 1 millisecond to a minute. Downloads and event streams last longer, and many of them side by side: in
// nanoseconds their sum would soon be too large.
struct RequestSecondsBuckets {
  using Tick = std::chrono::microseconds;
  static constexpr double kPerUnit = 1e6;
  static constexpr std::array<uint64_t, 15> kBounds = {1'000,     2'500,     5'000,      10'000,     25'000,
                                                       50'000,    100'000,   250'000,    500'000,    1'000'000,
                                                       2'500'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000};
};

// From a second (a page that is left at once) to a week.
struct SessionSecondsBuckets {
  using Tick = std::chrono::milliseconds;
  static constexpr double kPerUnit = 1e3;
  static constexpr std::array<uint64_t, 11> kBounds = {
      1'000, 10'000, 30'000, 60'000, 300'000, 900'000, 3'600'000, 14'400'000, 43'200'000, 86'400'000, 604'800'000};
};

// clang-format off
#define SHEAF_METRICS(COUNTER, GAUGE, GAUGE_MAX, COUNTERS, GAUGES, HISTOGRAM)                                          \
  GAUGE(client_connections, "sheaf_client_connections", "Client connections open now.")                                \
  COUNTER(client_connections_accepted_total, "sheaf_client_connections_accepted_total",                                \
          "Client connections accepted.")                                                                              \
  COUNTER(client_accept_pauses_total, "sheaf_client_accept_pauses_total",                                              \
          "Times accepting paused because descriptors, memory or listen.max_connections ran out.")                     \
  COUNTERS(client_closes_total, "sheaf_client_closes_total", "reason", CloseReasonLabels,                              \
           "Client connections closed, by reason.")                                                                    \
  COUNTER(client_received_bytes_total, "sheaf_client_received_bytes_total",                                            \
          "Bytes read from clients' sockets.")                                                                         \
  COUNTER(client_sent_bytes_total, "sheaf_client_sent_bytes_total", "Bytes written to clients' sockets.")              \
  COUNTER(tls_handshakes_total, "sheaf_tls_handshakes_total", "TLS handshakes with clients that succeeded.")           \
  COUNTER(tls_resumptions_total, "sheaf_tls_resumptions_total",                                                        \
          "TLS handshakes with clients that resumed an earlier session.")                                              \
  COUNTER(tls_failures_total, "sheaf_tls_failures_total", "TLS handshakes with clients that failed.")                  \
  GAUGE(tls_certificate_expiry, "sheaf_tls_certificate_expiry_timestamp_seconds",                                      \
        "When the first of the certificates for clients expires, in seconds since 1970; 0 where there is none.")       \
  GAUGE(http_requests_active, "sheaf_http_requests_active", "HTTP requests being served now.")                         \
  COUNTERS(refusals_total, "sheaf_refusals_total", "reason", RefuseReasonLabels,                                         \
           "Requests that the proxy answered itself instead of passing them on, by reason.")                           \
  COUNTER(forwarded_removed_total, "sheaf_forwarded_removed_total",                                                    \
          "Requests whose forwarding fields were removed, since their sender is not a trusted proxy.")                 \
  COUNTER(underscore_fields_removed_total, "sheaf_underscore_fields_removed_total",                                    \
          "Request fields with an underscore in their name that were removed.")                                        \
  GAUGE(websocket_sessions, "sheaf_websocket_sessions", "WebSocket sessions open now.")                                \
  COUNTER(websocket_sessions_opened_total, "sheaf_websocket_sessions_opened_total", "WebSocket sessions opened.")      \
  COUNTERS(websocket_closes_total, "sheaf_websocket_closes_total", "reason", CloseReasonLabels,                        \
           "WebSocket sessions closed, by reason.")                                                                    \
  COUNTERS(websocket_close_codes_total, "sheaf_websocket_close_codes_total", "code", CloseEndLabels,                   \
           "WebSocket sessions closed, by the first Close code that was seen or sent, and by who ended them.")         \
  HISTOGRAM(websocket_session_seconds, "sheaf_websocket_session_duration_seconds", SessionSecondsBuckets,              \
            "Time from the handshake to the end of a WebSocket session.")                                              \
  COUNTER(messages_to_clients_total, "sheaf_messages_to_clients_total",                                                \
          "WebSocket messages passed on to clients.")                                                                  \
  COUNTER(messages_to_upstream_total, "sheaf_messages_to_upstream_total",                                              \
          "WebSocket messages passed on to the backend.")                                                              \
  COUNTER(message_bytes_to_clients_total, "sheaf_message_bytes_to_clients_total",                                      \
          "Payload bytes of WebSocket messages passed on to clients.")                                                 \
  COUNTER(message_bytes_to_upstream_total, "sheaf_message_bytes_to_upstream_total",                                    \
          "Payload bytes of WebSocket messages passed on to the backend.")                                             \
  COUNTERS(pushed_messages_total, "sheaf_pushed_messages_total", "type", UrgencyLabels,                                \
           "Messages pushed over the admin listener that sessions took, by message_type.")                             \
  COUNTER(pushes_refused_total, "sheaf_pushes_refused_total",                                                          \
          "Pushed messages that a session did not take, since too much waited for its client.")                        \
  COUNTERS(batch_flushes_total, "sheaf_batch_flushes_total", "reason", FlushReasonLabels,                              \
           "Times what was gathered for a client left, by reason.")                                                    \
  COUNTERS(batches_total, "sheaf_batches_total", "form", BatchFormLabels,                                              \
           "Batches sent: frames as they came in one write (cork), or one frame in an envelope.")                      \
  COUNTERS(batched_messages_total, "sheaf_batched_messages_total", "form", BatchFormLabels,                            \
           "Messages in these batches.")                                                                               \
  HISTOGRAM(batch_size, "sheaf_batch_size", BatchSizeBuckets, "Messages in a batch.")                                  \
  HISTOGRAM(batch_delay_seconds, "sheaf_batch_delay_seconds", BatchDelayBuckets,                                       \
            "Time that the oldest message of a batch waited.")                                                         \
  GAUGE(deflate_contexts, "sheaf_deflate_contexts", "Clients that have a compression context of their own now.")       \
  GAUGE(deflate_context_bytes, "sheaf_deflate_context_bytes", "Memory of these contexts.")                             \
  COUNTER(deflate_contexts_refused_total, "sheaf_deflate_contexts_refused_total",                                      \
          "Frames compressed by themselves, since there was no room for a context (deflate.max_context_bytes).")       \
  COUNTERS(deflate_frames_total, "sheaf_deflate_frames_total", "context", FrameContextLabels,                          \
           "Compressed frames sent, by what they refer to: a context of the client's own, one of 15, 12 or 10 bits "   \
           "that many share, the client's last bytes, nothing.")                                                       \
  COUNTERS(cohort_moves_total, "sheaf_cohort_moves_total", "move", CohortMoveLabels,                                   \
           "Messages for many, by what they did to a client's place in lines of messages (batching/cohorts.md).")      \
  COUNTER(cohort_merges_total, "sheaf_cohort_merges_total",                                                            \
          "Lines given up for another one that came to end with the same messages.")                                  \
  GAUGE(cohort_lines, "sheaf_cohort_lines", "Lines of messages that clients share a context of.")                      \
  GAUGE(cohort_bytes, "sheaf_cohort_bytes", "Memory of these lines, their contexts and the frames made of them.")      \
  GAUGE(workers_busy, "sheaf_workers_busy",                                                                            \
        "Workers whose clients without an envelope wait for batching.timeout, since CPU is short.")                    \
  GAUGE(buffered_messages, "sheaf_buffered_messages", "Messages gathered and not yet sent.")                           \
  GAUGE(buffered_bytes, "sheaf_buffered_bytes", "Their payload bytes, incomplete messages included.")                  \
  GAUGE(held_clients, "sheaf_held_clients", "Clients for whom batching.max_rate or max_bytes_rate holds messages back.") \
  COUNTER(batch_input_bytes_total, "sheaf_batch_input_bytes_total",                                                    \
          "Payload bytes of the messages that were gathered and sent.")                                                \
  COUNTER(batch_output_bytes_total, "sheaf_batch_output_bytes_total",                                                  \
          "Bytes of the frames that they were sent in.")                                                               \
  COUNTER(encodings_total, "sheaf_encodings_total", "Frames that were encoded.")                                       \
  COUNTER(encodings_shared_total, "sheaf_encodings_shared_total",                                                      \
          "Frames that had been encoded already, for another session.")                                                \
  COUNTER(deflate_messages_total, "sheaf_deflate_messages_total", "Frames that were compressed.")                      \
  COUNTER(deflate_input_bytes_total, "sheaf_deflate_input_bytes_total", "Payload bytes before compression.")           \
  COUNTER(deflate_output_bytes_total, "sheaf_deflate_output_bytes_total", "Payload bytes after compression.")          \
  COUNTER(inflate_messages_total, "sheaf_inflate_messages_total", "Compressed messages that clients sent.")            \
  COUNTER(inflate_input_bytes_total, "sheaf_inflate_input_bytes_total", "Their payload bytes as they came.")           \
  COUNTER(inflate_output_bytes_total, "sheaf_inflate_output_bytes_total", "Their payload bytes inflated.")             \
  COUNTER(client_pings_total, "sheaf_client_pings_total", "WebSocket pings sent to clients by the proxy.")             \
  COUNTERS(backpressure_pauses_total, "sheaf_backpressure_pauses_total", "side", SideLabels,                           \
           "Times reading from this side paused because the other side did not keep up.")                              \
  COUNTER(upstream_received_bytes_total, "sheaf_upstream_received_bytes_total",                                        \
          "Bytes read from the backend's sockets.")                                                                    \
  COUNTER(upstream_sent_bytes_total, "sheaf_upstream_sent_bytes_total", "Bytes written to the backend's sockets.")     \
  GAUGE_MAX(upstream_up, "sheaf_upstream_up", "1 while the backend can be reached, else 0.")                           \
  COUNTERS(health_checks_total, "sheaf_health_checks_total", "result", CheckResultLabels,                              \
           "Health checks of the backend, by result.")                                                                 \
  GAUGES(pool_links, "sheaf_pool_links", "state", LinkStateLabels, "Connections to the backend, by state.")            \
  GAUGE(pool_max_links, "sheaf_pool_max_links", "Connections that there may be to each endpoint: pool.max_size.")      \
  GAUGE(pool_waiting, "sheaf_pool_waiting", "Requests that wait for a connection to the backend now.")                 \
  COUNTER(pool_acquired_total, "sheaf_pool_acquired_total", "Leases of a connection to the backend.")                  \
  COUNTER(pool_created_total, "sheaf_pool_created_total", "Connections to the backend that were established.")         \
  COUNTER(pool_ready_total, "sheaf_pool_ready_total",                                                                  \
          "Leases served at once by a connection that already stood, unused or not.")                                  \
  COUNTER(pool_reused_total, "sheaf_pool_reused_total", "Leases of a connection that had served an earlier one.")      \
  COUNTER(pool_failed_total, "sheaf_pool_failed_total", "Connections to the backend that could not be established.")   \
  COUNTERS(pool_evicted_total, "sheaf_pool_evicted_total", "reason", CloseReasonLabels,                                \
           "Unused connections to the backend that were closed, by reason.")                                           \
  GAUGES(mux_links, "sheaf_mux_links", "state", MuxLinkStateLabels, "Mux links to the backend, by state.")             \
  GAUGE(mux_sessions, "sheaf_mux_sessions", "WebSockets that share mux links, handshakes among them.")                 \
  GAUGE(mux_streams_waiting, "sheaf_mux_streams_waiting",                                                              \
        "WebSockets that share mux links, and have something to send up that waits for credit or its turn.")                            \
  COUNTER(mux_links_opened_total, "sheaf_mux_links_opened_total", "Mux links that became ready.")                      \
  COUNTERS(mux_links_failed_total, "sheaf_mux_links_failed_total", "cause", MuxFailureLabels,                          \
           "Mux links that did not become ready, by cause; no_mux: the backend does not speak it.")                                 \
  COUNTER(mux_streams_opened_total, "sheaf_mux_streams_opened_total", "Handshakes of WebSockets sent over mux links.") \
  COUNTER(mux_frames_sent_total, "sheaf_mux_frames_sent_total", "Frames sent over mux links.")                         \
  COUNTER(mux_records_sent_total, "sheaf_mux_records_sent_total", "Records sent over mux links.")                                  \
  COUNTER(mux_records_received_total, "sheaf_mux_records_received_total", "Records received over mux links.")          \
  COUNTER(mux_multicasts_total, "sheaf_mux_multicasts_total", "Messages for several sessions received over mux links.")              \
  COUNTER(mux_multicast_deliveries_total, "sheaf_mux_multicast_deliveries_total",                                      \
          "Sessions that these messages were for: over sheaf_mux_multicasts_total, the factor.")                                 \
  GAUGE(affinity_sessions, "sheaf_affinity_sessions", "Engine.IO sessions whose endpoint is known by their sid.")      \
  GAUGE(affinity_bytes, "sheaf_affinity_bytes", "Memory that the table of Engine.IO sessions takes.")                  \
  COUNTER(affinity_learnt_total, "sheaf_affinity_learnt_total",                                                        \
          "Engine.IO sessions learnt from the answers to their handshakes.")                                           \
  COUNTER(affinity_expired_total, "sheaf_affinity_expired_total",                                                      \
          "Engine.IO sessions forgotten since they were unused for their ping interval and time-out.")                 \
  COUNTER(affinity_evicted_total, "sheaf_affinity_evicted_total",                                                      \
          "Engine.IO sessions forgotten for want of room in the table.")                                               \
  COUNTER(affinity_unlearnt_total, "sheaf_affinity_unlearnt_total",                                                    \
          "Engine.IO sessions that were not learnt, for want of memory or since their sid is too long.")               \
  COUNTER(affinity_unknown_total, "sheaf_affinity_unknown_total",                                                      \
          "Requests with a sid that is not known, which went where balance says.")                                     \
  COUNTER(pool_failovers_total, "sheaf_pool_failovers_total",                                                          \
          "Requests that went to another endpoint because the first one could not be reached, or ended with them.")    \
  COUNTER(pool_retries_total, "sheaf_pool_retries_total",                                                              \
          "Requests sent a second time because their connection ended before an answer.")                              \
  HISTOGRAM(pool_acquire_seconds, "sheaf_pool_acquire_seconds", AcquireSecondsBuckets,                                 \
            "Time that a request waited for a connection to the backend.")                                             \
  GAUGE(queued_bytes, "sheaf_queued_bytes",                                                                            \
        "Bytes written to sockets, of clients and of the backend, that the kernel has not taken yet.")                 \
  GAUGE(memory_used_bytes, "sheaf_memory_used_bytes", "Memory in use, as it is held against the limit.")               \
  GAUGE(memory_limit_bytes, "sheaf_memory_limit_bytes", "The limit that is in force.")                                 \
  GAUGE(memory_sockets_bytes, "sheaf_memory_sockets_bytes", "Kernel memory of sockets, as the cgroup counts it.")      \
  GAUGE(memory_level, "sheaf_memory_level", "Memory pressure: 0 normal, 1 moderate, 2 high, 3 critical.")              \
  COUNTER(memory_looks_total, "sheaf_memory_looks_total", "Readings of memory.")                                       \
  COUNTER(memory_stalls_total, "sheaf_memory_stalls_total",                                                            \
          "Stalls for want of memory that the kernel reported (PSI); each caused a reading at once.")                  \
  COUNTER(memory_hints_total, "sheaf_memory_hints_total",                                                              \
          "Readings at once because much had been queued or gathered since the last one.")                             \
  COUNTERS(memory_level_changes_total, "sheaf_memory_level_changes_total", "level", PressureLevelLabels,               \
           "Changes of the level of memory pressure, by the new level.")                                               \
  COUNTERS(memory_relief_total, "sheaf_memory_relief_total", "step", ReliefStepLabels,                                 \
           "Steps taken to save memory; of shed_idle and shed_by_cost, clients cut off.")                              \
  COUNTERS(memory_relief_bytes_total, "sheaf_memory_relief_bytes_total", "step", ReliefStepLabels,                     \
           "Bytes given back by these steps, as far as they can be counted.")                                          \
  COUNTERS(memory_webhooks_total, "sheaf_memory_webhooks_total", "result", CheckResultLabels,                          \
           "Posts of changes of the level to memory.webhook, by result.")                                              \
  COUNTER(log_dropped_total, "sheaf_log_dropped_total",                                                                \
          "Log lines dropped because the reader of stderr did not keep up, hung or was gone.")                         \
  COUNTER(reload_total, "sheaf_reload_total", "Reloads of the configuration that took effect.")                        \
  COUNTER(reload_failed_total, "sheaf_reload_failed_total",                                                            \
          "Reloads that left everything as it was, since something in the configuration is wrong.")                    \
  GAUGE(generation, "sheaf_generation", "Number of the configuration in force: 1 at start, one more at each reload.")  \
  GAUGE(reload_success_timestamp, "sheaf_reload_last_success_timestamp_seconds",                                       \
        "When the configuration in force was read, in seconds since 1970.")                                            \
  GAUGE(reload_succeeded, "sheaf_reload_last_successful", "1 if the last reload took effect or there was none, else 0.") \
  GAUGE(route_plans, "sheaf_route_plans",                                                                              \
        "Routes with their options, in all workers; older ones stay while sessions or requests use them.")             \
  COUNTER(loop_turns_total, "sheaf_loop_turns_total",                                                                  \
          "Turns of the workers' event loops; a worker that makes none hangs.")
// clang-format on

}  // namespace sheaf
