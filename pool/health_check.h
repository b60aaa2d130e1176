// Asks an endpoint at an interval whether it is well: a TCP (and TLS) connection, or GET on a path that must answer 2xx
// or 3xx. The result decides readiness (Endpoint::up); requests are tried all the same, since a check can be wrong.
//
// One an endpoint, in the first worker's loop and thread; owned by its EndpointPool.
#pragma once

#include <memory>
#include <string>

#include "pool/dial_targets.h"
#include "pool/endpoint.h"
#include "pool/upstream_settings.h"
#include "proxy/base/metrics.h"
#include "proxy/net/connection.h"
#include "proxy/net/loop.h"
#include "proxy/wire/http1.h"

namespace sheaf::pool {

class HealthCheck final : public net::ConnectionEvents, public net::DeadlineHandler {
 public:
  // Begins at once, or as soon as there is an address. All references outlive it.
  HealthCheck(net::Loop& loop, Endpoint& endpoint, DialTargets targets, const UpstreamSettings& settings,
              WorkerMetrics& metrics);
  HealthCheck(const HealthCheck&) = delete;
  HealthCheck& operator=(const HealthCheck&) = delete;
  ~HealthCheck();

  // Other settings, from now on: where they ask something else than the last check did, they are checked at once.
  void Adopt(const UpstreamSettings& settings);

  // Checks a backend that was down at once, so that readiness follows.
  void SetTargets(DialTargets targets);

  void OnConnected() override;
  void OnBytes(std::span<uint8_t> bytes) override;
  void OnEnd(net::ConnectionEnd end) override;
  void OnDeadline(net::Deadline& deadline) override;

 private:
  // While the backend is down it is asked more often, so that readiness follows its return within a second.
  static constexpr Duration kIntervalWhileDown = std::chrono::seconds(1);

  void Begin();
  void Take(const UpstreamSettings& settings);
  // No connection came about. Whether another address is being tried instead.
  bool TryNext();
  bool TakeHead();
  void Finish(bool passed, std::string_view detail);

  net::Loop& loop_;
  Endpoint& endpoint_;
  DialTargets targets_;
  std::string path_;
  Duration interval_;
  Duration timeout_;
  wire::HeadLimits limits_;
  uint32_t max_fails_ = 1;
  WorkerMetrics& metrics_;
  const net::IoCounters io_;
  net::Deadline deadline_;
  std::unique_ptr<net::Connection> connection_;  // while a check runs
  bool connected_ = false;
  std::string answer_;
  wire::HeadScanner scanner_;  // of its first head
};

}  // namespace sheaf::pool
