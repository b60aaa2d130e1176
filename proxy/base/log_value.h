// The value of a log field: text, any bytes of it (the sink escapes them), or a number, which JSON lines carry as one.
//
//   {{"client", address_}, {"status", 200}, {"duration_ms", LogValue::Decimal(1.5, 3)}, {"error", Describe(error)}}
//
// Text that has an owner is borrowed, so that a line copies nothing: it must live until the call of Log has returned,
// as arguments do. A temporary string is taken over.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace sheaf {

class LogValue {
 public:
  LogValue() = default;  // an empty text
  LogValue(const char* text) : value_(std::string_view(text)) {}
  LogValue(std::string_view text) : value_(text) {}
  LogValue(const std::string& text) : value_(std::string_view(text)) {}
  LogValue(std::string&& text) : value_(std::move(text)) {}
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) LogValue(T number) {
    Digits digits;
    const auto end = std::to_chars(digits.text.data(), digits.text.data() + digits.text.size(), number).ptr;
    digits.size = static_cast<uint8_t>(end - digits.text.data());
    value_ = digits;
  }

  // With so many digits behind the point. What has no digits (not a number) is 0.
  static LogValue Decimal(double number, int places) {
    Digits digits;
    const bool finite = number == number && number - number == 0;
    const int size = std::snprintf(digits.text.data(), digits.text.size(), "%.*f", places, finite ? number : 0.0);
    const size_t most = digits.text.size() - 1;
    digits.size = static_cast<uint8_t>(static_cast<size_t>(size) < most ? static_cast<size_t>(size) : most);
    LogValue value;
    value.value_ = digits;
    return value;
  }

  bool is_number() const { return std::holds_alternative<Digits>(value_); }
  // The digits of a number, the bytes of a text. A view into the value.
  std::string_view text() const {
    struct View {
      std::string_view operator()(std::string_view text) const { return text; }
      std::string_view operator()(const std::string& text) const { return text; }
      std::string_view operator()(const Digits& digits) const { return {digits.text.data(), digits.size}; }
    };
    return std::visit(View{}, value_);
  }
  operator std::string_view() const { return text(); }

 private:
  struct Digits {
    std::array<char, 31> text;
    uint8_t size = 0;
  };

  std::variant<std::string_view, std::string, Digits> value_;
};

}  // namespace sheaf
