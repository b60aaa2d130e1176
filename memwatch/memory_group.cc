#include "memwatch/memory_group.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace sheaf::memwatch {
namespace {

constexpr std::string_view kLastValue = "the last good value";

// What a limit file means that has no usable number: true if it says that there is no limit.
bool SaysNoLimit(Oddity oddity) {
  return oddity == Oddity::kMissing || oddity == Oddity::kMax || oddity == Oddity::kTooLarge ||
         oddity == Oddity::kNegative;
}

Sample ReadLimitNumber(const SampledFile& file, uint64_t mem_total) {
  const Sample sample = file.ReadNumber();
  if (sample.value == uint64_t{0}) return {std::nullopt, Oddity::kZero};
  if (sample.value.value_or(0) > mem_total) return {std::nullopt, Oddity::kTooLarge};
  return sample;
}

void KeepLine(SampledFile& file, std::string_view text, std::string_view key, uint64_t& value) {
  const Sample sample = ParseLine(text, key);
  if (sample.value) {
    value = *sample.value;
  } else {
    file.Report(sample.oddity, kLastValue);
  }
}

std::string In(const std::string& folder, bool v2, std::string_view name_v2, std::string_view name_v1) {
  return std::string(folder).append("/").append(v2 ? name_v2 : name_v1);
}

}  // namespace

MemoryGroup::MemoryGroup(std::string folder, CgroupVersion version)
    : folder_(std::move(folder)),
      version_(version),
      current_file_(In(folder_, version == CgroupVersion::kV2, "memory.current", "memory.usage_in_bytes")),
      stat_file_(folder_ + "/memory.stat"),
      max_{SampledFile(In(folder_, version == CgroupVersion::kV2, "memory.max", "memory.limit_in_bytes"))} {
  if (version == CgroupVersion::kV2) {
    high_.emplace(LimitFile{SampledFile(folder_ + "/memory.high")});
  } else {
    tcp_file_.emplace(folder_ + "/memory.kmem.tcp.usage_in_bytes");
  }
}

bool MemoryGroup::HasFiles() const {
  return current_file_.exists() || max_.file.exists() || (high_ && high_->file.exists());
}

uint64_t MemoryGroup::ReadLimit(uint64_t mem_total) {
  const uint64_t max = ReadLimit(max_, mem_total);
  return high_ ? std::min(max, ReadLimit(*high_, mem_total)) : max;
}

uint64_t MemoryGroup::ReadLimit(LimitFile& limit, uint64_t mem_total) {
  const Sample sample = ReadLimitNumber(limit.file, mem_total);
  if (sample.value) {
    limit.last = *sample.value;
  } else if (SaysNoLimit(sample.oddity)) {
    limit.last = kNoLimit;
    limit.file.Report(sample.oddity, "no limit", sample.oddity != Oddity::kNegative);
  } else {
    limit.file.Report(sample.oddity, limit.last == kNoLimit ? "no limit" : kLastValue);
  }
  return limit.last;
}

std::optional<MemoryGroup::Usage> MemoryGroup::ReadUsage(uint64_t mem_total) {
  const std::optional<uint64_t> current = ReadCurrent(mem_total);
  if (!current) return std::nullopt;
  ReadStat();
  if (tcp_file_) ReadTcp();
  return Usage{*current - std::min(*current, inactive_file_), sockets_};
}

std::optional<uint64_t> MemoryGroup::ReadCurrent(uint64_t mem_total) {
  Sample sample = current_file_.ReadNumber();
  if (sample.value.value_or(0) > mem_total) sample = {std::nullopt, Oddity::kTooLarge};
  if (sample.value) {
    current_ = sample.value;
  } else {
    current_file_.Report(sample.oddity, current_ ? kLastValue : "the resident memory of the process");
  }
  return current_;
}

void MemoryGroup::ReadStat() {
  std::array<char, SampledFile::kMostBytes> buffer;
  std::string_view text;
  const Oddity oddity = stat_file_.Read(buffer, text);
  if (oddity != Oddity::kNone || text.empty()) {
    stat_file_.Report(text.empty() && oddity == Oddity::kNone ? Oddity::kEmpty : oddity, kLastValue);
    return;
  }
  const bool v2 = version_ == CgroupVersion::kV2;
  KeepLine(stat_file_, text, v2 ? "inactive_file" : "total_inactive_file", inactive_file_);
  if (v2) KeepLine(stat_file_, text, "sock", sockets_);
}

void MemoryGroup::ReadTcp() {
  const Sample sample = tcp_file_->ReadNumber();
  if (sample.value) {
    sockets_ = *sample.value;
  } else {
    // Kernels are built without it.
    tcp_file_->Report(sample.oddity, kLastValue, sample.oddity == Oddity::kMissing);
  }
}

}  // namespace sheaf::memwatch
