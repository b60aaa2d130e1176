// WebSocket frames (RFC 6455 section 5): bytes in, pieces out. No socket, no clock, no log.
//
// The decoder checks frames and hands them on as pieces of the bytes they came as, so that what needs no rewriting is
// forwarded without a copy. A piece spans two frames only in a run; a frame may come in several pieces when it is
// longer than what was read. Control frames always come whole and unmasked.
//
//   std::span<uint8_t> input = received;
//   for (;;) {
//     FramePiece piece = decoder.Next(input);
//     switch (piece.kind) { case kNeedMore: return; case kData: forward(piece.wire); ... }
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/wire/message.h"
#include "proxy/wire/utf8.h"

namespace sheaf::wire {

// Who sent the frames: clients mask every frame, servers none (RFC 6455 5.1).
enum class FrameSource : uint8_t { kClient, kServer };

// As it is made: no limits.
struct FrameLimits {
  uint64_t max_message = INT64_MAX;     // payload bytes of all fragments together
  uint32_t max_fragments = UINT32_MAX;  // of one message; empty ones count
};

enum class FrameError : uint8_t {
  kNone,
  kProtocol,      // 1002
  kBadUtf8,       // 1007
  kTooBig,        // 1009
  kTooManyParts,  // 1008
};

inline constexpr size_t kMaxFrameHeader = 14;
inline constexpr size_t kMaxControlPayload = 125;

// kData: a part of a message; the part's fields mean nothing for the other kinds, but for `payload`. Control frames:
// the unmasked payload. kClose: the payload after the code, that is the reason text.
struct FramePiece : MessagePart {
  enum class Kind : uint8_t { kNeedMore, kData, kPing, kPong, kClose, kError };

  Kind kind = Kind::kNeedMore;
  FrameError error = FrameError::kNone;
  bool starts_frame = false;
  bool compressed = false;     // kData: of a compressed message (RSV1 on its first frame), on all of its pieces
  bool tiny_fragment = false;  // kData: starts a frame amid a message, not its last, that is more header than payload
  uint16_t close_code = 0;     // kClose: 1005 when the frame had none
};

// Decodes the frames of one direction of one connection. After kError it must not be used again. Budget: 64 bytes.
//
// A compressed message is not inflated: the limits hold for its compressed size (and a little, for bytes that cannot be
// compressed), and whether its text is UTF-8 is left
// to the one who inflates it.
class FrameDecoder {
 public:
  // `deflate`: permessage-deflate was negotiated, so that messages may come compressed (RFC 7692 6).
  FrameDecoder(FrameSource source, const FrameLimits& limits, bool deflate = false);
  FrameDecoder(FrameDecoder&&) noexcept;
  FrameDecoder& operator=(FrameDecoder&&) noexcept;
  ~FrameDecoder();

  // Consumes from the front of `input`, which may be changed (control payloads are unmasked in place). The piece's
  // views are valid until the next call and as long as the input's bytes are. `limits` must outlive the decoder.
  FramePiece Next(std::span<uint8_t>& input);
  // The same, but whole messages in one frame each that lie one behind another come as one piece
  // (MessagePart::before). Those that are compressed, or of 64 KiB and more, come by themselves.
  FramePiece NextRun(std::span<uint8_t>& input);

  const FrameLimits& limits() const { return *limits_; }
  // No frame is half received: a frame of our own may be sent in this direction.
  bool at_frame_boundary() const { return remaining_ == 0 && header_size_ == 0; }
  // No message is half received.
  bool at_message_boundary() const { return at_frame_boundary() && !in_message_; }

 private:
  struct ControlBuffer;  // a control frame that is split over two reads
  struct Header;

  FramePiece ContinueHeader(std::span<uint8_t>& input);
  void Extend(FramePiece& run, std::span<uint8_t>& input) const;
  std::optional<std::span<uint8_t>> PayloadOfWhole(std::span<uint8_t> input) const;
  FrameError CheckStart(uint8_t first, uint8_t second) const;
  uint8_t AllowedReservedBits(Opcode opcode) const;
  FramePiece BeginFrame(std::span<uint8_t> header, std::span<uint8_t>& input);
  FrameError AdmitData(const Header& frame);
  FramePiece TakeData(std::span<uint8_t>& input, size_t header_size);
  FramePiece BeginControl(const Header& frame, std::span<uint8_t>& input);
  FramePiece ContinueControl(std::span<uint8_t>& input);

  const FrameLimits* limits_;
  std::unique_ptr<ControlBuffer> control_;
  uint64_t remaining_ = 0;     // payload bytes of the current frame still to come (of a control frame, if control_)
  uint64_t message_size_ = 0;  // payload bytes of the current message so far, declared ones included
  uint32_t mask_ = 0;          // of the current data frame, rotated to its next byte
  uint32_t fragments_ = 0;
  Utf8Checker utf8_;
  FrameSource source_;
  Opcode opcode_ = Opcode::kText;
  bool deflate_ = false;
  bool in_message_ = false;  // more data frames of the message will follow the current one
  bool compressed_ = false;  // the current message is
  uint8_t header_size_ = 0;
  uint8_t header_[kMaxFrameHeader] = {};  // a header that is split over two reads
};

// The size of a frame's header, as the second of its bytes tells it.
size_t FrameHeaderSize(uint8_t second);

// Appends the header of a frame. `mask`: key in memory order, or nullptr for an unmasked frame. `compressed`: it is the
// first frame of a compressed message.
void AppendFrameHeader(std::string& out, Opcode opcode, bool fin, uint64_t payload_size, const uint8_t* mask = nullptr,
                       bool compressed = false);

// Appends a whole control frame. `payload` at most 125 bytes. With `mask` the payload is masked.
void AppendControlFrame(std::string& out, Opcode opcode, std::string_view payload, const uint8_t* mask = nullptr);

// As much of a Close frame's reason as fits into one: 123 bytes, cut on a character's boundary.
std::string_view FittingCloseReason(std::string_view reason);

// Appends a Close frame. Code 1005 gives an empty payload; `reason` is cut as FittingCloseReason does.
void AppendCloseFrame(std::string& out, uint16_t code, std::string_view reason, const uint8_t* mask = nullptr);

// Whether `code` may stand in a Close frame on the wire (RFC 6455 7.4; hardening row 53).
bool IsValidCloseCode(uint16_t code);

// XORs `bytes` with the key in place (RFC 6455 5.3). `mask` in memory order, meeting byte 0 of `bytes` with its byte 0.
void ApplyMask(std::span<uint8_t> bytes, uint32_t mask);

}  // namespace sheaf::wire
