// The end of a client connection that still has something to read from us: sends what is queued and FIN, then waits for
// the client's FIN, so that the kernel does not answer late bytes with a reset that destroys our last words (RFC
// 9112 9.6).
//
// Owned by a Worker; one thread only.
#pragma once

#include <memory>

#include "proxy/base/list.h"
#include "proxy/net/connection.h"
#include "proxy/net/loop.h"
#include "proxy/plan/client_home.h"

namespace sheaf {

class WorkerContext;

class LingeringClose final : public net::ConnectionEvents, public net::DeadlineHandler {
 public:
  LingeringClose(WorkerContext& context, std::unique_ptr<net::Connection> connection, const LingerTerms& terms);

  // Begins; may be over at once.
  void Start();
  // What is still queued is lost, and the client can tell.
  void Close();

  // For relief from memory pressure.
  bool MayShedByCost() const { return terms_.may_shed && connection_->queued() > 0; }
  size_t cost() const { return connection_->queued(); }
  size_t memory() const { return cost(); }
  Duration StalledFor() { return connection_->StalledFor(); }
  void Shed() { Close(); }

  void OnBytes(std::span<uint8_t> /*bytes*/) override {}
  void OnEnd(net::ConnectionEnd /*end*/) override { Close(); }
  void OnFinished() override;
  void OnDeadline(net::Deadline& deadline) override;

  ListHook hook_;  // the worker's list

 private:
  static constexpr Duration kLongest = std::chrono::seconds(4);
  static constexpr Duration kLongestWhileDraining = std::chrono::seconds(1);

  WorkerContext& context_;
  std::unique_ptr<net::Connection> connection_;
  net::Deadline deadline_;
  const LingerTerms terms_;
};

}  // namespace sheaf
