// The id of a session: its worker, and its number among those that the worker has had, in hexadecimal: "2-1f3a". Never
// used twice in the life of a process.
//
//   std::string text = SessionId(2, 0x1f3a).ToString();
//   std::optional<SessionId> id = SessionId::Parse(text);
#pragma once

#include <charconv>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sheaf {

class SessionId {
 public:
  SessionId() = default;  // of no session
  SessionId(uint32_t worker, uint64_t count) : value_(uint64_t{worker} << kCountBits | count) {}

  // nullopt: it cannot be one.
  static std::optional<SessionId> Parse(std::string_view text) {
    const size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto worker = Number(text.substr(0, dash), 10, UINT16_MAX);
    const auto count = Number(text.substr(dash + 1), 16, (uint64_t{1} << kCountBits) - 1);
    if (!worker || !count) return std::nullopt;
    return SessionId(static_cast<uint32_t>(*worker), *count);
  }
  std::string ToString() const {
    char digits[16];
    const char* end = std::to_chars(digits, digits + sizeof(digits), count(), 16).ptr;
    return std::to_string(worker()).append("-").append(digits, static_cast<size_t>(end - digits));
  }

  uint32_t worker() const { return static_cast<uint32_t>(value_ >> kCountBits); }
  uint64_t count() const { return value_ & ((uint64_t{1} << kCountBits) - 1); }

  friend auto operator<=>(const SessionId&, const SessionId&) = default;

 private:
  static constexpr int kCountBits = 48;  // at a million sessions a second, for nine years

  static std::optional<uint64_t> Number(std::string_view text, int base, uint64_t most) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc() || end != text.data() + text.size() || number > most) return std::nullopt;
    return number;
  }

  uint64_t value_ = 0;
};

}  // namespace sheaf
