#include "proxy/stats.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "pool/upstream_link.h"
#include "proxy/json_writer.h"

namespace sheaf {
namespace {

static_assert(LinkStateLabels::kCount == pool::kLinkStates);

template <typename T, size_t kCount>
T Total(const std::array<T, kCount>& counts) {
  return std::accumulate(counts.begin(), counts.end(), T{0});
}

double Fraction(double part, double whole) {
  return whole > 0 ? part / whole : 0.0;
}

void WritePool(const StatsSnapshot& snapshot, JsonWriter& json) {
  const MetricsTotals& totals = snapshot.totals;
  const auto links = [&totals](pool::LinkState state) { return totals.pool_links[static_cast<size_t>(state)]; };
  json.Begin("connection_pool");
  json.Add("total_connections", Total(totals.pool_links));
  json.Add("active_connections", links(pool::LinkState::kActive));
  json.Add("idle_connections", links(pool::LinkState::kIdle));
  json.Add("connecting_connections", links(pool::LinkState::kConnecting));
  json.Add("draining_connections", links(pool::LinkState::kDraining));
  json.Add("stale_connections", links(pool::LinkState::kStale));
  json.Add("broken_connections", links(pool::LinkState::kBroken));
  json.Add("waiting_requests", totals.pool_waiting);
  json.Add("min_size", uint64_t{snapshot.pool_min_size});
  json.Add("max_size", uint64_t{snapshot.pool_max_size});
  json.Add("pool_utilization",
           Fraction(static_cast<double>(links(pool::LinkState::kActive)), static_cast<double>(snapshot.pool_max_size)));
  json.Add("acquired", totals.pool_acquired_total);
  json.Add("created", totals.pool_created_total);
  json.Add("reused", totals.pool_reused_total);
  json.Add("failed", totals.pool_failed_total);
  json.Add("evicted", Total(totals.pool_evicted_total));
  json.Add("retried", totals.pool_retries_total);
  json.Add("reuse_rate",
           Fraction(static_cast<double>(totals.pool_reused_total), static_cast<double>(totals.pool_acquired_total)));
  json.Add("avg_acquire_time_ms", totals.pool_acquire_seconds.mean() * 1000);
  json.End();
}

// Of what was counted for each rule of each route.
uint64_t TotalOf(const MetricsTotals& totals, std::vector<uint64_t> RouteTotals::*counts) {
  uint64_t total = 0;
  for (const RouteTotals& route : totals.routes) {
    total += std::accumulate((route.*counts).begin(), (route.*counts).end(), uint64_t{0});
  }
  return total;
}

uint64_t TotalDropped(const MetricsTotals& totals) {
  uint64_t total = 0;
  for (const RouteTotals& route : totals.routes) total += route.dropped;
  return total;
}

// Messages less the frames that they were sent in; corked ones keep their own frames.
uint64_t FramesSaved(const MetricsTotals& totals) {
  constexpr auto kCork = static_cast<size_t>(BatchForm::kCork);
  const uint64_t messages = Total(totals.batched_messages_total) - totals.batched_messages_total[kCork];
  const uint64_t frames = Total(totals.batches_total) - totals.batches_total[kCork];
  // The sums are not taken at one instant.
  return messages - std::min(messages, frames);
}

void WriteCompression(std::string_view name, uint64_t messages, uint64_t before, uint64_t after, JsonWriter& json) {
  json.Begin(name);
  json.Add("messages", messages);
  json.Add("bytes_before", before);
  json.Add("bytes_after", after);
  json.Add("ratio", Fraction(static_cast<double>(after), static_cast<double>(before)));
  json.End();
}

void WriteRules(std::string_view name, const std::vector<std::string>& rules, const std::vector<uint64_t>& counts,
                JsonWriter& json) {
  json.AddList(name, counts, [&](size_t i) {
    json.Add("rule", rules[i]);
    json.Add("messages", counts[i]);
  });
}

void WriteRoutes(const StatsSnapshot& snapshot, JsonWriter& json) {
  const std::vector<RouteTotals>& totals = snapshot.totals.routes;
  json.AddList("routes", totals, [&](size_t i) {
    json.Add("route", snapshot.routes[i].route);
    json.Add("dropped", totals[i].dropped);
    WriteRules("conflated", snapshot.routes[i].conflated, totals[i].conflated, json);
    WriteRules("critical", snapshot.routes[i].critical, totals[i].critical, json);
  });
}

void WriteBatchForms(const MetricsTotals& totals, JsonWriter& json) {
  json.Begin("by_form");
  for (size_t i = 0; i < BatchFormLabels::kCount; ++i) {
    json.Begin(BatchFormLabels::At(i));
    json.Add("batches", totals.batches_total[i]);
    json.Add("messages", totals.batched_messages_total[i]);
    json.End();
  }
  json.End();
}

void WriteBatcher(const StatsSnapshot& snapshot, JsonWriter& json) {
  const MetricsTotals& totals = snapshot.totals;
  const uint64_t batches = Total(totals.batches_total);
  const uint64_t messages = Total(totals.batched_messages_total);
  const auto before = static_cast<double>(totals.batch_input_bytes_total);
  json.Begin("message_batcher");
  json.Add("batches_sent", batches);
  json.Add("messages_batched", messages);
  json.Add("avg_batch_size", Fraction(static_cast<double>(messages), static_cast<double>(batches)));
  json.Add("batch_size_histogram", totals.batch_size);
  json.Add("frames_saved", FramesSaved(totals));
  json.Add("bytes_before", totals.batch_input_bytes_total);
  json.Add("bytes_after", totals.batch_output_bytes_total);
  json.Add("compression_ratio", Fraction(static_cast<double>(totals.batch_output_bytes_total), before));
  json.Add("avg_delay_ms", totals.batch_delay_seconds.mean() * 1000);
  json.Add("delay_ms_histogram", totals.batch_delay_seconds, 1e-3);
  json.AddCounted<FlushReasonLabels>("flushes", totals.batch_flushes_total);
  WriteBatchForms(totals, json);
  json.Add("buffered_messages", totals.buffered_messages);
  json.Add("buffered_bytes", totals.buffered_bytes);
  json.Add("encodings", totals.encodings_total);
  json.Add("encodings_shared", totals.encodings_shared_total);
  WriteCompression("deflate", totals.deflate_messages_total, totals.deflate_input_bytes_total,
                   totals.deflate_output_bytes_total, json);
  WriteCompression("inflate", totals.inflate_messages_total, totals.inflate_input_bytes_total,
                   totals.inflate_output_bytes_total, json);
  json.Add("conflated", TotalOf(totals, &RouteTotals::conflated));
  json.Add("critical", TotalOf(totals, &RouteTotals::critical));
  json.Add("dropped", TotalDropped(totals));
  WriteRoutes(snapshot, json);
  json.End();
}

void WriteSessions(const MetricsTotals& totals, JsonWriter& json) {
  json.Begin("sessions");
  json.Add("active_sessions", totals.websocket_sessions);
  json.Add("total_sessions", totals.websocket_sessions_opened_total);
  json.Add("messages_to_clients", totals.messages_to_clients_total);
  json.Add("messages_to_upstream", totals.messages_to_upstream_total);
  json.Add("message_bytes_to_clients", totals.message_bytes_to_clients_total);
  json.Add("message_bytes_to_upstream", totals.message_bytes_to_upstream_total);
  json.Add("pings_sent", totals.client_pings_total);
  json.Add("backpressure_pauses", Total(totals.backpressure_pauses_total));
  json.AddCounted<CloseReasonLabels>("closed", totals.websocket_closes_total);
  json.End();
}

void WriteHttp(const MetricsTotals& totals, JsonWriter& json) {
  json.Begin("http");
  json.Add("active_requests", totals.http_requests_active);
  json.Add("total_requests", Total(totals.requests()));
  json.Begin("by_status");
  for (size_t i = 0; i < StatusClassLabels::kCount; ++i) {
    json.Add(StatusClassLabels::At(i), totals.requests()[i]);
  }
  json.End();
  json.AddCounted<RejectReasonLabels>("rejected", totals.rejects_total);
  json.End();
}

void WriteClients(const MetricsTotals& totals, JsonWriter& json) {
  json.Begin("clients");
  json.Add("connections", totals.client_connections);
  json.Add("total_connections", totals.client_connections_accepted_total);
  json.Add("received_bytes", totals.client_received_bytes_total);
  json.Add("sent_bytes", totals.client_sent_bytes_total);
  json.Add("accept_pauses", totals.client_accept_pauses_total);
  json.Add("tls_handshakes", totals.tls_handshakes_total);
  json.Add("tls_resumptions", totals.tls_resumptions_total);
  json.Add("tls_failures", totals.tls_failures_total);
  json.End();
}

void WriteUpstream(const MetricsTotals& totals, JsonWriter& json) {
  json.Begin("upstream");
  json.Add("up", totals.upstream_up > 0);
  json.Add("received_bytes", totals.upstream_received_bytes_total);
  json.Add("sent_bytes", totals.upstream_sent_bytes_total);
  json.Add("health_checks_passed", totals.health_checks_total[static_cast<size_t>(CheckResult::kPassed)]);
  json.Add("health_checks_failed", totals.health_checks_total[static_cast<size_t>(CheckResult::kFailed)]);
  json.End();
}

double Megabytes(uint64_t bytes) {
  return static_cast<double>(bytes) / (1024.0 * 1024.0);
}

void WriteSample(const memwatch::MemorySample& sample, JsonWriter& json) {
  json.Add("rss_mb", Megabytes(sample.reading.rss));
  json.Add("vms_mb", Megabytes(sample.reading.vms));
  json.Add("percent", sample.reading.percent());
  json.Add("pressure_level", NameOf(sample.level));
  json.Add("used_mb", Megabytes(sample.reading.used));
  json.Add("limit_mb", Megabytes(sample.reading.limit));
}

void WriteMemory(const StatsSnapshot& snapshot, JsonWriter& json) {
  const MetricsTotals& totals = snapshot.totals;
  json.Begin("memory_optimizer");
  WriteSample(snapshot.memory, json);
  json.Add("source", memwatch::Name(snapshot.memory.reading.source));
  json.Add("sockets_mb", Megabytes(snapshot.memory.reading.sockets));
  json.Add("moderate_percent", snapshot.memory_thresholds.moderate);
  json.Add("high_percent", snapshot.memory_thresholds.high);
  json.Add("critical_percent", snapshot.memory_thresholds.critical);
  json.Add("buffered_bytes", totals.buffered_bytes);
  json.Add("queued_bytes", totals.queued_bytes);
  json.AddCounted<PressureLevelLabels>("level_changes", totals.memory_level_changes_total);
  json.AddCounted<ReliefStepLabels>("relief", totals.memory_relief_total);
  json.AddCounted<ReliefStepLabels>("relief_bytes", totals.memory_relief_bytes_total);
  json.Add("sessions_shed", totals.websocket_closes_total[static_cast<size_t>(CloseReason::kMemoryShed)]);
  json.Add("requests_refused", totals.rejects_total[static_cast<size_t>(RejectReason::kMemoryCritical)]);
  json.Add("looks", totals.memory_looks_total);
  json.Add("stalls", totals.memory_stalls_total);
  json.Add("hints", totals.memory_hints_total);
  json.AddCounted<CheckResultLabels>("webhooks", totals.memory_webhooks_total);
  json.End();
}

void WriteMemorySummary(const StatsSnapshot& snapshot, JsonWriter& json) {
  const memwatch::MemorySummary& summary = snapshot.memory_summary;
  json.Begin("memory");
  WriteSample(snapshot.memory, json);
  json.Add("avg_rss_mb", summary.average_rss / (1024.0 * 1024.0));
  json.Add("peak_rss_mb", Megabytes(summary.peak_rss));
  json.Add("avg_percent", summary.average_percent);
  json.Add("peak_percent", summary.peak_percent);
  json.Add("samples", uint64_t{summary.samples});
  json.End();
}

}  // namespace

std::string StatsJson(const StatsSnapshot& snapshot) {
  JsonWriter json;
  json.Begin();
  json.Add("version", snapshot.version);
  json.Add("uptime_seconds", std::chrono::duration<double>(snapshot.uptime).count());
  json.Add("workers", uint64_t{snapshot.workers});
  json.Add("ready", snapshot.ready);
  WritePool(snapshot, json);
  WriteBatcher(snapshot, json);
  WriteMemory(snapshot, json);
  WriteSessions(snapshot.totals, json);
  WriteHttp(snapshot.totals, json);
  WriteClients(snapshot.totals, json);
  WriteUpstream(snapshot.totals, json);
  json.End();
  return json.Take();
}

std::string SummaryJson(const StatsSnapshot& snapshot) {
  const MetricsTotals& totals = snapshot.totals;
  const auto count = [](uint64_t number) { return static_cast<double>(number); };
  JsonWriter json;
  json.Begin();
  json.Add("version", snapshot.version);
  json.Add("uptime_seconds", std::chrono::duration<double>(snapshot.uptime).count());
  json.Add("ready", snapshot.ready);
  json.Add("active_sessions", totals.websocket_sessions);
  json.Add("total_sessions", totals.websocket_sessions_opened_total);
  json.Add("total_requests", Total(totals.requests()));
  json.Add("messages_to_clients", totals.messages_to_clients_total);
  json.Add("messages_to_upstream", totals.messages_to_upstream_total);
  json.Add("avg_batch_size", Fraction(count(Total(totals.batched_messages_total)), count(Total(totals.batches_total))));
  json.Add("avg_batch_delay_ms", totals.batch_delay_seconds.mean() * 1000);
  json.Add("reuse_rate", Fraction(count(totals.pool_reused_total), count(totals.pool_acquired_total)));
  json.Add("avg_acquire_time_ms", totals.pool_acquire_seconds.mean() * 1000);
  WriteMemorySummary(snapshot, json);
  json.End();
  return json.Take();
}

std::string HistoryJson(std::span<const memwatch::MemorySample> samples) {
  JsonWriter json;
  json.Begin();
  json.AddList("metrics", samples, [&](size_t i) {
    json.Add("timestamp", std::chrono::duration<double>(samples[i].at.time_since_epoch()).count());
    WriteSample(samples[i], json);
  });
  json.End();
  return json.Take();
}

}  // namespace sheaf
