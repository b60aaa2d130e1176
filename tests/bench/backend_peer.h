// One connection of the backend: HTTP at first, then a WebSocket of one client, or a mux link.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tests/bench/backend_server.h"
#include "tests/bench/frames.h"

namespace sheaf::bench {

class MuxLink;

// Owned by the server.
class Peer : public Pollable, public Ticker, public Audience {
 public:
  Peer(Server& server, Fd fd);
  ~Peer() override;

  void SendTick(Quote& quote) override;
  void SendBroadcast(std::string_view text) override;
  // Queues a binary message.
  void Queue(std::string_view frame);
  void Flush();
  // It is so far behind that it gets no messages until it has caught up; what is not sent is not counted either.
  bool behind() const;
  int fd() const { return fd_.get(); }

 private:
  void OnEvents(uint32_t events) override;
  void OnReadable();
  void OnHead(std::span<char> bytes);
  void AnswerHead(std::string_view head);
  void OnBytes(std::span<char> bytes);
  void OnMessage(const Message& message);
  void OnTickWord(std::string_view word);
  void Leave();

  Server& server_;
  Fd fd_;
  bool upgraded_ = false;
  bool gone_ = false;
  bool closing_ = false;
  bool waits_for_room_ = false;
  Load load_;
  uint64_t ticks_ = 0;
  std::string head_;
  std::string out_;
  MessageReader reader_{true};
  std::unique_ptr<MuxLink> link_;  // nullptr: a client's own WebSocket
};

}  // namespace sheaf::bench
