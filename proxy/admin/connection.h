// One client of the admin listener: requests in, answers out, one at a time. Not made for speed but for safety: a
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
struct AdminAnswer;

class AdminConnection final : public net::ConnectionEvents, public net::DeadlineHandler {
 public:
  // `number`: its own alone.
  AdminConnection(Admin& admin, uint64_t number);

  uint64_t number() const { return number_; }

  // Takes over the accepted socket. False when memory or descriptors ran out (the socket is closed).
  bool Start(int fd);
  // The answer to what Admin::Handle was given.
  void Complete(const AdminAnswer& answer);
  // May be called twice.
  void Close();

  // net::ConnectionEvents
  void OnBytes(std::span<uint8_t> bytes) override;
  void OnEnd(net::ConnectionEnd end) override;
  void OnDeadline(net::Deadline& deadline) override;

  ListHook hook_;  // Admin's list

 private:
  static constexpr Duration kHeadTime = std::chrono::seconds(5);
  static constexpr Duration kBodyTime = std::chrono::seconds(10);
  // Longer than the usual interval of scraping, so that one connection serves Prometheus all day.
  static constexpr Duration kIdleTime = std::chrono::seconds(90);
  // For what is asked of the workers, or of the disk; what may take longer has no limit.
  static constexpr Duration kAnswerTime = std::chrono::seconds(60);
  // For the client to take the last answer and close.
  static constexpr Duration kLingerTime = std::chrono::seconds(2);

  enum class State : uint8_t { kIdle, kHead, kBody, kWaiting, kLingering, kClosed };

  void TakeHead();
  void BeginRequest(size_t head_size);
  void BeginBody();
  void TakeBody();
  void Handle();
  void Answer(const AdminAnswer& answer);
  void Refuse(RefuseReason reason);
  void Linger();

  Admin& admin_;
  const uint64_t number_;
  std::unique_ptr<net::Connection> connection_;
  net::Deadline deadline_;
  wire::HeadScanner scanner_;
  std::string held_;           // not taken yet
  std::string head_;           // of the request under way
  wire::RequestHead request_;  // views of it
  wire::BodyDecoder decoder_;
  std::string body_;
  size_t most_body_ = 0;
  bool may_take_long_ = false;
  State state_ = State::kIdle;
  bool keep_alive_ = false;    // after the next answer
  bool head_request_ = false;  // ... which is HEAD
};

}  // namespace sheaf
