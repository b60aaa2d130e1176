// The cells that metrics are counted in. One thread writes a cell, so adding is a plain load and store; any thread may
// read it.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace sheaf {

// Written by one thread, read by any.
class Counter {
 public:
  void Add(uint64_t n = 1) { value_.store(value() + n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Written by one thread, read by any.
class Gauge {
 public:
  void Add(int64_t n = 1) { value_.store(value() + n, std::memory_order_relaxed); }
  void Sub(int64_t n = 1) { Add(-n); }
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// One cell a value of a label, indexed by the enum that the labels describe.
template <typename Cell, typename Labels>
class CellArray {
 public:
  static constexpr size_t kCount = Labels::kCount;

  template <typename E>
  requires std::is_enum_v<E> Cell& operator[](E index) { return cells_[static_cast<size_t>(index)]; }
  const Cell& at(size_t index) const { return cells_[index]; }

 private:
  std::array<Cell, kCount> cells_;
};

// The bucket of an observation in the unit of the bounds. A bound belongs to the bucket under it ("le").
template <typename Buckets>
constexpr size_t BucketOf(uint64_t value) {
  size_t bucket = 0;
  while (bucket < Buckets::kBounds.size() && value > Buckets::kBounds[bucket]) ++bucket;
  return bucket;
}
// A time in the unit of the bounds. Rounded up, so that what is over a bound stays over it.
template <typename Buckets>
constexpr uint64_t TicksOf(std::chrono::nanoseconds time) {
  const auto ticks = std::chrono::ceil<typename Buckets::Tick>(time).count();
  return ticks > 0 ? static_cast<uint64_t>(ticks) : uint64_t{0};
}

// Observations in the unit of the bounds.
template <typename Buckets>
class Histogram {
 public:
  static constexpr size_t kBounds = Buckets::kBounds.size();

  void Observe(uint64_t value) {
    buckets_[BucketOf<Buckets>(value)].Add();
    sum_.Add(value);
  }
  void Observe(std::chrono::nanoseconds time) { Observe(TicksOf<Buckets>(time)); }

  // Observations in bucket i alone; the last bucket has no upper bound.
  uint64_t bucket(size_t i) const { return buckets_[i].value(); }
  uint64_t sum() const { return sum_.value(); }

 private:
  std::array<Counter, kBounds + 1> buckets_;
  Counter sum_;
};

// A histogram's sum over the workers.
template <typename Buckets>
struct HistogramTotals {
  void Add(const Histogram<Buckets>& histogram) {
    for (size_t i = 0; i < buckets.size(); ++i) buckets[i] += histogram.bucket(i);
    sum += histogram.sum();
  }

  std::array<uint64_t, Buckets::kBounds.size() + 1> buckets{};
  uint64_t sum = 0;

  uint64_t count() const {
    uint64_t all = 0;
    for (const uint64_t bucket : buckets) all += bucket;
    return all;
  }
  // Of all observations, in the exported base unit; 0 without any.
  double mean() const {
    const uint64_t observed = count();
    return observed == 0 ? 0.0 : static_cast<double>(sum) / Buckets::kPerUnit / static_cast<double>(observed);
  }
};

}  // namespace sheaf
