// Turns of a real loop, driven by the test: no turn sleeps, since the other end is played between the turns.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "proxy/net/loop.h"

namespace sheaf {

class LoopDriver {
 public:
  // `every_turn` stands where a worker's own work stands: behind the callbacks, before the writes are flushed.
  explicit LoopDriver(std::function<void()> every_turn = {}, const net::BufferMarks& marks = {})
      : loop_(MakeLoop(marks)), every_turn_(std::move(every_turn)) {}

  net::Loop& loop() { return *loop_; }

  void Turn() {
    loop_->Post([] {});  // wakes the loop
    loop_->WaitAndDispatch();
    loop_->RunPosted();
    if (every_turn_) every_turn_();
    loop_->FlushWrites();
    loop_->graveyard().DestroyAll();
  }

  // Enough turns for what is under way over loopback to arrive; not a measure of time.
  void Settle() {
    for (int i = 0; i < 20; ++i) Turn();
  }

  // Turns until `done`; fails the test when that does not come about in ten seconds.
  void Until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      Turn();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  // Turns for at least this long, so that deadlines within it have fired.
  void For(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      Turn();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  static std::unique_ptr<net::Loop> MakeLoop(const net::BufferMarks& marks) {
    auto made = net::Loop::Create(marks);
    REQUIRE(made.ok());
    return std::move(made.value());
  }

  std::unique_ptr<net::Loop> loop_;
  std::function<void()> every_turn_;
};

}  // namespace sheaf
