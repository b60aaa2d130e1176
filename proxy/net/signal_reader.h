// Signals of the process as events of a loop, so that nobody has to sleep for them and nothing runs in a handler.
//
//   auto signals = SignalReader::Create(loop, {SIGTERM, SIGHUP}, [](int signal) { ... });
//
// Create it before any thread is started: the signals are blocked in the calling thread, threads inherit that, and so
// the reader alone gets them. One thread only, the loop's; the loop outlives it.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>

#include "proxy/base/status.h"
#include "proxy/net/readable.h"

namespace sheaf::net {

class Loop;

class SignalReader {
 public:
  using Told = std::function<void(int signal)>;

  // Fails when the kernel gives no descriptor. The signals stay blocked when the reader is destroyed.
  static Result<std::unique_ptr<SignalReader>> Create(Loop& loop, std::initializer_list<int> signals, Told told);
  SignalReader(const SignalReader&) = delete;
  SignalReader& operator=(const SignalReader&) = delete;
  ~SignalReader();

  // Tells of those that have come by now, without waiting for the loop's next turn.
  void ReadPending();

 private:
  SignalReader(int fd, Told told) : fd_(fd), told_(std::move(told)) {}

  const int fd_;
  const Told told_;
  std::unique_ptr<Readable> readable_;
};

}  // namespace sheaf::net
