// From readings to levels. Pure: no file, time is an argument.
//
//   Pressure pressure(thresholds);
//   const PressureLevel level = pressure.Update(reading.percent(), now);
//
// Upwards a level is reached at once, and by any number of steps: memory can grow faster than anybody looks. Downwards
// it goes one level at a time, and only after the readings have stayed `hysteresis` below the level's threshold for
// `dwell` without interruption: a saw-tooth around a threshold, or one that is over before `dwell` is, stays one level.
//
// Owned by the MemoryMonitor; its thread only.
#pragma once

#include <chrono>
#include <optional>

#include "proxy/base/clock.h"
#include "proxy/base/option_table.h"
#include "proxy/base/pressure.h"

namespace sheaf::memwatch {

// In percent of the limit. moderate <= high <= critical.
struct PressureThresholds {
  double moderate = 60;
  double high = 72;
  double critical = 80;
  double hysteresis = 5;  // percentage points
  Duration dwell = std::chrono::seconds(5);

  // Where a threshold is not set by itself (0), it is 0.75, 0.9 and 1.0 of memory.max_percent.
  static PressureThresholds From(const Options::Memory& options);
  double at(PressureLevel level) const;  // 0 for kNormal
};

class Pressure {
 public:
  explicit Pressure(const PressureThresholds& thresholds) : thresholds_(thresholds) {}

  // From the next reading on.
  void Adopt(const PressureThresholds& thresholds) { thresholds_ = thresholds; }

  // The level after a reading of `percent` at `now`, which does not go backwards.
  PressureLevel Update(double percent, TimePoint now);

  PressureLevel level() const { return level_; }
  // Whether a reading of `percent` would raise it.
  bool WouldRise(double percent) const { return Reached(percent, 0) > level_; }

 private:
  // The highest level whose threshold, less `margin`, is reached.
  PressureLevel Reached(double percent, double margin) const;

  PressureThresholds thresholds_;
  PressureLevel level_ = PressureLevel::kNormal;
  std::optional<TimePoint> calm_since_;  // readings have been well below level_ since then
};

}  // namespace sheaf::memwatch
