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

namespace sheaf {

class Worker;

class LingeringClose final : public net::ConnectionEvents, public net::DeadlineHandler {
 public:
  LingeringClose(Worker& worker, std::unique_ptr<net::Connection> connection);

  // Begins; may be over at once.
  // `peer_is_done`: it has said that it will send no more, so that there is nothing to wait for.
  void Start(bool peer_is_done);
  void Close();

  void OnBytes(std::span<uint8_t> /*bytes*/) override {}
  void OnEnd(net::ConnectionEnd /*end*/) override { Close(); }
  void OnFinished() override;
  void OnDeadline(net::Deadline& deadline) override;

  ListHook hook_;  // the worker's list

 private:
  static constexpr Duration kLongest = std::chrono::seconds(4);
  static constexpr Duration kLongestWhileDraining = std::chrono::seconds(1);

  Worker& worker_;
  std::unique_ptr<net::Connection> connection_;
  net::Deadline deadline_;
};

}  // namespace sheaf
