#include "proxy/admin/pool_requests.h"

#include <chrono>

#include "proxy/admin/backends_json.h"
#include "proxy/admin/json_writer.h"
#include "proxy/base/quantile.h"

namespace sheaf {
namespace {

template <typename Labels, typename Counts>
void WriteStates(std::string_view name, const Counts& counts, JsonWriter& json) {
  json.Begin(name);
  for (size_t i = 0; i < Labels::kCount; ++i) json.Add(Labels::At(i), uint64_t{counts[i]});
  json.End();
}

void WriteAcquires(const EndpointCounters& counters, JsonWriter& json) {
  EndpointCounters::Acquires acquires;
  for (size_t i = 0; i < acquires.size(); ++i) acquires[i] = counters.acquires[i];
  json.Add("acquire_p50_ms", 1000 * Quantile<AcquireSecondsBuckets>(0.5, acquires));
  json.Add("acquire_p99_ms", 1000 * Quantile<AcquireSecondsBuckets>(0.99, acquires));
}

void WriteRow(const PoolRow& row, JsonWriter& json) {
  const EndpointCounters& counters = *row.counters;
  json.Add("backend", counters.backend);
  json.Add("endpoint", counters.endpoint);
  json.Add("mode", option_internal::Names(row.mode)[static_cast<size_t>(row.mode)]);
  json.Add("state", StateOf(counters));
  json.Add("min_size", uint64_t{row.min_size});
  json.Add("max_size", uint64_t{row.max_size});
  WriteStates<LinkStateLabels>("connections", counters.links, json);
  json.Add("waiting", uint64_t{row.look.waiting});
  json.Add("longest_wait_seconds", std::chrono::duration<double>(row.look.longest_wait).count());
  json.Add("sessions", uint64_t{counters.sessions});
  json.Add("requests", counters.requests_total.load());
  json.Add("created", counters.created_total.load());
  json.Add("reused", counters.reused_total.load());
  json.Add("failed", counters.failed_total.load());
  json.Add("evicted", counters.evicted_total.load());
  WriteAcquires(counters, json);
  WriteStates<MuxLinkStateLabels>("mux_links", row.look.mux_links, json);
  json.Add("mux_sessions", uint64_t{row.look.mux_sessions});
}

}  // namespace

std::string PoolsJson(const PoolsAnswer& pools) {
  JsonWriter json;
  json.Begin();
  json.AddList("pools", pools.rows, [&](size_t i) { WriteRow(pools.rows[i], json); });
  json.AddNumbers("late_workers", pools.late);
  json.End();
  return json.Take();
}

void AnswerPools(const Asked& asked, const AdminReply& reply) {
  asked.source.LookAtPools([reply](const PoolsAnswer& pools) { reply({.body = PoolsJson(pools) + "\n"}); });
}

}  // namespace sheaf
