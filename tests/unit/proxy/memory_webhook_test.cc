// The document that memory.webhook is told with; the posting is tested in front of a real backend.
#include "proxy/memory_webhook.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <string>
#include <thread>

#include "proxy/relief_tally.h"

namespace sheaf {
namespace {

using namespace std::chrono_literals;

TEST_CASE("the document is JSON with the levels and what was read") {
  rapidjson::Document document;
  document.Parse(WebhookJson({.before = PressureLevel::kNormal,
                              .after = PressureLevel::kCritical,
                              .reading = {.used = 90, .limit = 100, .rss = 80}})
                     .c_str());
  REQUIRE_FALSE(document.HasParseError());
  CHECK(std::string(document["event"].GetString()) == "memory_pressure");
  CHECK(std::string(document["level"].GetString()) == "critical");
  CHECK(std::string(document["previous_level"].GetString()) == "normal");
  CHECK(document["percent"].GetDouble() == 90);
  CHECK(document["used_bytes"].GetUint64() == 90);
  CHECK(document["limit_bytes"].GetUint64() == 100);
  CHECK(document["rss_bytes"].GetUint64() == 80);
}

TEST_CASE("the largest numbers there are do not cut the document off") {
  rapidjson::Document document;
  document.Parse(WebhookJson({.before = PressureLevel::kModerate,
                              .after = PressureLevel::kModerate,
                              .reading = {.used = UINT64_MAX, .limit = 1, .rss = UINT64_MAX}})
                     .c_str());
  CHECK_FALSE(document.HasParseError());
}

TEST_CASE("a tally waits for all workers and adds up what they gave back") {
  ReliefTally tally(2);
  std::thread first([&tally] { tally.Add(10); });
  std::thread second([&tally] { tally.Add(32); });
  CHECK(tally.Wait(10s) == 42);
  first.join();
  second.join();
}

TEST_CASE("a tally does not wait for a worker that hangs longer than its patience") {
  ReliefTally tally(2);
  tally.Add(10);
  CHECK(tally.Wait(1ms) == 10);
}

}  // namespace
}  // namespace sheaf
