// The stages of the process's life, and when it goes from one to the next. Pure: time is an argument.
//
//   Lifecycle life(options.drain, options.websocket.close_timeout, events);
//   life.Serve();                                             // clients can connect
//   life.Drain("POST /drain", now);                           // an operator asks; Undrain takes it back
//   life.End({.signal = "SIGTERM", .hurried = false}, now);   // a signal came
//   while (!life.stopped()) life.Look(now, connections);      // at least every kLook
//
// An operator's drain is the one of a signal without the end of the process. A signal that comes meanwhile joins it:
// the process ends when it is over, or at once where it is over already.
//
// Owned by the Server; the main thread only, but for stage().
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/option_table.h"
#include "proxy/base/status.h"

namespace sheaf {

enum class Stage : uint8_t {
  kStarting,  // nobody can connect yet
  kServing,
  kDelaying,  // a drain has begun: not ready any more, but clients still come and are served
  kDraining,  // no new clients; those that are here are told to go
  kDrained,   // the same, when an operator's drain is over: it waits for a signal, or for Undrain
  kStopped,
};

// How a drain ended.
enum class DrainEnd : uint8_t {
  kOver,  // everybody has gone, or drain.timeout is over
  kUndrained,
  kCutShort,  // by a second signal
};

class LifecycleEvents {
 public:
  // The process is about to end: the first signal has come, and the stage says so.
  virtual void OnEnding() = 0;
  // kDraining has begun. All sessions are to get their Close within `window`. Once more with a shorter one, if somebody
  // is in a hurry now.
  virtual void OnDrain(Duration window) = 0;
  // New clients are to be let in again, and nobody is told to go any more. The stage stays when this fails; the error
  // says why, and what to do.
  virtual Result<bool> OnUndrain() = 0;
  // In the stage that follows.
  virtual void OnDrainOver(DrainEnd end) = 0;

 protected:
  ~LifecycleEvents() = default;
};

class Lifecycle {
 public:
  // While a drain is under way, Look is due this often.
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

  // For a drain that is still to come.
  void Adopt(const Options::Drain& options, Duration close_timeout) {
    delay_ = options.delay;
    timeout_ = options.timeout;
    close_timeout_ = close_timeout;
  }

  void Serve() { MoveTo(Stage::kServing); }
  // Begins a drain, or joins the one that is under way or over. `by`: for the log.
  void Drain(std::string_view by, TimePoint now);
  // Serves again. Fails, and changes nothing, once a signal has come, and where OnUndrain does.
  Result<bool> Undrain();
  // The first one begins the end, or joins a drain; the second ends it at once.
  void End(const Ending& ending, TimePoint now);
  // `connections`: of clients, that are still there.
  void Look(TimePoint now, uint32_t connections);

  // Any thread.
  Stage stage() const { return stage_.load(std::memory_order_relaxed); }
  bool stopped() const { return stage() == Stage::kStopped; }
  // A drain is under way.
  bool draining() const { return stage() == Stage::kDelaying || stage() == Stage::kDraining; }

  // A second signal has stopped it.
  bool cut_short() const { return cut_short_; }

 private:
  // A client that has answered its Close may keep its connection for so long (LingeringClose).
  static constexpr Duration kLastGoodbye = std::chrono::seconds(1);

  void MoveTo(Stage stage) { stage_.store(stage, std::memory_order_relaxed); }
  void TakeSignal(const Ending& ending, bool second, TimePoint now);
  void Begin(std::string_view by, bool hurried, TimePoint now);
  void Hurry(TimePoint now);
  void TellAllToGo(TimePoint now);
  void FinishDrain(Stage next, DrainEnd end);
  Duration WindowOf(Duration rest) const;

  Duration delay_;
  Duration timeout_;
  Duration close_timeout_;
  LifecycleEvents& events_;
  std::atomic<Stage> stage_{Stage::kStarting};
  TimePoint delay_end_{};
  TimePoint drain_began_{};
  TimePoint end_{};
  bool signalled_ = false;  // the process ends when the drain is over
  bool cut_short_ = false;
};

}  // namespace sheaf
