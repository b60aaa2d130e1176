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

// How long who asks is waited for.
struct AdminTimes {
  Duration head = std::chrono::seconds(5);
  Duration body = std::chrono::seconds(10);
  // For the next request, or for an answer to be taken. Longer than the usual interval of scraping, so that one
  // connection serves Prometheus all day.
  Duration idle = std::chrono::seconds(90);
  // For what is asked of the workers, or of the disk.
  Duration answer = std::chrono::seconds(60);
  // For the client to close, once the kernel has taken the last answer.
  Duration linger = std::chrono::seconds(2);
};

class AdminConnection final : public net::ConnectionEvents, public net::DeadlineHandler {
 public:
  // `number`: its own alone.
  AdminConnection(Admin& admin, uint64_t number);

  uint64_t number() const { return number_; }

  // Takes over the accepted socket. False when memory or descriptors ran out (the socket is closed).
  bool Start(int fd);
  // Whether Admin::Handle has been asked, and Complete not called yet.
  bool is_waiting() const { return state_ == State::kWaiting; }
  // The answer to what Admin::Handle was given.
  void Complete(const AdminAnswer& answer);
  // May be called twice.
  void Close();

  // net::ConnectionEvents
  void OnBytes(std::span<uint8_t> bytes) override;
  void OnEnd(net::ConnectionEnd end) override;
  void OnFinished() override;
  void OnDeadline(net::Deadline& deadline) override;

  ListHook hook_;  // Admin's list

 private:
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
  bool half_closed_ = false;   // the client sends no more, and may still wait for its answer
  bool finished_ = false;      // the kernel has all that is ever written
};

}  // namespace sheaf
