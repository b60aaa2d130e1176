#include "proxy/base/events.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace sheaf {
namespace {

void Add(EventRing& ring, const std::string& message, EventKind kind = EventKind::kUpstream,
         EventRing::Time now = EventRing::Time{}) {
  ring.Add(kind, LogLevel::kInfo, message, {}, now);
}

TEST_CASE("Events are numbered from 1, and told from a number on") {
  EventRing ring;
  CHECK(ring.Since(0).last == 0);
  for (const char* const message : {"a", "b", "c"}) Add(ring, message);
  const EventRing::Look all = ring.Since(0);
  CHECK(all.last == 3);
  REQUIRE(all.events.size() == 3);
  CHECK(all.events[0].number == 1);
  CHECK(all.events[0].message == "a");
  const EventRing::Look later = ring.Since(2);
  REQUIRE(later.events.size() == 1);
  CHECK(later.events[0].message == "c");
  CHECK(ring.Since(3).events.empty());
  CHECK(ring.Since(17).last == 3);
}

TEST_CASE("The newest are kept") {
  EventRing ring;
  for (size_t i = 1; i <= EventRing::kMost + 5; ++i) Add(ring, std::to_string(i));
  const EventRing::Look look = ring.Since(0);
  CHECK(look.last == EventRing::kMost + 5);
  REQUIRE(look.events.size() == EventRing::kMost);
  CHECK(look.events.front().message == "6");
  CHECK(look.events.back().number == look.last);
}

TEST_CASE("What clients can cause over and over is one event a minute, which counts; other events are all kept") {
  EventRing ring;
  const EventRing::Time begin{};
  for (int second = 0; second < 60; ++second) {
    Add(ring, "pauses", EventKind::kAccept, begin + std::chrono::seconds(second));
    Add(ring, "others pause", EventKind::kAccept, begin + std::chrono::seconds(second));
  }
  Add(ring, "pauses", EventKind::kAccept, begin + EventRing::kSpell);
  Add(ring, "is down");
  Add(ring, "is down");
  std::vector<uint64_t> times;
  for (const Event& event : ring.Since(0).events) times.push_back(event.times);
  CHECK(times == std::vector<uint64_t>{60, 60, 1, 1, 1});
}

TEST_CASE("Texts are bounded, and no character is cut in half") {
  EventRing ring;
  std::string long_text = "x";
  while (long_text.size() < 2 * EventRing::kMostText) long_text += "\u00fc";
  const std::vector<LogField> fields = {{"short", "v"}, {"long", long_text}, {"left_out", "w"}};
  ring.Add(EventKind::kReload, LogLevel::kError, "failed", fields);
  const Event event = ring.Since(0).events.front();
  REQUIRE(event.fields.size() == 2);
  CHECK(event.fields[0].second == "v");
  const std::string& cut = event.fields[1].second;
  CHECK(cut.ends_with("\u00fc..."));
  size_t all = event.message.size();
  for (const auto& [key, value] : event.fields) all += key.size() + value.size();
  CHECK(all <= EventRing::kMostText);
  CHECK(all > EventRing::kMostText - 4);
}

TEST_CASE("What is announced is kept whatever the level of the log") {
  SetLogLevel(LogLevel::kError);
  const uint64_t before = Events().Since(0).last;
  Announce(EventKind::kStart, LogLevel::kInfo, "listening", {{"workers", 2}});
  SetLogLevel(LogLevel::kInfo);
  const EventRing::Look look = Events().Since(before);
  REQUIRE(look.events.size() == 1);
  CHECK(look.events[0].fields == decltype(Event::fields){{"workers", "2"}});
}

TEST_CASE("Any thread adds and looks") {
  EventRing ring;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&ring] {
      for (int i = 0; i < 500; ++i) {
        Add(ring, "event");
        CHECK(ring.Since(0).events.size() <= EventRing::kMost);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(ring.Since(0).last == 2000);
}

}  // namespace
}  // namespace sheaf
