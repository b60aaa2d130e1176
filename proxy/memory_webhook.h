// Tells the backend of changes of memory pressure: a POST of JSON to memory.webhook, over the pool's connections.
//
// One post at a time. What changes meanwhile replaces what waits to be told, so that a slow backend hears the newest
// level and is never flooded; and what fails is counted and logged, not repeated. The path is refused to clients
// (RefuseReason::kReservedPath), so what comes there comes from Sheaf.
//
// Owned by the first worker; its thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "memwatch/memory_monitor.h"
#include "pool/upstream_ref.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/net/loop.h"

namespace sheaf {

class MemoryWebhook final : public pool::ResponseEvents, public net::DeadlineHandler {
 public:
  // The references outlive it. An empty memory.webhook: nobody is told.
  MemoryWebhook(net::Loop& loop, pool::UpstreamRef upstream, Options::Memory options, WorkerMetrics& metrics);
  MemoryWebhook(const MemoryWebhook&) = delete;
  MemoryWebhook& operator=(const MemoryWebhook&) = delete;
  ~MemoryWebhook();

  // From the next post on.
  void Adopt(pool::UpstreamRef upstream, const Options::Memory& options);

  void Tell(const memwatch::PressureChange& change);
  // Gives up what is under way.
  void Stop();

  // pool::ResponseEvents
  void OnUpstreamHead(const wire::ResponseHead& head) override;
  void OnUpstreamBody(std::string_view /*data*/) override {}
  void OnUpstreamEnd() override;
  void OnUpstreamBlocked() override {}
  void OnUpstreamDrained() override {}
  void OnUpstreamClosed(CloseReason reason) override;
  pool::RequestInLog request_in_log() const override { return {"POST", options_.webhook, ""}; }

  void OnDeadline(net::Deadline& deadline) override;

 private:
  void Post(const memwatch::PressureChange& change);
  void Finish(bool passed, std::string_view detail);

  net::Loop& loop_;
  pool::UpstreamRef upstream_;
  Options::Memory options_;
  WorkerMetrics& metrics_;
  net::Deadline deadline_;
  std::unique_ptr<pool::HttpStream> stream_;  // while a post is under way
  int status_ = 0;                            // of its answer
  std::optional<memwatch::PressureChange> next_;
};

// The body of the post: level, previous_level, percent, used_bytes, limit_bytes, rss_bytes.
std::string WebhookJson(const memwatch::PressureChange& change);

}  // namespace sheaf
