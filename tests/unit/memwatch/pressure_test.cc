#include "memwatch/pressure.h"

#include <doctest/doctest.h>

#include <vector>

namespace sheaf::memwatch {
namespace {

using namespace std::chrono_literals;
using enum PressureLevel;

constexpr PressureThresholds kThresholds{
    .moderate = 60, .high = 72, .critical = 80, .hysteresis = 5, .dwell = std::chrono::seconds(5)};

// One reading a second; the level after each.
std::vector<PressureLevel> Trace(const std::vector<double>& percents) {
  Pressure pressure(kThresholds);
  std::vector<PressureLevel> levels;
  TimePoint now{1h};
  for (const double percent : percents) {
    levels.push_back(pressure.Update(percent, now));
    now += 1s;
  }
  return levels;
}

size_t Changes(const std::vector<PressureLevel>& levels) {
  size_t changes = 0;
  for (size_t i = 1; i < levels.size(); ++i) changes += levels[i] != levels[i - 1] ? 1 : 0;
  return changes;
}

TEST_CASE("A level begins exactly at its threshold") {
  CHECK(Trace({59.99, 60, 71.99, 72, 79.99, 80}) ==
        std::vector{kNormal, kModerate, kModerate, kHigh, kHigh, kCritical});
}

TEST_CASE("A jump from normal to critical is followed at once") {
  CHECK(Trace({10, 95}) == std::vector{kNormal, kCritical});
}

TEST_CASE("A level is left one by one, each after the dwell") {
  const std::vector<PressureLevel> levels = Trace({95, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10});
  CHECK(levels == std::vector{kCritical, kCritical, kCritical, kCritical, kCritical, kCritical, kHigh, kHigh, kHigh,
                              kHigh, kHigh, kModerate, kModerate, kModerate, kModerate, kModerate, kNormal});
}

TEST_CASE("Just under the threshold, within the hysteresis, a level is not left") {
  CHECK(Changes(Trace({61, 59, 58, 57, 56, 55, 55, 55, 55, 55, 55, 55, 55, 55})) == 0);
  // The twin: below it, it is.
  CHECK(Trace({61, 54.9, 54.9, 54.9, 54.9, 54.9, 54.9}).back() == kNormal);
}

TEST_CASE("A saw-tooth that is shorter than the dwell does not flap, however deep it goes") {
  std::vector<double> saw;
  for (int tooth = 0; tooth < 50; ++tooth) saw.insert(saw.end(), {62, 40, 20, 40});
  CHECK(Changes(Trace(saw)) == 0);
}

TEST_CASE("A saw-tooth within the hysteresis does not flap, however slow it is") {
  std::vector<double> saw;
  for (int tooth = 0; tooth < 20; ++tooth) saw.insert(saw.end(), {60, 60, 60, 56, 56, 56, 56, 56, 56, 56, 56});
  CHECK(Changes(Trace(saw)) == 0);
}

TEST_CASE("One high reading begins the dwell anew") {
  CHECK(Trace({61, 40, 40, 40, 40, 56, 40, 40, 40, 40, 40}).back() == kModerate);
  CHECK(Trace({61, 40, 40, 40, 40, 56, 40, 40, 40, 40, 40, 40}).back() == kNormal);
}

TEST_CASE("On the way down a new rise is followed at once") {
  CHECK(Trace({95, 10, 10, 10, 10, 10, 10, 85}) ==
        std::vector{kCritical, kCritical, kCritical, kCritical, kCritical, kCritical, kHigh, kCritical});
}

TEST_CASE("The thresholds follow max_percent, but for those that are set") {
  Options::Memory options;
  PressureThresholds thresholds = PressureThresholds::From(options);
  CHECK(thresholds.moderate == doctest::Approx(60));
  CHECK(thresholds.high == doctest::Approx(72));
  CHECK(thresholds.critical == doctest::Approx(80));
  options.moderate_percent = 72;
  options.high_percent = 80;
  options.critical_percent = 90;
  thresholds = PressureThresholds::From(options);
  CHECK(thresholds.moderate == 72);
  CHECK(thresholds.high == 80);
  CHECK(thresholds.critical == 90);
}

TEST_CASE("A percentage that is not known is normal") {
  CHECK(Trace({0, 0}).back() == kNormal);
}

}  // namespace
}  // namespace sheaf::memwatch
