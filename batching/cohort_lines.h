// The lines of a worker, and the frames made of their messages: who may begin a line, which one goes when there are too
// many, and what all take. Where clients are in them is Cohorts' affair (cohorts.h), whose part this is.
//
// One thread only. Bounded: kMaxLines, and SetBound's bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "batching/cohort_line.h"
#include "batching/compressed_frames.h"
#include "proxy/base/metrics.h"

namespace sheaf::batching {

class CohortLines {
 public:
  static constexpr size_t kMaxLines = 64;
  static constexpr size_t kMaxBytes = 16 * 1024 * 1024;
  static constexpr size_t kLeastBytes = 1024 * 1024;  // a bound under which nothing is shared

  CohortLines(const wire::DeflateEffort& effort, WorkerMetrics& metrics);
  CohortLines(const CohortLines&) = delete;
  CohortLines& operator=(const CohortLines&) = delete;
  ~CohortLines();

  // From now on. Where it is another one, all begins anew.
  void Adopt(const wire::DeflateEffort& effort);
  // So many bytes at most for lines and frames.
  void SetBound(size_t bytes);
  // The bound leaves room for a line.
  bool shares() const { return bound_ >= kLeastBytes; }

  CompressedFrames& frames() { return frames_; }
  // By CohortLine::index.
  CohortLine& operator[](size_t index) const { return *lines_[index]; }
  // An empty line, at the cost of the least used, but never of `keep`. nullptr: too many were begun lately.
  CohortLine* Begin(const CohortLine* keep);
  // Somebody got a message of the line.
  void Note(CohortLine& line) const { line.used = period_; }

  // As of Cohorts.
  void Expire();
  size_t DropContexts();
  size_t Trim();

  size_t bytes() const;
  size_t count() const;  // that have messages

 private:
  bool MayBegin();
  CohortLine* LeastUsed(const CohortLine* keep) const;

  WorkerMetrics& metrics_;
  CompressedFrames frames_;
  std::vector<std::unique_ptr<CohortLine>> lines_;
  size_t bound_ = kMaxBytes;
  uint64_t period_ = 0;
  uint64_t grants_;       // lines that may be begun
  uint64_t granted_ = 0;  // CompressedFrames::distinct() when the last one was granted
};

}  // namespace sheaf::batching
