#include "memwatch/memory_history.h"

#include <doctest/doctest.h>

#include <vector>

namespace sheaf::memwatch {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kMiB = 1024 * 1024;

MemorySample Sample(int second, uint64_t rss_mib, PressureLevel level = PressureLevel::kNormal) {
  return {.at = std::chrono::system_clock::time_point(std::chrono::seconds(second)),
          .reading = {.used = rss_mib * kMiB,
                      .limit = 100 * kMiB,
                      .rss = rss_mib * kMiB,
                      .vms = 3 * rss_mib * kMiB,
                      .sockets = kMiB,
                      .source = MemorySource::kCgroupV1},
          .level = level,
          .traffic = {.sessions = static_cast<uint32_t>(second), .active_connections = 2, .batch_size = 2.5F}};
}

TEST_CASE("An empty history has no latest sample and a summary of zeros") {
  const MemoryHistory history(10s, 1s);
  CHECK_FALSE(history.Latest());
  CHECK(history.Since({}).empty());
  CHECK(history.Summary().samples == 0);
  CHECK(history.Summary().average_rss == 0);
}

TEST_CASE("A sample comes back as it was") {
  MemoryHistory history(10s, 1s);
  history.Add(Sample(5, 7, PressureLevel::kHigh));
  const MemorySample sample = history.Latest().value();
  CHECK(sample.at == std::chrono::system_clock::time_point(5s));
  CHECK(sample.reading.rss == 7 * kMiB);
  CHECK(sample.reading.vms == 21 * kMiB);
  CHECK(sample.reading.used == 7 * kMiB);
  CHECK(sample.reading.limit == 100 * kMiB);
  CHECK(sample.reading.sockets == kMiB);
  CHECK(sample.reading.source == MemorySource::kCgroupV1);
  CHECK(sample.level == PressureLevel::kHigh);
  CHECK(sample.traffic.sessions == 5);
  CHECK(sample.traffic.batch_size == 2.5F);
}

TEST_CASE("The oldest samples make room for new ones") {
  MemoryHistory history(3s, 1s);
  for (int second = 1; second <= 5; ++second) history.Add(Sample(second, static_cast<uint64_t>(second)));
  const std::vector<MemorySample> samples = history.Since({});
  REQUIRE(samples.size() == 3);
  CHECK(samples.front().reading.rss == 3 * kMiB);
  CHECK(samples.back().reading.rss == 5 * kMiB);
  CHECK(history.Latest()->reading.rss == 5 * kMiB);
}

TEST_CASE("Since leaves out what is older") {
  MemoryHistory history(10s, 1s);
  for (int second = 1; second <= 5; ++second) history.Add(Sample(second, 1));
  CHECK(history.Since(std::chrono::system_clock::time_point(4s)).size() == 2);
}

TEST_CASE("The summary has averages and peaks") {
  MemoryHistory history(10s, 1s);
  int second = 0;
  for (const uint64_t rss : {uint64_t{10}, uint64_t{30}, uint64_t{20}}) history.Add(Sample(second += 2, rss));
  const MemorySummary summary = history.Summary();
  CHECK(summary.samples == 3);
  CHECK(summary.average_rss == doctest::Approx(20 * kMiB));
  CHECK(summary.peak_rss == 30 * kMiB);
  CHECK(summary.average_percent == doctest::Approx(20));
  CHECK(summary.peak_percent == doctest::Approx(30));
  CHECK(summary.window == 4s);
  CHECK(summary.average_sessions == doctest::Approx(4));
  CHECK(summary.peak_sessions == 6);
  CHECK(summary.average_active_connections == doctest::Approx(2));
}

TEST_CASE("Made shorter or longer it keeps the newest of what it has") {
  MemoryHistory history(4s, 1s);
  for (int second = 1; second <= 6; ++second) history.Add(Sample(second, 1));
  history.Resize(2s, 1s);
  CHECK(history.Since({}).size() == 2);
  history.Resize(3s, 1s);
  history.Add(Sample(7, 1));
  history.Add(Sample(8, 1));
  const std::vector<MemorySample> samples = history.Since({});
  REQUIRE(samples.size() == 3);
  CHECK(samples.front().at == std::chrono::system_clock::time_point(6s));
  CHECK(samples.back().at == std::chrono::system_clock::time_point(8s));
}

TEST_CASE("An interval that is short does not make it large") {
  MemoryHistory history(24h, 10ms);
  for (size_t i = 0; i < MemoryHistory::kMost + 10; ++i) history.Add(Sample(1, 1));
  CHECK(history.Since({}).size() == MemoryHistory::kMost);
}

}  // namespace
}  // namespace sheaf::memwatch
