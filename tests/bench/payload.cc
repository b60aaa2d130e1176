#include "tests/bench/payload.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace sheaf::bench {
namespace {

constexpr std::string_view kBeforeSequence = R"({"type":"tick","seq":")";
constexpr std::string_view kBeforeTime = R"(","t":")";
constexpr std::string_view kBeforePad = R"(","pad":")";
constexpr std::string_view kEnd = R"("})";
constexpr std::string_view kQuoteForm =
    R"({"type":"tick","seq":"0000000000","t":"00000000000000000000","symbol":"S0000","price":"0000.00",)"
    R"("volume":"0000000","side":"buy"})";
constexpr size_t kSequenceDigits = 10;
constexpr size_t kTimeDigits = 20;
constexpr size_t kSequenceAt = kBeforeSequence.size();
constexpr size_t kTimeAt = kSequenceAt + kSequenceDigits + kBeforeTime.size();
constexpr size_t kRestAt = kTimeAt + kTimeDigits;
constexpr size_t kSymbolAt = kQuoteForm.find("0000\",\"price");
constexpr size_t kPriceAt = kQuoteForm.find("0000.00");
constexpr size_t kVolumeAt = kQuoteForm.find("0000000\",\"side");
constexpr size_t kSideAt = kQuoteForm.find("buy");
static_assert(kQuoteForm.size() == 128 && kQuoteForm.starts_with(kBeforeSequence));

void WriteDigits(char* at, size_t digits, uint64_t value) {
  for (size_t i = digits; i-- > 0; value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

bool ReadDigits(std::string_view digits, uint64_t& value) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size();
}

std::optional<Stamp> ReadStamp(std::string_view text) {
  Stamp stamp;
  const bool read = ReadDigits(text.substr(kSequenceAt, kSequenceDigits), stamp.sequence) &&
                    ReadDigits(text.substr(kTimeAt, kTimeDigits), stamp.sent_ns);
  return read ? std::optional(stamp) : std::nullopt;
}

}  // namespace

Payload::Payload(size_t size) {
  text_.append(kBeforeSequence).append(kSequenceDigits, '0').append(kBeforeTime).append(kTimeDigits, '0');
  text_.append(kBeforePad);
  const size_t pad = std::max(size, kSmallest) - text_.size() - kEnd.size();
  // Not one letter only: a byte that got lost or moved must show.
  for (size_t i = 0; i < pad; ++i) text_.push_back(static_cast<char>('a' + i % 23));
  text_.append(kEnd);
}

std::string_view Payload::Write(Stamp stamp) {
  WriteDigits(&text_[kSequenceAt], kSequenceDigits, stamp.sequence);
  WriteDigits(&text_[kTimeAt], kTimeDigits, stamp.sent_ns);
  return text_;
}

std::optional<Stamp> Payload::Read(std::string_view text) const {
  const std::string_view expected = text_;
  const auto same = [&](size_t from, size_t to) {
    return text.substr(from, to - from) == expected.substr(from, to - from);
  };
  if (text.size() != expected.size() || !same(0, kSequenceAt) || !same(kSequenceAt + kSequenceDigits, kTimeAt) ||
      !same(kRestAt, text.size())) {
    return std::nullopt;
  }
  return ReadStamp(text);
}

Quote::Quote() : text_(kQuoteForm) {}

std::string_view Quote::Write(Stamp stamp) {
  // Spreads the numbers, so that neighbours have little in common (Knuth's multiplicative hash).
  const uint64_t spread = static_cast<uint32_t>(stamp.sequence * 2654435761U);
  WriteDigits(&text_[kSequenceAt], kSequenceDigits, stamp.sequence);
  WriteDigits(&text_[kTimeAt], kTimeDigits, stamp.sent_ns);
  WriteDigits(&text_[kSymbolAt], 4, spread >> 24U);
  WriteDigits(&text_[kPriceAt], 4, spread / 100 % 10000);
  WriteDigits(&text_[kPriceAt + 5], 2, spread % 100);
  WriteDigits(&text_[kVolumeAt], 7, spread >> 8U);
  text_.replace(kSideAt, 3, (spread >> 16U & 1U) != 0 ? "buy" : "ask");
  return text_;
}

std::optional<Stamp> Quote::Read(std::string_view text) {
  if (text.size() != text_.size()) return std::nullopt;
  const std::optional<Stamp> stamp = ReadStamp(text);
  return stamp && Write(*stamp) == text ? stamp : std::nullopt;
}

}  // namespace sheaf::bench
