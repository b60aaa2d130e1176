#include "proxy/admin/history_manual.h"

#include <array>

namespace sheaf {
namespace {

using enum AdminMethod;
using enum FieldType;

constexpr std::array kSummaryFields = {
    FieldRow{"version", kText, "", "Of the program."},
    FieldRow{"commit", kText, "", "That it was built from."},
    FieldRow{"uptime_seconds", kNumber, "seconds", "Since the start."},
    FieldRow{"ready", kFlag, "", "What `/readyz` says."},
    FieldRow{"active_sessions", kCount, "sessions", "Open now."},
    FieldRow{"total_sessions", kCount, "sessions", "Opened since the start."},
    FieldRow{"total_requests", kCount, "requests", "Answered since the start."},
    FieldRow{"messages_to_clients", kCount, "messages", "Since the start."},
    FieldRow{"messages_to_upstream", kCount, "messages", "Since the start."},
    FieldRow{"avg_batch_size", kNumber, "messages", "Since the start."},
    FieldRow{"avg_batch_delay_ms", kNumber, "milliseconds", "Since the start."},
    FieldRow{"compression_ratio", kNumber, "", "Of `message_batcher.deflate`, since the start."},
    FieldRow{"connection_reuse_rate", kNumber, "fraction", "`connection_pool.statistics.reuse_rate`, since the start."},
    FieldRow{"connection_ready_rate", kNumber, "fraction", "`connection_pool.statistics.ready_rate`, since the start."},
    FieldRow{"avg_acquire_time_ms", kNumber, "milliseconds", "Since the start."},
    FieldRow{"window_seconds", kNumber, "seconds", "From the first sample of the history to the last."},
    FieldRow{"samples", kCount, "samples", "In the history."},
    FieldRow{"average_active_connections", kNumber, "connections",
             "`connection_pool.pool_size.active`, mean of the window."},
    FieldRow{"average_active_sessions", kNumber, "sessions", "Open WebSocket sessions, mean of the window."},
    FieldRow{"peak_active_sessions", kCount, "sessions", "Most of them in the window."},
    FieldRow{"average_memory_percent", kNumber, "percent", "Of the limit, mean of the window."},
    FieldRow{"peak_memory_percent", kNumber, "percent", "Of the limit, most in the window."},
    FieldRow{"average_rss_mb", kNumber, "MiB", "Mean of the window."},
    FieldRow{"peak_rss_mb", kNumber, "MiB", "Most in the window."},
    FieldRow{"memory.rss_mb", kNumber, "MiB", "As in `memory_optimizer`, like those that follow."},
    FieldRow{"memory.vms_mb", kNumber, "MiB", ""},
    FieldRow{"memory.percent", kNumber, "percent", ""},
    FieldRow{"memory.pressure_level", kWord, "", "", "normal|moderate|high|critical"},
    FieldRow{"memory.used_mb", kNumber, "MiB", ""},
    FieldRow{"memory.limit_mb", kNumber, "MiB", ""},
};

constexpr std::array kHistoryFields = {
    FieldRow{"metrics[].timestamp", kNumber, "seconds", "Since 1970."},
    FieldRow{"metrics[].rss_mb", kNumber, "MiB", "As in `memory_optimizer`, like those that follow."},
    FieldRow{"metrics[].vms_mb", kNumber, "MiB", ""},
    FieldRow{"metrics[].percent", kNumber, "percent", ""},
    FieldRow{"metrics[].pressure_level", kWord, "", "", "normal|moderate|high|critical"},
    FieldRow{"metrics[].used_mb", kNumber, "MiB", ""},
    FieldRow{"metrics[].limit_mb", kNumber, "MiB", ""},
    FieldRow{"metrics[].active_sessions", kCount, "sessions", "Open at this time."},
    FieldRow{"metrics[].active_connections", kCount, "connections", "To the backend, leased at this time."},
    FieldRow{"metrics[].messages_to_clients_per_second", kNumber, "messages a second",
             "Since the sample before, like those that follow; in the first sample 0."},
    FieldRow{"metrics[].messages_to_upstream_per_second", kNumber, "messages a second", ""},
    FieldRow{"metrics[].frames_to_clients_per_second", kNumber, "frames a second",
             "That messages to clients were sent in: envelopes, and messages that are in none."},
    FieldRow{"metrics[].payload_bytes_per_second", kNumber, "bytes a second",
             "Of the messages to clients, before framing and compression."},
    FieldRow{"metrics[].sent_bytes_per_second", kNumber, "bytes a second",
             "Written to clients' sockets: frames, answers to requests, TLS."},
    FieldRow{"metrics[].batches_per_second", kNumber, "batches a second", ""},
    FieldRow{"metrics[].avg_batch_size", kNumber, "messages", "Mean; 0 without a batch."},
    FieldRow{"metrics[].avg_batch_delay_ms", kNumber, "milliseconds",
             "That the oldest message of a batch waited, mean; 0 without a batch."},
    FieldRow{
        "metrics[].delay_p50_ms", kNumber, "milliseconds",
        "The same, which half of the batches do not exceed, as told from the histogram's buckets; 0 without a batch."},
    FieldRow{"metrics[].delay_p99_ms", kNumber, "milliseconds", "The same of 99 in 100."},
    FieldRow{"metrics[].queued_bytes", kCount, "bytes",
             "Written to sockets, which the kernel has not taken yet, at this time."},
    FieldRow{"metrics[].pool_idle", kCount, "connections", "To the backend, leased by nobody at this time."},
    FieldRow{"metrics[].pool_waiting", kCount, "requests", "That wait for a connection to the backend at this time."},
    FieldRow{"metrics[].closed_per_second", kNumber, "sessions a second", "That ended."},
    FieldRow{"metrics[].closed_by_error_per_second", kNumber, "sessions a second",
             "Of these, those that neither client nor backend ended (or the client's connection, without a Close), nor "
             "a drain or a reload."},
};

constexpr DocumentRow kSummary = {.name = "Summary", .fields = kSummaryFields};
constexpr DocumentRow kHistory = {.name = "History", .fields = kHistoryFields};

constexpr std::array kSummaryAnswers = {AnswerRow{200, "What to look at first", &kSummary}};
constexpr std::array kHistoryAnswers = {AnswerRow{200, "The samples", &kHistory}};

constexpr std::array kRows = {
    ManualRow{
        kGet, "/api/performance/websocket/summary",
        R"(What to look at first. Averages and peaks are of the samples that the history has, `window_seconds` of them (`memory.history` at most); all
other figures are as of now, or since the start.)",
        kSummaryAnswers},
    ManualRow{
        kGet, "/api/performance/websocket/metrics",
        R"(The history, the oldest sample first: one each `memory.check_interval` and one at each change of the level, as far back as `memory.history`.
`?last=10m` gives those of the last ten minutes, `?since=1760000000` those from that time on (a `timestamp`, too: that sample is then the
first).)",
        kHistoryAnswers},
};

}  // namespace

std::span<const ManualRow> HistoryManual() {
  return kRows;
}

}  // namespace sheaf
