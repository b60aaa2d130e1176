// One WebSocket client of the generator: connects, upgrades, sends and receives messages.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/bench/batch.h"
#include "tests/bench/channel.h"
#include "tests/bench/frames.h"
#include "tests/bench/inflater.h"

namespace sheaf::bench {

class Client;

class ClientEvents {
 public:
  virtual ~ClientEvents() = default;
  virtual void OnOpen(Client& client) = 0;
  // A message, taken out of its batch. now_ns: when the bytes were read.
  virtual void OnMessage(Client& client, std::string_view payload, uint64_t now_ns) = 0;
  // The connection is gone. problem is "" when both sides had sent a Close frame. Start must not be called from here.
  virtual void OnClosed(Client& client, std::string_view problem) = 0;
};

struct Target {
  sockaddr_in address{};
  std::string path;
  SSL_CTX* tls = nullptr;
  // Asked for, and a connection that does not get it has failed.
  std::string envelope;  // "json", "binary"; empty: none
  bool browser = false;  // with the fields that Chromium sends; what a server keeps of a handshake has them, too
  bool deflate = false;  // permessage-deflate, offered as Chromium does
  // Messages are events of Socket.IO; the client is open when it has its namespace.
  bool socketio = false;
  // A plain request instead of a WebSocket. It never opens; it closes, without a problem, when it was answered with
  // 200.
  bool http = false;
};

// Owned by a Run, used by its thread.
class Client : public Pollable {
 public:
  Client(Poller& poller, const Target& target, ClientEvents& events, uint32_t index);

  // Connects. The client must be new or closed.
  void Start();
  // Queues a text message, or an event of this name; it leaves at the end of the event in which it was queued, or with
  // Flush.
  void SendText(std::string_view payload);
  // Queues a Close frame with status 1000.
  void SendClose();
  void Flush();

  bool open() const { return phase_ == Phase::kOpen; }
  uint32_t index() const { return index_; }

  // The run's counts for this client.
  uint64_t sent = 0;
  uint64_t received = 0;
  std::optional<uint64_t> next = 0;   // sequence number; nullopt: whichever comes
  std::optional<uint64_t> announced;  // how many the backend says it sent
  uint64_t started_ns = 0;
  // What came since the upgrade: frames with messages in them, and bytes of all frames, headers included.
  uint64_t frames = 0;
  uint64_t bytes = 0;

 private:
  enum class Phase : uint8_t { kClosed, kConnecting, kUpgrading, kOpen };

  void OnEvents(uint32_t events) override;
  void OnReadable();
  void OnHead(std::span<char> bytes, uint64_t now_ns);
  // What the answer lacks, "" for nothing.
  std::string_view Missing(std::string_view head) const;
  // The answer to a plain request has come to its end.
  void OnHttpEnd();
  void OnBytes(std::span<char> received_bytes, uint64_t now_ns);
  [[nodiscard]] bool OnFrame(Message frame, uint64_t now_ns);
  [[nodiscard]] bool OnPacket(std::string_view packet, uint64_t now_ns);
  void OnClose(std::string_view payload);
  void SendUpgrade();
  void End(std::string_view problem);
  void Watch(uint32_t wanted);
  uint32_t NextMask();

  Poller& poller_;
  const Target& target_;
  ClientEvents& events_;
  const uint32_t index_;
  uint32_t mask_;
  Phase phase_ = Phase::kClosed;
  bool close_sent_ = false;
  uint32_t watched_ = 0;
  std::unique_ptr<Channel> channel_;
  std::string out_;
  std::string head_;
  MessageReader reader_{false};
  const Envelope envelope_;
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace sheaf::bench
