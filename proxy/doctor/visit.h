// One request of the doctor's from dial to end: sent over a connection of its own, and what comes back collected.
//
//   Visit visit(loop, place);
//   Answer answer = visit.Ask(request, limits);     // blocks: it turns the loop by itself
//
// One thread; a visit asks once.
#pragma once

#include <memory>
#include <string>

#include "proxy/base/metrics.h"
#include "proxy/doctor/answer.h"
#include "proxy/net/connection.h"
#include "proxy/net/loop.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::doctor {

// Where to ask.
struct Place {
  net::Address address;
  const net::TlsContext* tls = nullptr;  // nullptr: plain
  std::string server_name;
};

// How long to wait for what.
struct Patience {
  Duration response = std::chrono::seconds(10);       // for the connection and the head of the response
  Duration body = std::chrono::seconds(1);            // for the rest of it; what goes on is a stream
  Duration message = std::chrono::milliseconds(300);  // for a WebSocket's first message; then it is closed
  Duration close = std::chrono::seconds(2);           // for the answer to the Close
};

class Visit final : private net::ConnectionEvents, net::DeadlineHandler {
 public:
  Visit(net::Loop& loop, const Place& place, const Patience& patience = {});
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit();

  // `head`: the whole request. `subprotocols`: what a WebSocket handshake offers.
  Answer Ask(const std::string& head, std::string_view subprotocols = "");

 private:
  // More of a body tells nothing more.
  static constexpr size_t kMostBody = 1024 * 1024;

  void OnConnected() override;
  void OnBytes(std::span<uint8_t> bytes) override;
  void OnEnd(net::ConnectionEnd end) override;
  void OnDeadline(net::Deadline& deadline) override;

  void TakeHead();
  void TakeBody(std::string_view bytes);
  void TakeFrames(std::span<uint8_t> bytes);
  bool TakePiece(const wire::FramePiece& piece);
  void SayGoodbye();
  void Fail(std::string error);
  void Finish();

  net::Loop& loop_;
  const Place& place_;
  const Patience patience_;
  Counter received_;
  Counter sent_;
  const net::IoCounters io_{&received_, &sent_};
  net::Deadline deadline_;
  const wire::FrameLimits frame_limits_{.max_message = 64 * kMostBody, .max_fragments = UINT32_MAX};
  std::unique_ptr<net::Connection> connection_;
  std::string request_;
  std::string subprotocols_;
  TimePoint asked_at_{};
  std::string head_;  // received, until it is complete
  bool has_head_ = false;
  bool switched_ = false;  // a WebSocket now
  bool closing_ = false;   // our Close has been sent
  bool over_ = false;
  wire::BodyDecoder body_;
  wire::FrameDecoder frames_;
  Message message_;  // the first one, as far as it has come
  Answer answer_;
};

}  // namespace sheaf::doctor
