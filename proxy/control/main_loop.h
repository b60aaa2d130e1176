// The main thread's loop. Signals arrive in it, answers of other threads are posted to it, and it takes the process
// through the stages of its life. Nothing in it waits for anything else.
//
//   auto main = MainLoop::Create(lifecycle, [&] { return connections; }, [&] { ... });   // before any thread is
//   // started
//   ...
//   main.value()->Run();                                                      // until the lifecycle has stopped
//
// Owned by the Server; the main thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "proxy/base/status.h"
#include "proxy/control/lifecycle.h"
#include "proxy/net/loop.h"
#include "proxy/net/signal_reader.h"

namespace sheaf {

class MainLoop final : private net::DeadlineHandler {
 public:
  // `connections`: how many clients are still there. `hang_up`: SIGHUP has come. From here on these signals are the
  // loop's own.
  static Result<std::unique_ptr<MainLoop>> Create(Lifecycle& lifecycle, std::function<uint32_t()> connections,
                                                  std::function<void()> hang_up);

  net::Loop& loop() { return *loop_; }

  // Obeys the signals that have come by now.
  void ReadSignals() { signals_->ReadPending(); }
  void Run();

 private:
  MainLoop(Lifecycle& lifecycle, std::function<uint32_t()> connections, std::function<void()> hang_up,
           std::unique_ptr<net::Loop> loop)
      : lifecycle_(lifecycle),
        connections_(std::move(connections)),
        hang_up_(std::move(hang_up)),
        loop_(std::move(loop)),
        look_(*this) {}
  void OnSignal(int signal);
  void OnDeadline(net::Deadline& deadline) override;

  Lifecycle& lifecycle_;
  const std::function<uint32_t()> connections_;
  const std::function<void()> hang_up_;
  const std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::SignalReader> signals_;
  net::Deadline look_;  // of the lifecycle
};

}  // namespace sheaf
