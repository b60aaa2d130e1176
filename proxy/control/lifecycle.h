// The stages of the process's life, and when it goes from one to the next. Pure: time is an argument.
//
//   Lifecycle life(options.drain, options.websocket.close_timeout, events);
//   life.Serve();                                             // clients can connect
//   life.End({.signal = "SIGTERM", .hurried = false}, now);   // a signal came
//   while (!life.stopped()) life.Look(now, connections);      // at least every kLook
//
// Owned by the Server; the main thread only, but for stage().
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/option_table.h"

namespace sheaf {

enum class Stage : uint8_t {
  kStarting,  // nobody can connect yet
  kServing,
  kDelaying,  // a signal came: not ready any more, but clients still come and are served
  kDraining,  // no new clients; those that are here are told to go
  kStopped,
};

class LifecycleEvents {
 public:
  // The process is about to end: kDelaying has begun.
  virtual void OnEnding() = 0;
  // kDraining has begun. All sessions are to get their Close within `window`.
  virtual void OnDrain(Duration window) = 0;

 protected:
  ~LifecycleEvents() = default;
};

class Lifecycle {
 public:
  // While it delays or drains, Look is due this often.
  static constexpr Duration kLook = std::chrono::milliseconds(20);
  // What a hurried end takes at most, in place of drain.timeout.
  static constexpr Duration kHurry = std::chrono::seconds(2);

  struct Ending {
    std::string_view signal;  // its name
    bool hurried = false;     // somebody waits for it at a terminal: no delay, and kHurry at most
  };

  // `close_timeout`: how long one client may take to answer its Close.
  Lifecycle(const Options::Drain& options, Duration close_timeout, LifecycleEvents& events)
      : delay_(options.delay), timeout_(options.timeout), close_timeout_(close_timeout), events_(events) {}

  // For an end that is still to come.
  void Adopt(const Options::Drain& options, Duration close_timeout) {
    delay_ = options.delay;
    timeout_ = options.timeout;
    close_timeout_ = close_timeout;
  }

  void Serve() { MoveTo(Stage::kServing); }
  // The first one begins the end; the second ends it at once.
  void End(const Ending& ending, TimePoint now);
  // `connections`: of clients, that are still there.
  void Look(TimePoint now, uint32_t connections);

  // Any thread.
  Stage stage() const { return stage_.load(std::memory_order_relaxed); }
  bool stopped() const { return stage() == Stage::kStopped; }
  bool ending() const { return stage() == Stage::kDelaying || stage() == Stage::kDraining; }

  // A second signal has stopped it.
  bool cut_short() const { return cut_short_; }

 private:
  // A client that has answered its Close may keep its connection for so long (LingeringClose).
  static constexpr Duration kLastGoodbye = std::chrono::seconds(1);

  void MoveTo(Stage stage) { stage_.store(stage, std::memory_order_relaxed); }
  void Begin(const Ending& ending, TimePoint now);
  void Drain(TimePoint now);
  Duration WindowOf(Duration rest) const;

  Duration delay_;
  Duration timeout_;
  Duration close_timeout_;
  LifecycleEvents& events_;
  std::atomic<Stage> stage_{Stage::kStarting};
  TimePoint delay_end_{};
  TimePoint drain_began_{};
  TimePoint end_{};
  bool cut_short_ = false;
};

}  // namespace sheaf
