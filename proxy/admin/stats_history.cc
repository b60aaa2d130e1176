#include "proxy/admin/stats_history.h"

#include <chrono>

#include "proxy/admin/json_writer.h"
#include "proxy/admin/stats_figures.h"

namespace sheaf {
namespace {

void WriteNow(const StatsSnapshot& snapshot, JsonWriter& json) {
  const MetricsTotals& totals = snapshot.totals;
  json.Add("version", snapshot.version);
  json.Add("commit", snapshot.commit);
  json.Add("uptime_seconds", std::chrono::duration<double>(snapshot.uptime).count());
  json.Add("ready", snapshot.ready);
  json.Add("active_sessions", totals.websocket_sessions);
  json.Add("total_sessions", totals.websocket_sessions_opened_total);
  json.Add("total_requests", Total(totals.requests()));
  json.Add("messages_to_clients", totals.messages_to_clients_total);
  json.Add("messages_to_upstream", totals.messages_to_upstream_total);
  json.Add("avg_batch_size", AverageBatchSize(totals));
  json.Add("avg_batch_delay_ms", totals.batch_delay_seconds.mean() * 1000);
  json.Add("compression_ratio", CompressionRatio(totals.deflate_input_bytes_total, totals.deflate_output_bytes_total));
  json.Add("connection_reuse_rate", Fraction(totals.pool_reused_total, totals.pool_acquired_total));
  json.Add("connection_ready_rate", Fraction(totals.pool_ready_total, totals.pool_acquired_total));
  json.Add("avg_acquire_time_ms", totals.pool_acquire_seconds.mean() * 1000);
}

void WriteWindow(const memwatch::MemorySummary& summary, JsonWriter& json) {
  json.Add("window_seconds", std::chrono::duration<double>(summary.window).count());
  json.Add("samples", uint64_t{summary.samples});
  json.Add("average_active_connections", summary.average_active_connections);
  json.Add("average_active_sessions", summary.average_sessions);
  json.Add("peak_active_sessions", uint64_t{summary.peak_sessions});
  json.Add("average_memory_percent", summary.average_percent);
  json.Add("peak_memory_percent", summary.peak_percent);
  json.Add("average_rss_mb", summary.average_rss / (1024.0 * 1024.0));
  json.Add("peak_rss_mb", Megabytes(summary.peak_rss));
}

void WriteTraffic(const memwatch::Traffic& traffic, JsonWriter& json) {
  json.Add("active_sessions", uint64_t{traffic.sessions});
  json.Add("active_connections", uint64_t{traffic.active_connections});
  json.Add("messages_to_clients_per_second", double{traffic.messages_to_clients});
  json.Add("messages_to_upstream_per_second", double{traffic.messages_to_upstream});
  json.Add("frames_to_clients_per_second", double{traffic.frames_to_clients});
  json.Add("payload_bytes_per_second", double{traffic.payload_bytes});
  json.Add("sent_bytes_per_second", double{traffic.sent_bytes});
  json.Add("batches_per_second", double{traffic.batches});
  json.Add("avg_batch_size", double{traffic.batch_size});
  json.Add("avg_batch_delay_ms", double{traffic.batch_delay} * 1000);
  json.Add("delay_p50_ms", double{traffic.batch_delay_p50} * 1000);
  json.Add("delay_p99_ms", double{traffic.batch_delay_p99} * 1000);
  json.Add("queued_bytes", static_cast<uint64_t>(traffic.queued_bytes));
  json.Add("pool_idle", uint64_t{traffic.pool_idle});
  json.Add("pool_waiting", uint64_t{traffic.pool_waiting});
  json.Add("closed_per_second", double{traffic.closed});
  json.Add("closed_by_error_per_second", double{traffic.closed_by_error});
}

}  // namespace

std::string SummaryJson(const StatsSnapshot& snapshot) {
  JsonWriter json;
  json.Begin();
  WriteNow(snapshot, json);
  WriteWindow(snapshot.memory_summary, json);
  json.Begin("memory");
  WriteMemorySample(snapshot.memory, json);
  json.End();
  json.End();
  return json.Take();
}

std::string HistoryJson(std::span<const memwatch::MemorySample> samples) {
  JsonWriter json;
  json.Begin();
  json.AddList("metrics", samples, [&](size_t i) {
    json.Add("timestamp", std::chrono::duration<double>(samples[i].at.time_since_epoch()).count());
    WriteMemorySample(samples[i], json);
    WriteTraffic(samples[i].traffic, json);
  });
  json.End();
  return json.Take();
}

}  // namespace sheaf
