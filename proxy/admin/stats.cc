#include "proxy/admin/stats.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>
#include <vector>

#include "pool/upstream_link.h"
#include "proxy/admin/json_writer.h"
#include "proxy/admin/stats_figures.h"

namespace sheaf {
namespace {

static_assert(LinkStateLabels::kCount == pool::kLinkStates);

void WritePoolSize(const StatsSnapshot& snapshot, JsonWriter& json) {
  const auto& links = snapshot.totals.pool_links;
  const int64_t active = links[static_cast<size_t>(pool::LinkState::kActive)];
  json.Begin("pool_size");
  json.Add("min", uint64_t{snapshot.pool_min_size});
  json.Add("max", uint64_t{snapshot.pool_max_size});
  json.Add("current", Total(links));
  json.Add("active", active);
  json.Add("idle", links[static_cast<size_t>(pool::LinkState::kIdle)]);
  json.Add("utilization", Fraction(uint64_t{snapshot.pool_busiest}, uint64_t{snapshot.pool_max_size}));
  json.End();
}

void WritePoolStatistics(const MetricsTotals& totals, JsonWriter& json) {
  json.Begin("statistics");
  json.Add("total_acquired", totals.pool_acquired_total);
  json.Add("total_created", totals.pool_created_total);
  json.Add("total_reused", totals.pool_reused_total);
  json.Add("total_ready", totals.pool_ready_total);
  json.Add("total_failed", totals.pool_failed_total);
  json.Add("total_evicted", Total(totals.pool_evicted_total));
  json.Add("total_retried", totals.pool_retries_total);
  json.Add("reuse_rate", Fraction(totals.pool_reused_total, totals.pool_acquired_total));
  json.Add("ready_rate", Fraction(totals.pool_ready_total, totals.pool_acquired_total));
  json.Add("avg_acquire_time_ms", totals.pool_acquire_seconds.mean() * 1000);
  json.End();
}

void WritePool(const StatsSnapshot& snapshot, JsonWriter& json) {
  const MetricsTotals& totals = snapshot.totals;
  json.Begin("connection_pool");
  WritePoolSize(snapshot, json);
  json.Begin("connection_states");
  for (size_t i = 0; i < LinkStateLabels::kCount; ++i) json.Add(LinkStateLabels::At(i), totals.pool_links[i]);
  json.End();
  WritePoolStatistics(totals, json);
  json.AddCounted<CloseReasonLabels>("evicted", totals.pool_evicted_total);
  json.Add("waiting_requests", totals.pool_waiting);
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

void WriteCompression(std::string_view name, uint64_t messages, uint64_t plain, uint64_t compressed, JsonWriter& json) {
  json.Begin(name);
  json.Add("messages", messages);
  json.Add("plain_bytes", plain);
  json.Add("compressed_bytes", compressed);
  json.Add("compression_ratio", CompressionRatio(plain, compressed));
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
  const std::vector<RouteTotals>& routes = snapshot.totals.routes;
  json.AddList("routes", routes, [&](size_t i) {
    json.Add("route", routes[i].labels.route);
    json.Add("dropped", routes[i].dropped);
    WriteRules("conflated", routes[i].labels.conflated, routes[i].conflated, json);
    WriteRules("critical", routes[i].labels.critical, routes[i].critical, json);
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

void WriteBatchStatistics(const MetricsTotals& totals, JsonWriter& json) {
  json.Begin("statistics");
  json.Add("total_messages", Total(totals.batched_messages_total));
  json.Add("total_batches_sent", Total(totals.batches_total));
  json.Add("avg_batch_size", AverageBatchSize(totals));
  json.Add("avg_delay_ms", totals.batch_delay_seconds.mean() * 1000);
  json.Add("frames_saved", FramesSaved(totals));
  json.Add("payload_bytes", totals.batch_input_bytes_total);
  json.Add("sent_bytes", totals.batch_output_bytes_total);
  json.Add("encodings", totals.encodings_total);
  json.Add("encodings_shared", totals.encodings_shared_total);
  json.Add("total_conflated", TotalOf(totals, &RouteTotals::conflated));
  json.Add("total_critical", TotalOf(totals, &RouteTotals::critical));
  json.Add("total_dropped", TotalDropped(totals));
  json.End();
}

void WriteBatcher(const StatsSnapshot& snapshot, JsonWriter& json) {
  const MetricsTotals& totals = snapshot.totals;
  json.Begin("message_batcher");
  WriteBatchStatistics(totals, json);
  json.Begin("current_buffers");
  json.Add("buffered_messages", totals.buffered_messages);
  json.Add("buffered_bytes", totals.buffered_bytes);
  json.End();
  json.Add("batch_size_histogram", totals.batch_size);
  json.Add("delay_ms_histogram", totals.batch_delay_seconds, 1e-3);
  json.AddCounted<FlushReasonLabels>("flushes", totals.batch_flushes_total);
  WriteBatchForms(totals, json);
  WriteCompression("deflate", totals.deflate_messages_total, totals.deflate_input_bytes_total,
                   totals.deflate_output_bytes_total, json);
  json.Begin("deflate_contexts");
  json.Add("current", totals.deflate_contexts);
  json.Add("bytes", totals.deflate_context_bytes);
  json.Add("refused", totals.deflate_contexts_refused_total);
  json.End();
  WriteCompression("inflate", totals.inflate_messages_total, totals.inflate_output_bytes_total,
                   totals.inflate_input_bytes_total, json);
  WriteRoutes(snapshot, json);
  json.End();
}

// Sums over who closed, and over the codes.
void WriteEnds(const MetricsTotals& totals, JsonWriter& json) {
  std::array<uint64_t, CloseCodeLabels::kCount> by_code{};
  std::array<uint64_t, CloserLabels::kCount> by_closer{};
  for (size_t i = 0; i < CloseEndLabels::kCount; ++i) {
    by_code[i / CloserLabels::kCount] += totals.websocket_close_codes_total[i];
    by_closer[i % CloserLabels::kCount] += totals.websocket_close_codes_total[i];
  }
  json.AddCounted<CloseReasonLabels>("closed", totals.websocket_closes_total);
  json.AddCounted<CloseCodeLabels>("closed_with", by_code);
  json.AddCounted<CloserLabels>("closed_by", by_closer);
}

void WriteSessions(const MetricsTotals& totals, JsonWriter& json) {
  json.Begin("sessions");
  json.Add("active_sessions", totals.websocket_sessions);
  json.Add("total_sessions", totals.websocket_sessions_opened_total);
  json.Add("messages_to_clients", totals.messages_to_clients_total);
  json.Add("messages_to_upstream", totals.messages_to_upstream_total);
  json.Add("message_bytes_to_clients", totals.message_bytes_to_clients_total);
  json.Add("message_bytes_to_upstream", totals.message_bytes_to_upstream_total);
  json.AddCounted<UrgencyLabels>("pushed_messages", totals.pushed_messages_total);
  json.Add("pushes_refused", totals.pushes_refused_total);
  json.Add("pings_sent", totals.client_pings_total);
  json.Add("backpressure_pauses", Total(totals.backpressure_pauses_total));
  json.Add("avg_duration_seconds", totals.websocket_session_seconds.mean());
  WriteEnds(totals, json);
  json.End();
}

void WriteStatuses(const StatusTotals& counts, JsonWriter& json) {
  json.Begin("by_status");
  for (size_t i = 0; i < counts.size(); ++i) json.Add(StatusClassLabels::At(i), counts[i]);
  json.End();
}

void WriteHttp(const StatsSnapshot& snapshot, JsonWriter& json) {
  const MetricsTotals& totals = snapshot.totals;
  json.Begin("http");
  json.Add("active_requests", totals.http_requests_active);
  json.Add("total_requests", Total(totals.requests()));
  WriteStatuses(totals.requests(), json);
  json.AddCounted<RefuseReasonLabels>("refused", totals.refusals_total);
  json.AddList("routes", totals.routes, [&](size_t i) {
    json.Add("route", totals.routes[i].labels.route);
    WriteStatuses(totals.routes[i].requests, json);
    json.Add("avg_duration_ms", totals.routes[i].request_seconds.mean() * 1000);
  });
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

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void WriteMux(const MetricsTotals& totals, JsonWriter& json) {
  const auto links = static_cast<uint64_t>(totals.mux_links[static_cast<size_t>(MuxLinkState::kReady)] +
                                           totals.mux_links[static_cast<size_t>(MuxLinkState::kLeaving)]);
  json.Begin("mux");
  json.Begin("links");
  for (size_t i = 0; i < MuxLinkStateLabels::kCount; ++i) json.Add(MuxLinkStateLabels::At(i), totals.mux_links[i]);
  json.End();
  json.Add("links_opened", totals.mux_links_opened_total);
  json.AddCounted<MuxFailureLabels>("links_failed", totals.mux_links_failed_total);
  json.Add("sessions", totals.mux_sessions);
  json.Add("sessions_per_link", Ratio(static_cast<uint64_t>(totals.mux_sessions), links));
  json.Add("waiting_for_credit", totals.mux_streams_waiting);
  json.Add("frames_sent", totals.mux_frames_sent_total);
  json.Add("records_sent", totals.mux_records_sent_total);
  json.Add("records_received", totals.mux_records_received_total);
  json.Add("multicasts", totals.mux_multicasts_total);
  json.Add("multicast_factor", Ratio(totals.mux_multicast_deliveries_total, totals.mux_multicasts_total));
  json.End();
}

void WriteMemory(const StatsSnapshot& snapshot, JsonWriter& json) {
  const MetricsTotals& totals = snapshot.totals;
  json.Begin("memory_optimizer");
  WriteMemorySample(snapshot.memory, json);
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
  json.Add("requests_refused", totals.refusals_total[static_cast<size_t>(RefuseReason::kMemoryCritical)]);
  json.Add("looks", totals.memory_looks_total);
  json.Add("stalls", totals.memory_stalls_total);
  json.Add("hints", totals.memory_hints_total);
  json.AddCounted<CheckResultLabels>("webhooks", totals.memory_webhooks_total);
  json.End();
}

void WriteConfiguration(const StatsSnapshot& snapshot, JsonWriter& json) {
  json.Begin("configuration");
  json.Add("generation", snapshot.generation);
  json.Add("age_seconds", std::chrono::duration<double>(snapshot.generation_age).count());
  json.Add("sha256", snapshot.config_sha256);
  json.Add("reloads", snapshot.totals.reload_total);
  json.Add("reloads_failed", snapshot.totals.reload_failed_total);
  json.Add("last_reload_successful", snapshot.totals.reload_succeeded > 0);
  json.Add("route_plans", snapshot.totals.route_plans);
  json.End();
}

}  // namespace

std::string StatsJson(const StatsSnapshot& snapshot) {
  JsonWriter json;
  json.Begin();
  json.Add("version", snapshot.version);
  json.Add("commit", snapshot.commit);
  json.Add("uptime_seconds", std::chrono::duration<double>(snapshot.uptime).count());
  json.Add("workers", uint64_t{snapshot.workers});
  json.Add("ready", snapshot.ready);
  WriteConfiguration(snapshot, json);
  WritePool(snapshot, json);
  WriteBatcher(snapshot, json);
  WriteMemory(snapshot, json);
  WriteSessions(snapshot.totals, json);
  WriteHttp(snapshot, json);
  WriteClients(snapshot.totals, json);
  WriteUpstream(snapshot.totals, json);
  WriteMux(snapshot.totals, json);
  json.End();
  return json.Take();
}

}  // namespace sheaf
