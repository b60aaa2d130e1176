#include "proxy/wire/trace_context.h"

#include <algorithm>

namespace sheaf::wire {
namespace {

// version "-" trace-id "-" parent-id "-" trace-flags
constexpr size_t kTraceId = 3;
constexpr size_t kTraceIdSize = 32;
constexpr size_t kParentId = kTraceId + kTraceIdSize + 1;
constexpr size_t kParentIdSize = 16;
constexpr size_t kFlags = kParentId + kParentIdSize + 1;
constexpr size_t kSize = kFlags + 2;

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(std::string_view text) {
  return IsLowerHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

bool IsValid(std::string_view value) {
  if (value.size() < kSize) return false;
  const std::string_view version = value.substr(0, 2);
  // Later versions may have more behind what is known of them.
  const bool ends = value.size() == kSize || (version != "00" && value[kSize] == '-');
  return ends && IsLowerHex(version) && version != "ff" && value[kTraceId - 1] == '-' && value[kParentId - 1] == '-' &&
         value[kFlags - 1] == '-' && IsId(value.substr(kTraceId, kTraceIdSize)) &&
         IsId(value.substr(kParentId, kParentIdSize)) && IsLowerHex(value.substr(kFlags, 2));
}

}  // namespace

std::string_view TraceId(const RequestHead& request) {
  const auto value = request.Find("traceparent");
  if (!value || !IsValid(*value) || request.Count("traceparent") != 1) return {};
  return value->substr(kTraceId, kTraceIdSize);
}

}  // namespace sheaf::wire
