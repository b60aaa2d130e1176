// Memory pressure: its levels, and the one table of what is done about it. The memory watcher decides on the level
// (memwatch/); each module relieves what is its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sheaf {

enum class PressureLevel : uint8_t { kNormal, kModerate, kHigh, kCritical };
struct PressureLevelLabels {
  static constexpr std::array<std::string_view, 4> kValues = {"normal", "moderate", "high", "critical"};
  static constexpr size_t kCount = kValues.size();
  static constexpr std::string_view At(size_t i) { return kValues[i]; }
};
constexpr std::string_view NameOf(PressureLevel level) {
  return PressureLevelLabels::At(static_cast<size_t>(level));
}

enum class ReliefKind : uint8_t {
  kOnce,   // when the level is reached, and again at memory.cleanup_interval while it lasts
  kWhile,  // in force as long as the level lasts
  kPaced,  // goes on as long as the level lasts, so many clients a second
};

// One row a step, in the order in which they are taken: name, label (metrics, log), the level from which on, kind, what
// it does. A level that is reached by a jump takes the steps of those that were jumped over, too.
#define SHEAF_RELIEF_STEPS(ROW)                                                                                       \
  ROW(kFreeBuffers, "free_buffers", kModerate, kOnce, "spare buffers and caches are freed")                           \
  ROW(kTrimPool, "trim_pool", kModerate, kOnce, "spare connections to the backend are closed, down to pool.min_size") \
  ROW(kTightenBatches, "tighten_batches", kModerate, kWhile, "batches wait half as long, or less")                    \
  ROW(kDropContexts, "drop_contexts", kHigh, kOnce, "compression contexts are dropped, and none is kept")             \
  ROW(kFlush, "flush", kHigh, kOnce, "what is gathered for clients leaves")                                           \
  ROW(kShrinkBatches, "shrink_batches", kHigh, kWhile, "batches wait and hold a quarter")                             \
  ROW(kShrinkQueues, "shrink_queues", kHigh, kWhile, "a quarter may wait for a slow client, and reads are small")     \
  ROW(kConflate, "conflate", kHigh, kWhile, "conflation rules act for all clients of their route")                    \
  ROW(kTrimAllocator, "trim_allocator", kModerate, kOnce, "the allocator gives free memory back")                     \
  ROW(kShedIdle, "shed_idle", kHigh, kPaced, "idle sessions are closed, the longest idle first")                      \
  ROW(kShrinkQueuesMore, "shrink_queues_more", kCritical, kWhile,                                                     \
      "a sixteenth may wait for a slow client, and reads are smallest")                                               \
  ROW(kRefuse, "refuse", kCritical, kWhile, "new requests and sessions are refused")                                  \
  ROW(kShedByCost, "shed_by_cost", kCritical, kPaced, "clients that hold much memory are cut off")

enum class ReliefStep : uint8_t {
#define SHEAF_ROW(name, label, level, kind, text) name,
  SHEAF_RELIEF_STEPS(SHEAF_ROW)
#undef SHEAF_ROW
};

struct ReliefRow {
  ReliefStep step;
  std::string_view label;
  PressureLevel from;
  ReliefKind kind;
  std::string_view text;
};

inline constexpr std::array kReliefRows = {
#define SHEAF_ROW(name, label, level, kind, text) \
  ReliefRow{ReliefStep::name, label, PressureLevel::level, ReliefKind::kind, text},
    SHEAF_RELIEF_STEPS(SHEAF_ROW)
#undef SHEAF_ROW
};

struct ReliefStepLabels {
  static constexpr size_t kCount = kReliefRows.size();
  static constexpr std::string_view At(size_t i) { return kReliefRows[i].label; }
};

constexpr const ReliefRow& Describe(ReliefStep step) {
  return kReliefRows[static_cast<size_t>(step)];
}
constexpr bool InForce(ReliefStep step, PressureLevel level) {
  return level >= Describe(step).from;
}

}  // namespace sheaf
