#include "tests/bench/mux.h"

#include <bit>

namespace sheaf::bench {
namespace {

constexpr size_t kHeader = 8;
constexpr std::string_view kMagic = "SHEAFMUX";
constexpr size_t kHelloSize = 36;
constexpr size_t kSessionWindowAt = 28;
constexpr size_t kAddressAt = 4;  // of an OPEN: behind scheme, version and port

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8U | static_cast<uint8_t>(bytes[i - 1]);
  return value;
}

template <typename Number>
void AppendNumber(std::string& out, Number number) {
  for (size_t i = 0; i < sizeof(Number); ++i) out.push_back(static_cast<char>(static_cast<uint64_t>(number) >> 8U * i));
}

void AppendHeader(std::string& frame, MuxType type, uint32_t stream, size_t length) {
  AppendNumber(frame, static_cast<uint32_t>(length << 8U | static_cast<uint32_t>(type)));
  AppendNumber(frame, stream);
}

// A text with a length in front; nothing when the bytes end before.
std::optional<std::string_view> TakeText(std::string_view& bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const size_t size = LittleEndian(bytes.substr(0, 2));
  if (bytes.size() - 2 < size) return std::nullopt;
  const std::string_view text = bytes.substr(2, size);
  bytes.remove_prefix(2 + size);
  return text;
}

}  // namespace

std::optional<MuxRecord> TakeRecord(std::string_view& frame) {
  if (frame.size() < kHeader) return std::nullopt;
  const uint32_t word = LittleEndian(frame.substr(0, 4));
  const size_t length = word >> 8U;
  if (frame.size() - kHeader < length) return std::nullopt;
  // With a flag the type becomes one that is not known here: no record of a benchmark has one.
  const MuxRecord record{.type = static_cast<MuxType>(word & 0xFFU),
                         .stream = LittleEndian(frame.substr(4, 4)),
                         .payload = frame.substr(kHeader, length)};
  frame.remove_prefix(kHeader + length);
  return record;
}

void AppendRecord(std::string& frame, MuxType type, uint32_t stream, std::string_view payload) {
  AppendHeader(frame, type, stream, payload.size());
  frame.append(payload);
}

void AppendGroup(std::string& frame, uint32_t group, std::span<const uint32_t> streams) {
  static_assert(std::endian::native == std::endian::little, "the streams are sent as they lie in memory");
  AppendHeader(frame, MuxType::kGroup, group, sizeof(uint32_t) + streams.size_bytes());
  AppendNumber(frame, static_cast<uint32_t>(streams.size()));
  frame.append(reinterpret_cast<const char*>(streams.data()), streams.size_bytes());
}

void AppendMulticast(std::string& frame, uint32_t group, std::string_view text) {
  constexpr uint32_t kToGroup = 1U << 5U;
  AppendNumber(frame, static_cast<uint32_t>(text.size() << 8U | static_cast<uint32_t>(MuxType::kMulticast) | kToGroup));
  AppendNumber(frame, group);
  frame.append(text);
}

void AppendHello(std::string& frame, uint32_t window) {
  AppendHeader(frame, MuxType::kHello, 0, kHelloSize);
  frame.append(kMagic);
  AppendNumber(frame, uint16_t{1});  // the lowest version
  AppendNumber(frame, uint16_t{1});  // and the highest
  AppendNumber(frame, uint32_t{0});  // no traits
  AppendNumber(frame, uint64_t{1});  // the process: there is only one
  AppendNumber(frame, window);
  AppendNumber(frame, window);
  AppendNumber(frame, uint32_t{0});  // messages of any size
}

void AppendCredit(std::string& frame, uint32_t stream, uint32_t bytes) {
  AppendHeader(frame, MuxType::kCredit, stream, sizeof(bytes));
  AppendNumber(frame, bytes);
}

std::optional<uint32_t> SessionWindow(std::string_view hello) {
  if (hello.size() < kHelloSize || !hello.starts_with(kMagic)) return std::nullopt;
  return LittleEndian(hello.substr(kSessionWindowAt, sizeof(uint32_t)));
}

uint32_t CreditBytes(std::string_view credit) {
  return credit.size() == sizeof(uint32_t) ? LittleEndian(credit) : 0;
}

std::string_view OpenTarget(std::string_view open) {
  if (open.size() < kAddressAt) return "";
  open.remove_prefix(kAddressAt);
  if (!TakeText(open)) return "";  // the address
  return TakeText(open).value_or("");
}

}  // namespace sheaf::bench
