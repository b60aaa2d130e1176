#include "memwatch/memory_reading.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/base/cgroup.h"
#include "proxy/base/events.h"
#include "proxy/base/log.h"

namespace sheaf::memwatch {
namespace {

constexpr std::string_view kLastValue = "the last good value";

// A controller is in one hierarchy only, so the first that has memory files is the one.
std::vector<MemoryGroup> GroupsWithMemory(const std::string& root) {
  std::vector<MemoryGroup> groups;
  for (const CgroupHierarchy& hierarchy : OwnCgroups(root, "memory")) {
    for (const std::string& folder : hierarchy.folders) {
      MemoryGroup group(folder, hierarchy.version);
      if (group.HasFiles()) groups.push_back(std::move(group));
    }
    if (!groups.empty()) break;
  }
  return groups;
}

uint64_t Times(uint64_t count, uint64_t unit) {
  return count > kNoLimit / unit ? kNoLimit : count * unit;
}

std::optional<uint64_t> KibibytesOf(SampledFile& file, std::string_view text, std::string_view key) {
  const Sample sample = ParseLine(text, key);
  if (!sample.value) {
    file.Report(sample.oddity, kLastValue);
    return std::nullopt;
  }
  return Times(*sample.value, 1024);
}

MemorySource SourceOf(const MemoryGroup* group) {
  if (group == nullptr) return MemorySource::kProcess;
  return group->version() == CgroupVersion::kV2 ? MemorySource::kCgroupV2 : MemorySource::kCgroupV1;
}

}  // namespace

std::string_view Name(MemorySource source) {
  switch (source) {
    case MemorySource::kCgroupV2:
      return "cgroup_v2";
    case MemorySource::kCgroupV1:
      return "cgroup_v1";
    case MemorySource::kProcess:
      break;
  }
  return "process";
}

double MemoryReading::percent() const {
  return limit == 0 ? 0 : static_cast<double>(used) * 100 / static_cast<double>(limit);
}

MemoryReader::MemoryReader(const std::string& root, uint64_t configured_limit)
    : configured_limit_(configured_limit),
      page_size_(static_cast<uint64_t>(sysconf(_SC_PAGESIZE))),
      groups_(GroupsWithMemory(root)),
      statm_file_(root + "/proc/self/statm"),
      meminfo_file_(root + "/proc/meminfo") {}

MemoryReading MemoryReader::Read() {
  ReadProcess();
  ReadHost();
  const Basis basis = WithConfiguredLimit(LowestLimit());
  MemoryReading reading{.used = rss_, .rss = rss_, .vms = vms_, .source = SourceOf(basis.group)};
  if (basis.limit != kNoLimit) {
    reading.limit = basis.limit;
  } else if (mem_available_) {
    reading.limit = rss_ + *mem_available_;
  }
  if (basis.group != nullptr) {
    if (const std::optional<MemoryGroup::Usage> usage = basis.group->ReadUsage(mem_total_)) {
      reading.used = usage->working_set;
      reading.sockets = usage->sockets;
    }
  }
  LogBasis(basis, reading);
  return reading;
}

void MemoryReader::ReadProcess() {
  std::array<char, 128> buffer;
  std::string_view text;
  Oddity oddity = statm_file_.Read(buffer, text);
  if (oddity == Oddity::kNone) {
    // In pages: size, resident, and five more.
    const size_t first = text.find(' ');
    const Sample size = ParseSample(text.substr(0, first));
    const Sample resident = first == std::string_view::npos
                                ? Sample{std::nullopt, Oddity::kNoLine}
                                : ParseSample(text.substr(first, text.find(' ', first + 1) - first));
    oddity = size.value ? resident.oddity : size.oddity;
    if (size.value && resident.value) {
      vms_ = Times(*size.value, page_size_);
      rss_ = Times(*resident.value, page_size_);
    }
  }
  if (oddity != Oddity::kNone) statm_file_.Report(oddity, kLastValue);
}

void MemoryReader::ReadHost() {
  std::array<char, SampledFile::kMostBytes> buffer;
  std::string_view text;
  const Oddity oddity = meminfo_file_.Read(buffer, text);
  if (oddity != Oddity::kNone) {
    meminfo_file_.Report(oddity, kLastValue);
    return;
  }
  if (const uint64_t total = KibibytesOf(meminfo_file_, text, "MemTotal:").value_or(0); total != 0) mem_total_ = total;
  if (const std::optional<uint64_t> available = KibibytesOf(meminfo_file_, text, "MemAvailable:")) {
    mem_available_ = available;
  }
}

MemoryReader::Basis MemoryReader::LowestLimit() {
  Basis lowest;
  for (MemoryGroup& group : groups_) {
    const uint64_t limit = group.ReadLimit(mem_total_);
    if (limit < lowest.limit) lowest = {&group, limit, false};
  }
  return lowest;
}

MemoryReader::Basis MemoryReader::WithConfiguredLimit(Basis lowest) {
  if (configured_limit_ == 0) return lowest;
  const uint64_t enforced = std::min(lowest.limit, mem_total_);
  if (configured_limit_ <= enforced) {
    return {lowest.group == nullptr ? nullptr : &groups_.front(), configured_limit_, true};
  }
  if (!warned_) {
    warned_ = true;
    Announce(EventKind::kPressure, LogLevel::kWarning,
             "memory.limit is above what the kernel allows, and has no effect",
             {{"memory_limit", configured_limit_},
              {"allowed", enforced},
              {"by", lowest.group == nullptr ? "the machine's memory" : lowest.group->folder()}});
  }
  return lowest;
}

void MemoryReader::LogBasis(const Basis& basis, const MemoryReading& reading) {
  if (logged_ && logged_->group == basis.group && logged_->configured == basis.configured) return;
  logged_ = basis;
  Log(LogLevel::kInfo, "memory is measured",
      {{"source", Name(reading.source)},
       {"group", basis.group == nullptr ? "" : basis.group->folder()},
       {"limit", reading.limit},
       {"limit_from", basis.configured         ? "memory.limit"
                      : basis.group == nullptr ? "the machine"
                                               : "the group"},
       {"used", reading.used}});
}

}  // namespace sheaf::memwatch
