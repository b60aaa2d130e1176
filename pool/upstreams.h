// A worker's backends: one Upstream for each that anything in the worker refers to.
//
//   UpstreamRef upstream = upstreams.Take(backend, settings);   // a route plan keeps it
//   ... upstreams.Maintain(), once a turn ...
//
// An Upstream that nobody refers to any more closes what lies idle, and goes when its last stream has ended. One thread
// only.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "pool/backend.h"
#include "pool/pool_look.h"
#include "pool/upstream.h"
#include "pool/upstream_ref.h"
#include "proxy/base/metrics.h"
#include "proxy/net/loop.h"

namespace sheaf::pool {

class Upstreams {
 public:
  // What is given outlives this, and this all that it hands out.
  Upstreams(net::Loop& loop, PoolShare share, WorkerMetrics& metrics);
  Upstreams(const Upstreams&) = delete;
  Upstreams& operator=(const Upstreams&) = delete;
  ~Upstreams();

  // The worker's view of `backend`, found by its name; it has these endpoints and settings from now on.
  UpstreamRef Take(const Backend& backend, const UpstreamSettings& settings);

  // A look-up of a name of the backend has an answer, or failed before there ever was one. Nothing where the worker
  // does not know the backend.
  void SetEndpoints(const Backend& backend);
  void OnNoAddress(std::string_view backend);

  // Once a turn, after all callbacks: all Upstreams' upkeep.
  void Maintain();
  // No more warm connections to any of them, nor to those to come.
  void Drain();
  // Closes idle connections beyond pool.min_size. Returns their number.
  size_t CloseSpare();

  // As they are now, one for each endpoint.
  PoolLooks LookAtPools();

  size_t size() const { return all_.size(); }

 private:
  Upstream* Find(std::string_view name);

  net::Loop& loop_;
  const PoolShare share_;
  WorkerMetrics& metrics_;
  std::vector<std::unique_ptr<Upstream>> all_;
  bool draining_ = false;
};

}  // namespace sheaf::pool
