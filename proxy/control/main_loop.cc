#include "proxy/control/main_loop.h"

#include <unistd.h>

#include <csignal>
#include <utility>

namespace sheaf {
namespace {

// Somebody who pressed Ctrl-C waits for the prompt.
bool IsAtTerminal() {
  return isatty(STDIN_FILENO) != 0 || isatty(STDERR_FILENO) != 0;
}

}  // namespace

Result<std::unique_ptr<MainLoop>> MainLoop::Create(Lifecycle& lifecycle, std::function<uint32_t()> connections,
                                                   std::function<void()> hang_up) {
  Result<std::unique_ptr<net::Loop>> loop = net::Loop::Create(net::BufferMarks{}, net::Sleep::kUntilDue);
  if (!loop.ok()) return Error{loop.error()};
  std::unique_ptr<MainLoop> main(
      new MainLoop(lifecycle, std::move(connections), std::move(hang_up), std::move(loop.value())));
  auto signals = net::SignalReader::Create(*main->loop_, {SIGTERM, SIGINT, SIGHUP},
                                           [&main = *main](int signal) { main.OnSignal(signal); });
  if (!signals.ok()) return Error{signals.error()};
  main->signals_ = std::move(signals.value());
  return main;
}

void MainLoop::Run() {
  while (!lifecycle_.stopped()) {
    loop_->WaitAndDispatch();
    loop_->RunPosted();
    if (lifecycle_.draining() && !look_.set()) loop_->SetShortDeadline(look_, loop_->now() + Lifecycle::kLook);
  }
}

void MainLoop::OnSignal(int signal) {
  if (signal == SIGHUP) return hang_up_();
  const bool interrupt = signal == SIGINT;
  lifecycle_.End({.signal = interrupt ? "SIGINT" : "SIGTERM", .hurried = interrupt && IsAtTerminal()}, loop_->now());
}

void MainLoop::OnDeadline(net::Deadline& /*deadline*/) {
  lifecycle_.Look(loop_->now(), connections_());
}

}  // namespace sheaf
