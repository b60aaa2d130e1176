#include "proxy/stats.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <numeric>

#include "pool/upstream_link.h"

namespace sheaf {
namespace {

static_assert(LinkStateLabels::kCount == pool::kLinkStates);

// Members of one JSON object after another, without a document in between.
class JsonWriter {
 public:
  void Begin() { writer_.StartObject(); }
  void Begin(std::string_view name) {
    WriteKey(name);
    writer_.StartObject();
  }
  void End() { writer_.EndObject(); }
  void Add(std::string_view name, uint64_t value) {
    WriteKey(name);
    writer_.Uint64(value);
  }
  void Add(std::string_view name, int64_t value) {
    WriteKey(name);
    writer_.Int64(value);
  }
  void Add(std::string_view name, double value) {
    WriteKey(name);
    writer_.Double(value);
  }
  void Add(std::string_view name, bool value) {
    WriteKey(name);
    writer_.Bool(value);
  }
  void Add(std::string_view name, std::string_view value) {
    WriteKey(name);
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  }
  // Only the labels that were counted: the list of reasons is long, and most never happen.
  template <typename Labels, size_t kCount>
  void AddCounted(std::string_view name, const std::array<uint64_t, kCount>& counts) {
    Begin(name);
    for (size_t i = 0; i < kCount; ++i) {
      if (counts[i] != 0) Add(Labels::At(i), counts[i]);
    }
    End();
  }
  std::string Take() { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  void WriteKey(std::string_view name) { writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size())); }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

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

void WriteSessions(const MetricsTotals& totals, JsonWriter& json) {
  json.Begin("sessions");
  json.Add("active_sessions", totals.websocket_sessions);
  json.Add("total_sessions", totals.websocket_sessions_total);
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
  json.Add("total_requests", Total(totals.http_requests_total));
  json.Begin("by_status");
  for (size_t i = 0; i < StatusClassLabels::kCount; ++i) {
    json.Add(StatusClassLabels::At(i), totals.http_requests_total[i]);
  }
  json.End();
  json.AddCounted<RejectReasonLabels>("rejected", totals.rejects_total);
  json.End();
}

void WriteClients(const MetricsTotals& totals, JsonWriter& json) {
  json.Begin("clients");
  json.Add("connections", totals.client_connections);
  json.Add("total_connections", totals.client_connections_total);
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

}  // namespace

std::string StatsJson(const StatsSnapshot& snapshot) {
  JsonWriter json;
  json.Begin();
  json.Add("version", snapshot.version);
  json.Add("uptime_seconds", std::chrono::duration<double>(snapshot.uptime).count());
  json.Add("workers", uint64_t{snapshot.workers});
  json.Add("ready", snapshot.ready);
  WritePool(snapshot, json);
  WriteSessions(snapshot.totals, json);
  WriteHttp(snapshot.totals, json);
  WriteClients(snapshot.totals, json);
  WriteUpstream(snapshot.totals, json);
  json.End();
  return json.Take();
}

}  // namespace sheaf
