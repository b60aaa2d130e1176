#include "proxy/wire/mux_payload.h"

#include <cassert>

#include "proxy/wire/http1_syntax.h"
#include "proxy/wire/mux_frame.h"
#include "proxy/wire/utf8.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::wire {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr uint32_t kSiblings = 1;
constexpr uint16_t kNoCode = 1005;
constexpr uint16_t kGone = 1006;

// A count and that many u32, taken off the front of `payload`; the rest stays in it.
template <typename Byte>
std::optional<MuxStreams> TakeStreams(std::span<Byte>& payload) {
  assert(payload.size() >= sizeof(uint32_t));
  const uint64_t size = uint64_t{ReadLittle32(payload.data())} * sizeof(uint32_t);
  payload = payload.subspan(sizeof(uint32_t));
  if (size > payload.size()) return std::nullopt;
  const MuxStreams streams(payload.first(static_cast<size_t>(size)));
  payload = payload.subspan(static_cast<size_t>(size));
  return streams;
}

bool Ascends(const MuxStreams& streams) {
  for (size_t i = 1; i < streams.size(); ++i) {
    if (streams[i - 1] >= streams[i]) return false;
  }
  return true;
}

}  // namespace

std::optional<MuxFields> MuxFields::Parse(Bytes block) {
  if (block.size() < sizeof(uint16_t)) return std::nullopt;
  const size_t lengths = ReadLittle16(block.data()) * kLengths;
  block = block.subspan(sizeof(uint16_t));
  if (block.size() < lengths) return std::nullopt;
  MuxFields fields;
  fields.lengths_ = block.first(lengths);
  fields.bytes_ = AsText(block.subspan(lengths));
  size_t size = 0;
  for (size_t i = 0; i < lengths; i += sizeof(uint16_t)) size += ReadLittle16(&fields.lengths_[i]);
  return size == fields.bytes_.size() ? std::optional(fields) : std::nullopt;
}

std::optional<MuxHello> ParseMuxHello(Bytes payload) {
  assert(payload.size() >= kMuxHelloPayload);
  if (!AsText(payload).starts_with(kMuxMagic)) return std::nullopt;
  const uint8_t* const at = payload.data() + kMuxMagic.size();
  const MuxHello hello{.lowest = ReadLittle16(at),
                       .highest = ReadLittle16(at + 2),
                       .siblings = (ReadLittle32(at + 4) & kSiblings) != 0,
                       .process = ReadLittle64(at + 8),
                       .link_window = ReadLittle32(at + 16),
                       .session_window = ReadLittle32(at + 20),
                       .largest_message = ReadLittle32(at + 24)};
  const bool versions = hello.lowest > 0 && hello.lowest <= hello.highest;
  return versions && hello.session_window >= kMuxLeastSessionWindow ? std::optional(hello) : std::nullopt;
}

std::optional<uint32_t> ParseMuxCredit(Bytes payload) {
  const uint32_t bytes = ReadLittle32(payload.data());
  return bytes > 0 && bytes <= kMuxMaxCredit ? std::optional(bytes) : std::nullopt;
}

std::optional<MuxAccept> ParseMuxAccept(Bytes payload) {
  if (payload.size() < sizeof(uint16_t)) return std::nullopt;
  const size_t size = ReadLittle16(payload.data());
  payload = payload.subspan(sizeof(uint16_t));
  if (payload.size() < size) return std::nullopt;
  const std::optional<MuxFields> fields = MuxFields::Parse(payload.subspan(size));
  return fields ? std::optional(MuxAccept{AsText(payload.first(size)), *fields}) : std::nullopt;
}

std::optional<MuxRefuse> ParseMuxRefuse(Bytes payload) {
  const std::optional<MuxFields> fields = MuxFields::Parse(payload.subspan(sizeof(uint16_t)));
  return fields ? std::optional(MuxRefuse{ReadLittle16(payload.data()), *fields}) : std::nullopt;
}

std::optional<MuxStreams> ParseMuxGroup(Bytes payload) {
  const std::optional<MuxStreams> streams = TakeStreams(payload);
  return streams && payload.empty() && Ascends(*streams) ? streams : std::nullopt;
}

std::optional<MuxMulticast> ParseMuxMulticast(std::span<uint8_t> payload) {
  const std::optional<MuxStreams> streams = TakeStreams(payload);
  if (!streams || payload.size() > kMuxMaxPayload) return std::nullopt;
  return MuxMulticast{*streams, payload};
}

std::optional<MuxClose> ParseMuxClose(Bytes payload) {
  const uint16_t code = ReadLittle16(payload.data());
  const Bytes reason = payload.subspan(sizeof code);
  if (code != kNoCode && code != kGone && !IsValidCloseCode(code)) return std::nullopt;
  Utf8Checker utf8;
  if (!utf8.Feed(reason) || !utf8.complete()) return std::nullopt;
  return MuxClose{code, AsText(reason)};
}

// 426 would name an upgrade that only Sheaf can offer.
bool IsValidMuxStatus(uint16_t status) {
  return status >= 300 && status <= 599 && status != 426;
}

bool IsValidMuxField(const Field& field) {
  return IsToken(field.name) && IsFieldValue(field.value);
}

}  // namespace sheaf::wire
