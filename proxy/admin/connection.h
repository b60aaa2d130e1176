// One client of the admin listener: heads in, answers out, one request at a time. Not made for speed but for safety: a
// request behind another that is not answered yet ends the connection after the first answer, and nothing waits for
// ever.
//
// Owned by Admin; its thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/list.h"
#include "proxy/net/connection.h"
#include "proxy/net/loop.h"
#include "proxy/wire/http1.h"

namespace sheaf {

class Admin;

class AdminConnection final : public net::ConnectionEvents, public net::DeadlineHandler {
 public:
  explicit AdminConnection(Admin& admin);

  // Takes over the accepted socket. False when memory or descriptors ran out (the socket is closed).
  bool Start(int fd);
  // May be called twice.
  void Close();

  // net::ConnectionEvents
  void OnBytes(std::span<uint8_t> bytes) override;
  void OnEnd(net::ConnectionEnd end) override;
  void OnDeadline(net::Deadline& deadline) override;

  ListHook hook_;  // Admin's list

 private:
  static constexpr Duration kHeadTime = std::chrono::seconds(5);
  // Longer than the usual interval of scraping, so that one connection serves Prometheus all day.
  static constexpr Duration kIdleTime = std::chrono::seconds(90);
  // For the client to take the last answer and close.
  static constexpr Duration kLingerTime = std::chrono::seconds(2);

  enum class State : uint8_t { kIdle, kHead, kLingering, kClosed };

  void TakeHead();
  void Answer(std::string_view head);
  void Refuse(RefuseReason reason);
  void Linger();

  Admin& admin_;
  std::unique_ptr<net::Connection> connection_;
  net::Deadline deadline_;
  wire::HeadScanner scanner_;
  std::string held_;  // a head that is not complete
  State state_ = State::kIdle;
};

}  // namespace sheaf
