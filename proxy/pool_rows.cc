#include "proxy/pool_rows.h"

#include <algorithm>

namespace sheaf {
namespace {

UpstreamMode ModeOf(std::string_view backend, const Options& options) {
  const auto& all = options.backends;
  const auto found = std::find_if(all.begin(), all.end(), [backend](const auto& one) { return one.name == backend; });
  return found == all.end() ? UpstreamMode::kTunnel : found->mode;
}

// One that is served now, or nullptr.
const pool::Endpoint* Find(const EndpointCounters& counters, const std::vector<pool::Backend>& backends) {
  for (const pool::Backend& backend : backends) {
    for (const pool::EndpointRef& one : backend.endpoints) {
      if (&one->counters() == &counters) return one.get();
    }
  }
  return nullptr;
}

// Each worker keeps a mux link at least.
uint32_t MinSize(const pool::Endpoint& endpoint, UpstreamMode mode, const Options::Pool& options, size_t workers) {
  if (mode == UpstreamMode::kTunnel) return pool::WarmLinks(options, endpoint.url());
  const auto least = static_cast<uint32_t>(workers);
  return options.min_size == kAuto ? least : std::max(options.min_size, least);
}

}  // namespace

std::vector<PoolRow> PoolRows(std::span<const std::shared_ptr<const EndpointCounters>> endpoints,
                              const Options& options, const std::vector<pool::Backend>& backends,
                              const pool::PoolLooks& looks, size_t workers) {
  std::vector<PoolRow> rows;
  for (const auto& counters : endpoints) {
    PoolRow row{.counters = counters,
                .mode = ModeOf(counters->backend, options),
                .max_size = options.pool.max_size,
                .look = {}};
    const pool::Endpoint* const endpoint = Find(*counters, backends);
    if (endpoint != nullptr && !endpoint->draining()) {
      row.min_size = MinSize(*endpoint, row.mode, options.pool, workers);
    }
    for (const pool::PoolLook& look : looks.all) {
      if (&look.endpoint->counters() == counters.get()) row.look = look;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace sheaf
