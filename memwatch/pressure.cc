#include "memwatch/pressure.h"

namespace sheaf::memwatch {

PressureThresholds PressureThresholds::From(const Options::Memory& options) {
  const auto or_part = [&options](uint32_t own, double part) { return own != 0 ? own : options.max_percent * part; };
  return {.moderate = or_part(options.moderate_percent, 0.75),
          .high = or_part(options.high_percent, 0.9),
          .critical = or_part(options.critical_percent, 1.0),
          .hysteresis = static_cast<double>(options.hysteresis),
          .dwell = options.dwell};
}

double PressureThresholds::at(PressureLevel level) const {
  switch (level) {
    case PressureLevel::kNormal:
      return 0;
    case PressureLevel::kModerate:
      return moderate;
    case PressureLevel::kHigh:
      return high;
    case PressureLevel::kCritical:
      return critical;
  }
  return 0;
}

PressureLevel Pressure::Reached(double percent, double margin) const {
  for (const PressureLevel level : {PressureLevel::kCritical, PressureLevel::kHigh, PressureLevel::kModerate}) {
    if (percent >= thresholds_.at(level) - margin) return level;
  }
  return PressureLevel::kNormal;
}

PressureLevel Pressure::Update(double percent, TimePoint now) {
  const PressureLevel reached = Reached(percent, 0);
  if (reached > level_) {
    level_ = reached;
    calm_since_.reset();
  } else if (Reached(percent, thresholds_.hysteresis) >= level_) {
    calm_since_.reset();
  } else if (!calm_since_) {
    calm_since_ = now;
  } else if (now - *calm_since_ >= thresholds_.dwell) {
    level_ = static_cast<PressureLevel>(static_cast<uint8_t>(level_) - 1);
    calm_since_ = now;
  }
  return level_;
}

}  // namespace sheaf::memwatch
