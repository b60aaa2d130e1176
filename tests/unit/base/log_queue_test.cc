#include "proxy/base/log_queue.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace sheaf {
namespace {

using namespace std::chrono_literals;

// A reader of the log that the test lets hang, fail and read again.
class Reader {
 public:
  bool Write(std::string_view lines) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !hangs_; });
    --waiting_;
    if (gone_) return false;
    writes_.emplace_back(lines);
    changed_.notify_all();
    return true;
  }
  void Hang() { Set(hangs_, true); }
  void ReadAgain() { Set(hangs_, false); }
  void GoAway() { Set(gone_, true); }
  void ComeBack() { Set(gone_, false); }

  // Until a write of the queue hangs in here.
  void AwaitWrite() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 10s, [this] { return waiting_ > 0; }));
  }
  std::vector<std::string> AwaitLines(size_t count) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 10s, [&] { return Split().size() >= count; }));
    return Split();
  }
  std::vector<std::string> writes() {
    const std::lock_guard lock(mutex_);
    return writes_;
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return Split();
  }

 private:
  void Set(bool& flag, bool value) {
    const std::lock_guard lock(mutex_);
    flag = value;
    changed_.notify_all();
  }
  std::vector<std::string> Split() const {
    std::vector<std::string> lines(1);
    for (const std::string& write : writes_) {
      for (const char c : write) {
        if (c == '\n') {
          lines.emplace_back();
        } else {
          lines.back().push_back(c);
        }
      }
    }
    CHECK_MESSAGE(lines.back().empty(), "a line has no end");
    lines.pop_back();
    return lines;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> writes_;
  int waiting_ = 0;
  bool hangs_ = false;
  bool gone_ = false;
};

std::string Tell(uint64_t dropped) {
  return "dropped " + std::to_string(dropped);
}

// A queue of 1,000 bytes, of which access lines may have 750. The reader outlives it, and is let go before it.
class Log1000 {
 public:
  Log1000() : before_(DroppedLogLines()) {}
  Log1000(const Log1000&) = delete;
  Log1000& operator=(const Log1000&) = delete;
  ~Log1000() { reader.ReadAgain(); }

  // Lets the reader hang on a first line, of 10 bytes with its end, which stays in the queue.
  void HangOnFirst() {
    reader.Hang();
    queue.Push(LogKind::kEvent, "the first");
    reader.AwaitWrite();
  }
  // Lines of 10 bytes each.
  void Push(LogKind kind, int count) {
    for (int i = 0; i < count; ++i) queue.Push(kind, kind == LogKind::kAccess ? "an access" : "something");
  }
  uint64_t dropped() const { return DroppedLogLines() - before_; }
  auto CountOf(const std::string& line) {
    const std::vector<std::string> lines = reader.lines();
    return std::count(lines.begin(), lines.end(), line);
  }

  Reader reader;
  LogQueue queue{[this](std::string_view lines) { return reader.Write(lines); },
                 &Tell,
                 {.bytes = 1000, .access_bytes = 750, .write_bytes = 64, .gather = 5ms}};

 private:
  const uint64_t before_;
};

}  // namespace

TEST_CASE("a line reaches the reader, and those that come meanwhile go in one write") {
  Log1000 log;
  log.HangOnFirst();
  for (const char* line : {"a", "b", "c"}) log.queue.Push(LogKind::kEvent, line);
  log.reader.ReadAgain();
  CHECK_EQ(log.reader.AwaitLines(4), std::vector<std::string>{"the first", "a", "b", "c"});
  CHECK_EQ(log.reader.writes(), std::vector<std::string>{"the first\n", "a\nb\nc\n"});
  CHECK_EQ(log.dropped(), 0);
}

TEST_CASE("a write has whole lines, as many as it may have") {
  Log1000 log;
  log.HangOnFirst();
  const std::string longer(30, 'x');
  const std::string longest(100, 'y');
  for (const std::string& line : {longer, longer, longer, longest, longer}) log.queue.Push(LogKind::kEvent, line);
  log.reader.ReadAgain();
  log.reader.AwaitLines(6);
  const std::string two = longer + "\n" + longer + "\n";
  CHECK_EQ(log.reader.writes(),
           std::vector<std::string>{"the first\n", two, longer + "\n", longest + "\n", longer + "\n"});
}

TEST_CASE("while the reader hangs, lines are kept up to the bound, and access lines up to three quarters of it") {
  Log1000 log;
  log.HangOnFirst();
  log.Push(LogKind::kAccess, 74);
  CHECK_EQ(log.dropped(), 0);
  log.Push(LogKind::kAccess, 6);
  CHECK_EQ(log.dropped(), 6);
  log.Push(LogKind::kEvent, 25);
  CHECK_EQ(log.dropped(), 6);
  log.Push(LogKind::kEvent, 4);
  CHECK_EQ(log.dropped(), 10);
  log.reader.ReadAgain();
  log.reader.AwaitLines(101);
  CHECK_EQ(log.CountOf("an access"), 74);
  CHECK_EQ(log.CountOf("something"), 25);
}

TEST_CASE("what the reader has taken makes room at once") {
  Log1000 log;
  log.HangOnFirst();
  log.Push(LogKind::kEvent, 99);
  log.Push(LogKind::kEvent, 1);
  REQUIRE_EQ(log.dropped(), 1);
  log.reader.ReadAgain();
  log.reader.AwaitLines(101);
  log.reader.Hang();
  log.Push(LogKind::kEvent, 99);
  CHECK_EQ(log.dropped(), 1);
}

TEST_CASE("dropped lines are told once, when the reader has caught up, and again after another spell") {
  Log1000 log;
  log.HangOnFirst();
  log.Push(LogKind::kAccess, 94);
  log.reader.ReadAgain();
  CHECK_EQ(log.reader.AwaitLines(76).back(), "dropped 20");
  log.Push(LogKind::kAccess, 1);
  CHECK_EQ(log.reader.AwaitLines(77).back(), "an access");

  log.HangOnFirst();
  log.Push(LogKind::kAccess, 75);
  log.reader.ReadAgain();
  CHECK_EQ(log.reader.AwaitLines(77 + 1 + 74 + 1).back(), "dropped 1");
  CHECK_EQ(log.CountOf("dropped 20"), 1);
}

TEST_CASE("nothing is told where nothing was dropped") {
  Log1000 log;
  log.HangOnFirst();
  log.Push(LogKind::kAccess, 74);
  log.reader.ReadAgain();
  CHECK_EQ(log.reader.AwaitLines(75).back(), "an access");
  CHECK(log.queue.Close(10s));
  CHECK_EQ(log.reader.lines().size(), 75);
}

TEST_CASE("a reader that never catches up hears of dropped lines, too") {
  Reader reader;
  LogQueue* inside = nullptr;
  // Each write lets more lines come than it takes.
  LogQueue queue(
      [&](std::string_view lines) {
        if (reader.writes().size() < 200) {
          for (int i = 0; i < 20; ++i) inside->Push(LogKind::kEvent, "something");
        }
        return reader.Write(lines);
      },
      &Tell, {.bytes = 1000, .access_bytes = 750, .write_bytes = 64, .gather = 0ms});
  inside = &queue;
  queue.Push(LogKind::kEvent, "the first");
  const std::vector<std::string> lines = reader.AwaitLines(1000);
  CHECK(std::any_of(lines.begin(), lines.end(), [](const std::string& line) { return line.starts_with("dropped"); }));
  CHECK(queue.Close(10s));
}

TEST_CASE("lines that cannot be written are counted, and told when the reader is there again") {
  Log1000 log;
  log.reader.GoAway();
  log.HangOnFirst();
  log.Push(LogKind::kEvent, 3);
  log.reader.ReadAgain();
  for (int i = 0; i < 1000 && log.dropped() < 4; ++i) std::this_thread::sleep_for(1ms);
  CHECK_EQ(log.dropped(), 4);
  CHECK(log.reader.lines().empty());
  log.reader.ComeBack();
  log.queue.Push(LogKind::kEvent, "back");
  CHECK_EQ(log.reader.AwaitLines(2), std::vector<std::string>{"back", "dropped 4"});
}

TEST_CASE("closing has all that is queued written, and drops what comes later") {
  Log1000 log;
  log.Push(LogKind::kAccess, 50);
  CHECK(log.queue.Close(10s));
  CHECK_EQ(log.CountOf("an access"), 50);
  log.Push(LogKind::kEvent, 2);
  CHECK_EQ(log.dropped(), 2);
  CHECK(log.queue.Close(10s));
  CHECK_EQ(log.reader.lines().size(), 50);
}

TEST_CASE("closing waits for a reader that hangs no longer than it was told, all calls together") {
  Log1000 log;
  log.HangOnFirst();
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(log.queue.Close(30ms));
  CHECK(std::chrono::steady_clock::now() - begin >= 30ms);
  CHECK_FALSE(log.queue.Close(1h));
}

TEST_CASE("a reader that reads again in time gets everything before the end") {
  Log1000 log;
  log.HangOnFirst();
  log.Push(LogKind::kEvent, 99);
  CHECK_FALSE(log.queue.Close(0ms));
  CHECK_EQ(log.reader.lines().size(), 0);
  log.reader.ReadAgain();
  log.reader.AwaitLines(100);
}

TEST_CASE("lines of eight threads are whole, and those of each in order") {
  constexpr int kThreads = 8;
  constexpr int kLines = 2000;
  const uint64_t before = DroppedLogLines();
  Reader reader;
  LogQueue queue([&reader](std::string_view lines) { return reader.Write(lines); }, &Tell);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&queue, t] {
      const std::string tail(static_cast<size_t>(t * 10), '.');
      for (int i = 0; i < kLines; ++i) {
        queue.Push(LogKind::kEvent, std::to_string(t) + " " + std::to_string(i) + " " + tail);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(queue.Close(10s));
  REQUIRE_EQ(DroppedLogLines(), before);
  std::map<int, int> next;
  bool all_right = true;
  for (const std::string& line : reader.lines()) {
    const int t = line[0] - '0';
    all_right = all_right && line == std::to_string(t) + " " + std::to_string(next[t]++) + " " +
                                         std::string(static_cast<size_t>(t * 10), '.');
  }
  CHECK(all_right);
  for (int t = 0; t < kThreads; ++t) CHECK_EQ(next[t], kLines);
}

}  // namespace sheaf
