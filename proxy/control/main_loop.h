// The main thread's loop. Signals arrive in it, answers of other threads are posted to it, and it takes the process
// through the stages of its life. Nothing in it waits for anything else.
//
//   auto main = MainLoop::Create(lifecycle, [&] { return connections; });     // before any thread is started
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
  // `connections`: how many clients are still there. From here on the signals that end the process are its own.
  static Result<std::unique_ptr<MainLoop>> Create(Lifecycle& lifecycle, std::function<uint32_t()> connections);

  net::Loop& loop() { return *loop_; }

  // Obeys the signals that have come by now.
  void ReadSignals() { signals_->ReadPending(); }
  void Run();

 private:
  MainLoop(Lifecycle& lifecycle, std::function<uint32_t()> connections, std::unique_ptr<net::Loop> loop)
      : lifecycle_(lifecycle), connections_(std::move(connections)), loop_(std::move(loop)), look_(*this) {}
  void OnSignal(int signal);
  void OnDeadline(net::Deadline& deadline) override;

  Lifecycle& lifecycle_;
  const std::function<uint32_t()> connections_;
  const std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::SignalReader> signals_;
  net::Deadline look_;  // of the lifecycle
};

}  // namespace sheaf
