// A terminal that shows one full screen: its alternate buffer, single keys, its size. On every end it is as it was
// before, by the destructor; a signal that would end or stop the process becomes an event instead. (SIGKILL, alone,
// leaves it as it is.) Plain ANSI sequences, which all terminals of the last thirty years obey.
//
//   auto terminal = Terminal::Open();
//   terminal->Show(lines);
//   switch (terminal->Wait(until).event) ...
//
// One a process, in the main thread, before any other is started.
#pragma once

#include <sys/signalfd.h>
#include <termios.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sheaf::cli {

class Terminal {
 public:
  enum class Event : uint8_t {
    kTime,    // there was nothing else
    kKey,     // `key` was pressed
    kRedraw,  // it has another size, or shows us again
    kEnd,     // a signal has come, or the terminal is gone
  };
  struct Happened {
    Event event;
    char key = 0;
  };
  using Moment = std::chrono::steady_clock::time_point;

  // nullptr: standard input and output are no terminal, or the kernel gives no descriptor.
  static std::unique_ptr<Terminal> Open();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  // Columns and lines, now.
  struct Size {
    size_t width;
    size_t height;
  };
  static Size size();

  // Replaces what is shown. Lines are printable, and not longer than the terminal is wide.
  void Show(const std::vector<std::string>& lines);

  // Sleeps until something happens, at most until `until`. Stops the process, for the shell, when it is told to.
  Happened Wait(Moment until);

  // Can be read when a signal has come, which Wait then tells of at once.
  int signals() const { return signals_; }
  bool HasSignal() const;

 private:
  explicit Terminal(int signals, const termios& before) : signals_(signals), before_(before) {}

  void Enter();
  void Leave();
  Happened TakeSignal();
  Happened TakeKey();
  void Write(const std::string& text);

  const int signals_;
  const termios before_;
  bool gone_ = false;
};

}  // namespace sheaf::cli
