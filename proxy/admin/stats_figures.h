// Figures that several of the JSON documents tell. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

#include "memwatch/memory_history.h"
#include "proxy/admin/json_writer.h"
#include "proxy/base/metrics.h"

namespace sheaf {

template <typename T, size_t kCount>
T Total(const std::array<T, kCount>& counts) {
  return std::accumulate(counts.begin(), counts.end(), T{0});
}

// 0 of nothing.
inline double Fraction(double part, double whole) {
  return whole > 0 ? part / whole : 0.0;
}
inline double Fraction(uint64_t part, uint64_t whole) {
  return Fraction(static_cast<double>(part), static_cast<double>(whole));
}

// How many plain bytes each compressed one stands for: 5.2 where four fifths are saved. 1 of nothing: nothing is saved.
inline double CompressionRatio(uint64_t plain, uint64_t compressed) {
  return plain > 0 && compressed > 0 ? static_cast<double>(plain) / static_cast<double>(compressed) : 1.0;
}

inline double AverageBatchSize(const MetricsTotals& totals) {
  return Fraction(Total(totals.batched_messages_total), Total(totals.batches_total));
}

inline double Megabytes(uint64_t bytes) {
  return static_cast<double>(bytes) / (1024.0 * 1024.0);
}

inline void WriteMemorySample(const memwatch::MemorySample& sample, JsonWriter& json) {
  json.Add("rss_mb", Megabytes(sample.reading.rss));
  json.Add("vms_mb", Megabytes(sample.reading.vms));
  json.Add("percent", sample.reading.percent());
  json.Add("pressure_level", NameOf(sample.level));
  json.Add("used_mb", Megabytes(sample.reading.used));
  json.Add("limit_mb", Megabytes(sample.reading.limit));
}

}  // namespace sheaf
