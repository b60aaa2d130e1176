// The backend's loop: who is connected, and who gets which messages at which pace. One thread.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/bench/payload.h"
#include "tests/bench/socket.h"

namespace sheaf::bench {

class Peer;

// What a request's path asks for: "/tick/RATE" or "/broadcast/RATE"; any other is an echo.
struct Load {
  double rate = 0;  // messages a second; 0: echo
  bool broadcast = false;
};
Load LoadOf(std::string_view path);

// Gets messages of its own.
class Ticker {
 public:
  virtual ~Ticker() = default;
  // Sends the quote with the ticker's own next number.
  virtual void SendTick(Quote& quote) = 0;
};

// Gets what all get: one client, or all those of a link.
class Audience {
 public:
  virtual ~Audience() = default;
  virtual void SendBroadcast(std::string_view text) = 0;
};

// A listening socket, whose connections go to the server.
class Door;

class Server {
 public:
  // Clients come over TCP, and over the Unix socket at `path` where that is not empty.
  Server(const sockaddr_in& address, const std::string& path);
  ~Server();

  [[noreturn]] void Serve();
  void Welcome(Fd fd);
  // rate: messages a second. Until Stop, which may be called of who was never started.
  void Start(Ticker& ticker, double rate);
  void Stop(Ticker& ticker, double rate);
  // The rate of the first one holds for all.
  void Start(Audience& audience, double rate);
  void Stop(Audience& audience);
  // Has Flush called at the end of the turn.
  void FlushLater(Peer& peer) { owing_.push_back(&peer); }
  // Destroys the peer at the end of the turn.
  void Bury(const Peer& peer);
  Poller& poller() { return poller_; }

 private:
  void AddDoor(Fd listener);
  void Tick(double seconds);
  void Broadcast(double seconds);
  void EndTurn();

  Poller poller_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::unordered_map<int, std::unique_ptr<Peer>> peers_;
  std::vector<Peer*> owing_;
  std::vector<int> gone_;
  Quote quote_;
  std::vector<Ticker*> ticking_;
  size_t next_ = 0;        // of ticking_
  double total_rate_ = 0;  // ticks a second, of all together
  double ticks_due_ = 0;
  std::vector<Audience*> listening_;  // to the broadcast
  double broadcast_rate_ = 0;
  uint64_t broadcasts_ = 0;
  double broadcasts_due_ = 0;
  uint64_t turned_ns_ = NowNs();
};

}  // namespace sheaf::bench
