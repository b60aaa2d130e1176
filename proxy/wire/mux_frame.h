// The records of a mux link (mux_frame.md): bytes in, records out, and the header in front of each. No socket, no
// clock, no log, no state of a link or of a session. Payloads are read by mux_payload.h, records written by
// mux_writer.h.
//
//   std::span<uint8_t> input = received;
//   for (;;) {
//     const MuxRecord record = NextMuxRecord(MuxEnd::kProxy, input);
//     switch (record.kind) { case kNeedMore: keep(input); return; case kError: close(LabelOf(record.fault)); ... }
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sheaf::wire {

inline constexpr std::string_view kMuxPath = "/.sheaf/mux";
inline constexpr std::string_view kMuxSubprotocol = "sheaf-mux";
inline constexpr std::string_view kMuxMagic = "SHEAFMUX";
inline constexpr uint16_t kMuxVersion = 1;

// Sizes are bytes.
inline constexpr size_t kMuxHeader = 8;
inline constexpr size_t kMuxMaxFrame = 131'072;
inline constexpr size_t kMuxMaxPayload = 65'535;
inline constexpr size_t kMuxMaxListPayload = 131'064;  // of MULTICAST and GROUP
inline constexpr size_t kMuxMaxPayloadUp = 16'384;     // of all that goes to the app
inline constexpr size_t kMuxHelloPayload = 36;         // and more from later versions
inline constexpr size_t kMuxMaxHead = 131'072;         // of all pieces of an OPEN, or of an ACCEPT
inline constexpr uint32_t kMuxMaxGroup = 64;           // groups are 1 to this
inline constexpr uint32_t kMuxLeastSessionWindow = 16'384;
inline constexpr uint32_t kMuxWindowUp = 49'152;  // of the link
inline constexpr uint32_t kMuxMaxCredit = INT32_MAX;
static_assert(kMuxHeader + kMuxMaxListPayload == kMuxMaxFrame);
static_assert(kMuxMaxPayloadUp <= kMuxLeastSessionWindow && kMuxMaxPayloadUp < kMuxWindowUp);

enum class MuxType : uint8_t {
  kHello,
  kOpen,
  kAccept,
  kRefuse,
  kBody,
  kText,
  kBinary,
  kMulticast,
  kGroup,
  kCredit,
  kClose,
  kGoaway,
  kPing,
  kPong,
};
inline constexpr size_t kMuxTypes = 14;
static_assert(static_cast<size_t>(MuxType::kPong) + 1 == kMuxTypes);

// Flags, as they stand in the first byte beside the type.
inline constexpr uint8_t kMuxGroup = 1 << 5;
inline constexpr uint8_t kMuxBinary = 1 << 6;
inline constexpr uint8_t kMuxMore = 1 << 7;

// What a record of data with so many bytes of payload costs of a window.
inline constexpr size_t kMuxLeastCharge = 8;
constexpr size_t MuxCharge(size_t payload) {
  return payload < kMuxLeastCharge ? kMuxLeastCharge : payload;
}

// Who receives.
enum class MuxEnd : uint8_t { kProxy, kApp };

// What is wrong about a record as its bytes show it. Those from kCut on are said by who reads frames and payloads. All
// end the link but kAnswer, which ends the session.
enum class MuxFault : uint8_t {
  kNone,
  kType,
  kDirection,  // a type that this end does not receive
  kFlags,
  kStream,  // 0, or not 0, or not a group's number
  kLength,
  kOrder,     // not at this time
  kWindow,    // more than there is credit for
  kUnopened,  // a stream that never was
  kCut,       // a frame that ends amid a record
  kHello,     // ParseMuxHello
  kCredit,    // ParseMuxCredit
  kPayload,   // the other parsers
  kUtf8,      // a text that is none
  kAnswer,    // IsValidMuxStatus, IsValidMuxField
};

// For the log: "bad_flags". Of kNone: empty.
std::string_view LabelOf(MuxFault fault);

struct MuxRecord {
  enum class Kind : uint8_t { kNeedMore, kRecord, kError };

  Kind kind = Kind::kNeedMore;
  MuxFault fault = MuxFault::kNone;  // of kError

  // Of kRecord.
  MuxType type = MuxType::kHello;
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::span<uint8_t> wire;     // the header and the payload
  std::span<uint8_t> payload;  // where it stood in the input

  bool more() const { return (flags & kMuxMore) != 0; }
  bool binary() const { return (flags & kMuxBinary) != 0; }
  bool to_group() const { return (flags & kMuxGroup) != 0; }
};

// Takes the record in front off `input`, if it is all there: a frame ends amid a record where kNeedMore leaves bytes
// over. Type, flags, stream and length are such as `receiver` may get, and known from the header alone: an error comes
// before the payload. The views are valid as long as the input's bytes are, which are not changed.
MuxRecord NextMuxRecord(MuxEnd receiver, std::span<uint8_t>& input);

// Bytes of the whole record that `begun` is the beginning of: of its header, where not even that is there.
size_t MuxRecordSize(std::span<const uint8_t> begun);

// Writes the header of a record: kMuxHeader bytes at `out`, in front of `length` bytes of payload.
void WriteMuxHeader(uint8_t* out, MuxType type, uint8_t flags, uint32_t stream, size_t length);

}  // namespace sheaf::wire
