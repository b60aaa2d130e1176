// The kinds of load. A run opens its clients, lets the load settle, measures for a while, stops the load, waits until
// every message is accounted for, and returns what it saw.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/client.h"
#include "tests/bench/payload.h"

namespace sheaf::bench {

struct Plan {
  Target target;
  uint32_t connections = 100;
  uint32_t outstanding = 1;         // echo: messages of a client under way at the same time
  size_t payload = 128;             // bytes a message
  uint64_t cycles = 0;              // soak: connections in all; the run is over with them, or after `seconds`
  double idle = 0.02;               // soak: seconds between a client's echo and its Close
  bool used = false;                // idle: each client echoes one message before it falls silent
  double rest = 0;                  // idle: seconds of silence before the memory is looked at
  double seconds = 5;               // measured
  double settle = 1;                // before measuring
  bool broadcast = false;           // tick: all clients get the same messages
  std::vector<pid_t> pids;          // whose cost is measured
  std::vector<pid_t> beside;        // whose cost is measured as well, by itself
  std::vector<std::string> memory;  // files with a number of bytes each, whose growth is measured: a control group's
};

struct Figures {
  uint64_t connections = 0;  // opened
  uint64_t messages = 0;     // received while measuring
  uint64_t cycles = 0;       // connections opened, used and closed while measuring
  double seconds = 0;        // really measured
  uint64_t frames = 0;       // that they came in
  uint64_t bytes = 0;        // of these frames, headers included
  uint64_t cpu_us = 0;       // of the processes in the plan, while measuring
  uint64_t pss_growth = 0;   // bytes, of the same
  uint64_t beside_cpu_us = 0;
  uint64_t beside_pss_growth = 0;
  uint64_t group_growth = 0;  // bytes, of the plan's memory files
  uint64_t grown_by = 0;      // connections that came in between
  uint64_t sent = 0;          // by whoever started the messages, in the whole run
  uint64_t received = 0;      // in the whole run
  uint64_t problems = 0;      // connections refused or lost, messages changed or out of order
  std::string first_problem;
  std::vector<uint32_t> latencies_ns;  // a message each, while measuring

  uint64_t Lost() const { return sent > received ? sent - received : 0; }
};

class Run : public ClientEvents {
 public:
  explicit Run(const Plan& plan);
  virtual Figures Measure() = 0;

 protected:
  void OnOpen(Client& client) override;
  void OnClosed(Client& client, std::string_view problem) override;

  // Opens clients from..to, some at a time, and waits until each is open or has failed, or none of them comes on.
  void Open(size_t from, size_t to);
  // Turns the loop until done() or for so many seconds. False: the time was up.
  template <typename Done>
  bool TurnUntil(double seconds, Done&& done);
  void TurnFor(double seconds);
  // Lets the load settle, then counts and times for plan.seconds.
  void MeasureWindow();

  // Sends the next stamped message of the client.
  void SendStamped(Client& client);
  // Checks and counts a message; no stamp: it came changed.
  void Count(Client& client, std::optional<Stamp> stamp, uint64_t now_ns);
  void Problem(std::string_view what);
  bool measuring() const { return measuring_; }

  const Plan& plan_;
  Figures figures_;
  Poller poller_;
  std::vector<std::unique_ptr<Client>> clients_;
  Payload payload_;

 private:
  void CountCosts(bool begin);

  uint32_t opening_ = 0;
  bool measuring_ = false;
};

// Each client sends, and sends again when its message has come back.
class EchoRun : public Run {
 public:
  using Run::Run;
  Figures Measure() override;

 private:
  void OnMessage(Client& client, std::string_view payload, uint64_t now_ns) override;
  bool stopping_ = false;
};

// The backend sends to each client at the rate that the path asks for. The memory's growth is that from the first tenth
// of the clients to all of them, while messages flow.
class TickRun : public Run {
 public:
  explicit TickRun(const Plan& plan);
  Figures Measure() override;

 private:
  void OnMessage(Client& client, std::string_view payload, uint64_t now_ns) override;
  void Tell(size_t from, std::string_view word);
  void AwaitCounts();
  void CountMemory(bool begin);
  Quote quote_;
};

// Clients that say nothing, or nothing any more: what does holding them cost?
class IdleRun : public Run {
 public:
  using Run::Run;
  Figures Measure() override;

 protected:
  void OnMessage(Client& client, std::string_view payload, uint64_t now_ns) override;
  void EchoOnce(size_t from, size_t to);
};

// The same for a time, in which they answer pings: what CPU does holding them cost?
class HoldRun final : public IdleRun {
 public:
  using IdleRun::IdleRun;
  Figures Measure() override;
};

// Each client connects, sends one message, waits for its echo, closes, and does it again.
class ConnectRun : public Run {
 public:
  using Run::Run;
  Figures Measure() override;

 protected:
  void OnOpen(Client& client) override;
  void OnMessage(Client& client, std::string_view payload, uint64_t now_ns) override;
  void OnClosed(Client& client, std::string_view problem) override;
  void StartClosed();
  std::vector<Client*> closed_;
};

// The same for a number of connections instead of a time, with clients of several sorts that fall silent before they
// close. Of ten, one makes plain requests, one is Engine.IO's by its path, two ask for deflate and an envelope; with
// TLS all are plain WebSockets.
class SoakRun final : public ConnectRun {
 public:
  explicit SoakRun(const Plan& plan);
  Figures Measure() override;

 private:
  struct Silent {
    uint64_t until_ns;
    Client* client;
    uint64_t started_ns;  // the client may have been closed, and started anew
  };

  void OnMessage(Client& client, std::string_view payload, uint64_t now_ns) override;
  void CloseSilent();
  bool Enough() const;

  Target http_;
  Target engine_io_;
  Target batched_;
  std::deque<Silent> silent_;
};

}  // namespace sheaf::bench
