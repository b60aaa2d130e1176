#include "proxy/wire/mux_frame.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "proxy/wire/little_endian.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::wire {
namespace {

constexpr uint8_t kTypeBits = 0x1F;
constexpr uint8_t kFlagBits = kMuxGroup | kMuxBinary | kMuxMore;
constexpr uint8_t kToProxy = 1;
constexpr uint8_t kToApp = 2;
constexpr uint8_t kToBoth = kToProxy | kToApp;

enum class Streams : uint8_t { kLink, kSession, kEither, kGroup };

// What a type may have (the tables of mux_frame.md).
struct Rule {
  uint8_t receivers;
  uint8_t flags;
  Streams streams;
  uint32_t shortest;
  uint32_t longest;  // and never over kMuxMaxPayloadUp on the way to the app
};

constexpr std::array<Rule, kMuxTypes> kRules = {{
    {kToBoth, 0, Streams::kLink, kMuxHelloPayload, kMuxMaxPayload},  // HELLO
    {kToApp, kMuxMore, Streams::kSession, 0, kMuxMaxPayload},        // OPEN
    {kToProxy, kMuxMore, Streams::kSession, 0, kMuxMaxPayload},      // ACCEPT
    {kToProxy, kMuxMore, Streams::kSession, 4, kMuxMaxPayload},      // REFUSE
    {kToProxy, kMuxMore, Streams::kSession, 0, kMuxMaxPayload},      // BODY
    {kToBoth, kMuxMore, Streams::kSession, 0, kMuxMaxPayload},       // TEXT
    {kToBoth, kMuxMore, Streams::kSession, 0, kMuxMaxPayload},       // BINARY
    {kToProxy, kMuxBinary, Streams::kLink, 4, kMuxMaxListPayload},   // MULTICAST
    {kToProxy, 0, Streams::kGroup, 4, kMuxMaxListPayload},           // GROUP
    {kToBoth, 0, Streams::kEither, 4, 4},                            // CREDIT
    {kToBoth, 0, Streams::kSession, 2, kMaxControlPayload},          // CLOSE
    {kToBoth, 0, Streams::kLink, 2, 2},                              // GOAWAY
    {kToBoth, 0, Streams::kLink, 8, 8},                              // PING
    {kToBoth, 0, Streams::kLink, 8, 8},                              // PONG
}};
constexpr Rule kMulticastToGroup = {kToProxy, kFlagBits, Streams::kGroup, 0, kMuxMaxPayload};

const Rule& RuleOf(size_t type, uint8_t flags) {
  const bool to_group = type == static_cast<size_t>(MuxType::kMulticast) && (flags & kMuxGroup) != 0;
  return to_group ? kMulticastToGroup : kRules[type];
}

bool Fits(Streams streams, uint32_t stream) {
  switch (streams) {
    case Streams::kLink:
      return stream == 0;
    case Streams::kSession:
      return stream != 0;
    case Streams::kEither:
      return true;
    case Streams::kGroup:
      return stream != 0 && stream <= kMuxMaxGroup;
  }
  return false;
}

MuxFault CheckHeader(MuxEnd receiver, uint32_t word, uint32_t stream) {
  const size_t type = word & kTypeBits;
  if (type >= kMuxTypes) return MuxFault::kType;
  const auto flags = static_cast<uint8_t>(word & kFlagBits);
  const Rule& rule = RuleOf(type, flags);
  const bool to_app = receiver == MuxEnd::kApp;
  if ((rule.receivers & (to_app ? kToApp : kToProxy)) == 0) return MuxFault::kDirection;
  if ((flags & ~rule.flags) != 0) return MuxFault::kFlags;
  if (!Fits(rule.streams, stream)) return MuxFault::kStream;
  const size_t longest = to_app ? std::min<size_t>(rule.longest, kMuxMaxPayloadUp) : rule.longest;
  const size_t length = word >> 8;
  return length < rule.shortest || length > longest ? MuxFault::kLength : MuxFault::kNone;
}

}  // namespace

std::string_view LabelOf(MuxFault fault) {
  constexpr std::array<std::string_view, 15> kLabels = {
      "",           "unknown_type", "wrong_direction", "bad_flags",       "bad_stream",
      "bad_length", "out_of_order", "no_credit",       "unopened_stream", "cut_record",
      "bad_hello",  "bad_credit",   "bad_payload",     "bad_utf8",        "bad_answer"};
  static_assert(kLabels.size() == static_cast<size_t>(MuxFault::kAnswer) + 1);
  return kLabels[static_cast<size_t>(fault)];
}

MuxRecord NextMuxRecord(MuxEnd receiver, std::span<uint8_t>& input) {
  MuxRecord record;
  if (input.size() < kMuxHeader) return record;
  const uint32_t word = ReadLittle32(input.data());
  record.stream = ReadLittle32(input.data() + 4);
  record.fault = CheckHeader(receiver, word, record.stream);
  if (record.fault != MuxFault::kNone) {
    record.kind = MuxRecord::Kind::kError;
    return record;
  }
  const size_t size = kMuxHeader + (word >> 8);
  if (input.size() < size) return record;
  record.kind = MuxRecord::Kind::kRecord;
  record.type = static_cast<MuxType>(word & kTypeBits);
  record.flags = static_cast<uint8_t>(word & kFlagBits);
  record.wire = input.first(size);
  record.payload = record.wire.subspan(kMuxHeader);
  input = input.subspan(size);
  return record;
}

size_t MuxRecordSize(std::span<const uint8_t> begun) {
  return begun.size() < kMuxHeader ? kMuxHeader : kMuxHeader + (ReadLittle32(begun.data()) >> 8);
}

void WriteMuxHeader(uint8_t* out, MuxType type, uint8_t flags, uint32_t stream, size_t length) {
  assert((flags & kTypeBits) == 0 && length <= kMuxMaxListPayload);
  WriteLittle32(out, static_cast<uint32_t>(length) << 8 | flags | static_cast<uint32_t>(type));
  WriteLittle32(out + 4, stream);
}

}  // namespace sheaf::wire
