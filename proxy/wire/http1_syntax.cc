#include "proxy/wire/http1_syntax.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

namespace sheaf::wire {
namespace {

enum CharacterClass : uint8_t {
  kTokenChar = 1,
  kValueChar = 2,
  kTargetChar = 4,
  kHostChar = 8,  // unreserved of RFC 3986; its sub-delims and escapes are left out, since no real host has them
};

constexpr bool IsAlphanumeric(unsigned c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr bool IsOneOf(unsigned c, std::string_view set) {
  return c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
}

constexpr std::array<uint8_t, 256> kClasses = [] {
  std::array<uint8_t, 256> classes{};
  for (unsigned c = 0; c < classes.size(); ++c) {
    unsigned bits = 0;
    if (IsAlphanumeric(c) || IsOneOf(c, "!#$%&'*+-.^_`|~")) bits |= kTokenChar;
    if (c == '\t' || (c >= 0x20 && c != 0x7F)) bits |= kValueChar;
    if (c > 0x20 && c < 0x7F && c != '#') bits |= kTargetChar;
    if (IsAlphanumeric(c) || IsOneOf(c, "-._~")) bits |= kHostChar;
    classes[c] = static_cast<uint8_t>(bits);
  }
  return classes;
}();

bool AllOf(std::string_view text, CharacterClass wanted) {
  return std::all_of(text.begin(), text.end(),
                     [wanted](char c) { return (kClasses[static_cast<uint8_t>(c)] & wanted) != 0; });
}

bool IsPort(std::string_view text) {
  unsigned port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
    if (port > 65535) return false;
  }
  return true;
}

bool IsIpv6Literal(std::string_view text) {
  return text.size() >= 2 && text.size() <= 45 &&
         text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos &&
         text.find(':') != std::string_view::npos;
}

}  // namespace

bool ListHasToken(std::string_view value, std::string_view token) {
  while (!value.empty()) {
    if (EqualsIgnoreCase(TakeListMember(value), token)) return true;
  }
  return false;
}

bool IsToken(std::string_view text) {
  return !text.empty() && AllOf(text, kTokenChar);
}

bool IsFieldValue(std::string_view text) {
  return AllOf(text, kValueChar);
}

bool IsTargetText(std::string_view text) {
  return !text.empty() && AllOf(text, kTargetChar);
}

bool IsHostAndPort(std::string_view text) {
  const bool bracketed = text.starts_with('[');
  const size_t host_end = bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (host_end == std::string_view::npos || host_end == 0) return false;

  const std::string_view host = text.substr(0, host_end);
  if (bracketed ? !IsIpv6Literal(host.substr(1)) : !AllOf(host, kHostChar)) return false;

  const std::string_view rest = text.substr(host_end + (bracketed ? 1 : 0));
  return rest.empty() || (rest.front() == ':' && IsPort(rest.substr(1)));
}

std::optional<uint64_t> ParseContentLength(std::string_view text) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (kMax - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view TakeListMember(std::string_view& list) {
  const size_t comma = std::min(list.find(','), list.size());
  const std::string_view member = Trim(list.substr(0, comma));
  list.remove_prefix(std::min(comma + 1, list.size()));
  return member;
}

std::optional<RefuseReason> CheckField(const Field& field, bool allow_underscores) {
  if (!IsToken(field.name)) return RefuseReason::kBadFieldName;
  if (!allow_underscores && field.name.find('_') != std::string_view::npos) return RefuseReason::kUnderscore;
  if (!IsFieldValue(field.value)) return RefuseReason::kBadFieldValue;
  return std::nullopt;
}

}  // namespace sheaf::wire
