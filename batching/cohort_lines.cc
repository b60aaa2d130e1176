#include "batching/cohort_lines.h"

#include <algorithm>
#include <utility>

namespace sheaf::batching {
namespace {

// Lines cost memory and time, and clients that skip at random would have a new one each message: one in so many
// different messages may begin one.
constexpr uint64_t kMessagesALine = 4;
constexpr uint64_t kMostGrants = 64;
// Periods after which the contexts of a line go that nobody uses.
constexpr uint64_t kIdlePeriods = 20;

}  // namespace

CohortLines::CohortLines(const wire::DeflateEffort& effort, WorkerMetrics& metrics)
    : metrics_(metrics), frames_(metrics), grants_(kMostGrants) {
  frames_.Adopt(effort);
}

CohortLines::~CohortLines() = default;

void CohortLines::Adopt(const wire::DeflateEffort& effort) {
  if (effort == frames_.effort()) return;
  Trim();
  frames_.Adopt(effort);
}

void CohortLines::SetBound(size_t bytes) {
  bound_ = std::min(bytes, kMaxBytes);
  frames_.SetBound(std::max(bound_, kLeastBytes));
  if (!shares() && count() > 0) Trim();
}

bool CohortLines::MayBegin() {
  const uint64_t earned = (frames_.distinct() - granted_) / kMessagesALine;
  granted_ += earned * kMessagesALine;
  grants_ = std::min(grants_ + earned, kMostGrants);
  if (grants_ == 0) return false;
  --grants_;
  return true;
}

CohortLine* CohortLines::Begin(const CohortLine* keep) {
  if (!MayBegin()) return nullptr;
  for (const std::unique_ptr<CohortLine>& line : lines_) {
    if (line->empty()) return line.get();
  }
  if (lines_.size() < kMaxLines) {
    lines_.push_back(std::make_unique<CohortLine>(frames_, static_cast<uint16_t>(lines_.size())));
    return lines_.back().get();
  }
  CohortLine* line = LeastUsed(keep);
  line->Clear();
  return line;
}

CohortLine* CohortLines::LeastUsed(const CohortLine* keep) const {
  CohortLine* least = nullptr;
  for (const std::unique_ptr<CohortLine>& line : lines_) {
    if (line->empty() || line.get() == keep) continue;
    if (least == nullptr || std::pair(line->used, line->clients) < std::pair(least->used, least->clients)) {
      least = line.get();
    }
  }
  return least;
}

void CohortLines::Expire() {
  ++period_;
  frames_.Expire();
  for (const std::unique_ptr<CohortLine>& line : lines_) {
    if (line->empty()) continue;
    if (line->clients == 0) line->Clear();
    if (period_ - line->used > kIdlePeriods) line->DropContexts();
  }
  // What lines hold is used by many, what is loose hardly.
  if (bytes() > bound_) frames_.ForgetLoose();
  while (bytes() > bound_) {
    CohortLine* least = LeastUsed(nullptr);
    if (least == nullptr) break;
    least->Clear();
    frames_.ForgetLoose();
  }
  metrics_.cohort_lines.Set(static_cast<int64_t>(count()));
  metrics_.cohort_bytes.Set(static_cast<int64_t>(bytes()));
}

size_t CohortLines::DropContexts() {
  const size_t before = bytes();
  for (const std::unique_ptr<CohortLine>& line : lines_) line->DropContexts();
  return before - bytes();
}

size_t CohortLines::Trim() {
  const size_t before = bytes();
  for (const std::unique_ptr<CohortLine>& line : lines_) line->Clear();
  const size_t deflaters = frames_.Trim();
  return std::max(before - bytes(), deflaters);
}

size_t CohortLines::bytes() const {
  size_t sum = frames_.bytes();
  for (const std::unique_ptr<CohortLine>& line : lines_) sum += line->bytes();
  return sum;
}

size_t CohortLines::count() const {
  return static_cast<size_t>(
      std::count_if(lines_.begin(), lines_.end(), [](const auto& line) { return !line->empty(); }));
}

}  // namespace sheaf::batching
