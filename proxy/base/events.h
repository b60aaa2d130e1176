// What happened to the process as a whole: the lines of the log that an operator looks for, kept for GET /events.
//
//   Announce(EventKind::kReload, LogLevel::kInfo, "reloaded", {{"generation", number}});    // in the log and here
//   const EventRing::Look look = Events().Since(0);
//
// A line is announced instead of logged where it concerns the process. Nothing that clients send is in it, and what
// they can cause over and over has the same words each time: within a minute it is one event, which counts. Events are
// kept whatever log.level says.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/log.h"

namespace sheaf {

enum class EventKind : uint8_t {
  kStart,     // it listens; what is doubtful in its configuration
  kReload,    // taken up, failed or refused; files that cannot be read are among the causes
  kPressure,  // levels of memory, and steps of relief
  kUpstream,  // a backend, an endpoint or its name comes and goes
  kDrain,     // of the process, or of an endpoint
  kAccept,    // accepting pauses
  kLog,       // lines of the log were dropped
};

// Clients can cause it over and over.
constexpr bool CanFlood(EventKind kind) {
  return kind == EventKind::kAccept || kind == EventKind::kLog;
}

constexpr std::string_view NameOf(EventKind kind) {
  constexpr std::array<std::string_view, 7> kNames = {"start", "reload", "pressure", "upstream",
                                                      "drain", "accept", "log"};
  return kNames[static_cast<size_t>(kind)];
}

struct Event {
  uint64_t number = 0;  // from 1
  uint64_t times = 1;   // that it was announced; more than 1 where CanFlood
  std::chrono::system_clock::time_point at;
  LogLevel level = LogLevel::kInfo;
  EventKind kind = EventKind::kStart;
  std::string message;
  std::vector<std::pair<std::string, std::string>> fields;  // a field of the log, as text: any bytes
};

// Any thread; every method locks.
class EventRing {
 public:
  static constexpr size_t kMost = 200;              // events
  static constexpr size_t kMostText = 2048;         // bytes of the texts of one; what is longer ends in "..."
  static constexpr std::chrono::minutes kSpell{1};  // of what can flood, the same is one event

  // The newest events from a number on, oldest first.
  struct Look {
    uint64_t last = 0;  // number of the newest one; 0: there was none yet
    std::vector<Event> events;
  };

  using Time = std::chrono::system_clock::time_point;
  void Add(EventKind kind, LogLevel level, std::string_view message, std::span<const LogField> fields,
           Time now = std::chrono::system_clock::now());
  // Those that are kept and came after the one of this number.
  Look Since(uint64_t number) const;

 private:
  // Whether it is one that is kept already; then that one counts it. Under the mutex.
  bool Repeats(const Event& event);

  mutable std::mutex mutex_;
  std::deque<Event> events_;  // the newest last
  uint64_t last_ = 0;
};

// Those of the process.
EventRing& Events();

// Tells the log, too.
void Announce(EventKind kind, LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});

}  // namespace sheaf
