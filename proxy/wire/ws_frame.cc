#include "proxy/wire/ws_frame.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "proxy/wire/mask.h"

namespace sheaf::wire {
namespace {

constexpr uint8_t kFinBit = 0x80;
constexpr uint8_t kReservedBits = 0x70;
constexpr uint8_t kCompressedBit = 0x40;  // RSV1 (RFC 7692 6)
constexpr uint8_t kMaskBit = 0x80;
constexpr uint8_t kLength16 = 126;
constexpr uint8_t kLength64 = 127;
// The first byte of a message that is one frame and not compressed.
constexpr uint8_t kWholeText = kFinBit | static_cast<uint8_t>(Opcode::kText);
constexpr uint8_t kWholeBinary = kFinBit | static_cast<uint8_t>(Opcode::kBinary);
constexpr size_t kMaxCloseReason = kMaxControlPayload - 2;

constexpr bool IsControl(Opcode opcode) {
  return (static_cast<uint8_t>(opcode) & 0x8) != 0;
}

uint64_t ReadBigEndian(const uint8_t* bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | bytes[i];
  return value;
}

FramePiece ErrorPiece(FrameError error) {
  FramePiece piece;
  piece.kind = FramePiece::Kind::kError;
  piece.error = error;
  return piece;
}

// What deflate may add to bytes that cannot be compressed: 5 bytes a stored block, which are no smaller than 4 KiB from
// any compressor that means well, and the ends of the stream.
constexpr uint64_t CompressionOverhead(uint64_t size) {
  return size / 512 + 64;
}

// A control frame's piece from its unmasked payload.
FramePiece ControlPiece(Opcode opcode, std::span<uint8_t> payload) {
  FramePiece piece;
  piece.opcode = opcode;
  piece.payload = payload;
  if (opcode != Opcode::kClose) {
    piece.kind = opcode == Opcode::kPing ? FramePiece::Kind::kPing : FramePiece::Kind::kPong;
    return piece;
  }
  piece.kind = FramePiece::Kind::kClose;
  piece.close_code = 1005;
  if (payload.empty()) return piece;
  if (payload.size() == 1) return ErrorPiece(FrameError::kProtocol);
  piece.close_code = static_cast<uint16_t>(ReadBigEndian(payload.data(), 2));
  piece.payload = payload.subspan(2);
  if (!IsValidCloseCode(piece.close_code)) return ErrorPiece(FrameError::kProtocol);
  Utf8Checker reason;
  if (!reason.Feed(piece.payload) || !reason.complete()) return ErrorPiece(FrameError::kBadUtf8);
  return piece;
}

}  // namespace

struct FrameDecoder::ControlBuffer {
  Opcode opcode;
  uint8_t size = 0;  // bytes gathered, masked
  uint32_t mask;
  std::array<uint8_t, kMaxControlPayload> payload;
};

// The length and key of a frame whose first two bytes have been checked.
struct FrameDecoder::Header {
  Opcode opcode;
  bool fin;
  bool compressed;
  uint64_t length;
  uint32_t mask;
};

FrameDecoder::FrameDecoder(FrameSource source, const FrameLimits& limits, bool deflate)
    : limits_(&limits), source_(source), deflate_(deflate) {
  static_assert(sizeof(FrameDecoder) <= 64, "an idle session has two of them");
}
FrameDecoder::FrameDecoder(FrameDecoder&&) noexcept = default;
FrameDecoder& FrameDecoder::operator=(FrameDecoder&&) noexcept = default;
FrameDecoder::~FrameDecoder() = default;

FramePiece FrameDecoder::Next(std::span<uint8_t>& input) {
  if (remaining_ > 0) {
    if (input.empty()) return {};
    return control_ ? ContinueControl(input) : TakeData(input, 0);
  }
  control_.reset();  // the last piece's payload may have been in it
  if (header_size_ > 0) return ContinueHeader(input);

  if (input.size() < 2) return ContinueHeader(input);
  if (const FrameError error = CheckStart(input[0], input[1]); error != FrameError::kNone) return ErrorPiece(error);
  const size_t header_size = FrameHeaderSize(input[1]);
  if (input.size() < header_size) return ContinueHeader(input);
  const std::span<uint8_t> header = input.first(header_size);
  return BeginFrame(header, input);
}

// Gathers a header that is split over reads. Its data piece is the header alone: a piece is one run of bytes.
FramePiece FrameDecoder::ContinueHeader(std::span<uint8_t>& input) {
  while (!input.empty()) {
    header_[header_size_++] = input.front();
    input = input.subspan(1);
    if (header_size_ < 2) continue;
    if (const FrameError error = CheckStart(header_[0], header_[1]); error != FrameError::kNone) {
      return ErrorPiece(error);
    }
    if (header_size_ < FrameHeaderSize(header_[1])) continue;
    const std::span<uint8_t> header(header_, header_size_);
    header_size_ = 0;
    return BeginFrame(header, input);
  }
  return {};
}

FramePiece FrameDecoder::NextRun(std::span<uint8_t>& input) {
  FramePiece piece = Next(input);
  if (input.empty() || piece.kind != FramePiece::Kind::kData || !piece.first || !piece.last || piece.compressed) {
    return piece;
  }
  // A frame that has no payload may have come from header_.
  if (piece.wire.data() + piece.wire.size() == input.data()) Extend(piece, input);
  return piece;
}

// Takes messages in front into the run as long as nothing is wrong about them. What is not taken is left to Next, which
// knows the rest.
void FrameDecoder::Extend(FramePiece& run, std::span<uint8_t>& input) const {
  while (const std::optional<std::span<uint8_t>> payload = PayloadOfWhole(input)) {
    uint32_t mask = 0;
    if (source_ == FrameSource::kClient) std::memcpy(&mask, payload->data() - sizeof mask, sizeof mask);
    Utf8Checker utf8;
    if (input[0] == kWholeText && (!utf8.Feed(*payload, mask) || !utf8.complete())) return;

    ++run.before.messages;
    run.before.bytes += static_cast<uint32_t>(run.payload.size());
    run.opcode = input[0] == kWholeText ? Opcode::kText : Opcode::kBinary;
    run.mask = mask;
    run.payload = *payload;
    const uint8_t* const end = payload->data() + payload->size();
    run.wire = {run.wire.data(), static_cast<size_t>(end - run.wire.data())};
    input = input.subspan(static_cast<size_t>(end - input.data()));
  }
}

// The payload of the frame in front, if that is a message of its own, all there, and within the limits.
std::optional<std::span<uint8_t>> FrameDecoder::PayloadOfWhole(std::span<uint8_t> input) const {
  if (input.size() < 2 || (input[0] != kWholeText && input[0] != kWholeBinary)) return std::nullopt;
  const bool masked = source_ == FrameSource::kClient;
  size_t length = input[1] ^ (masked ? kMaskBit : 0U);  // over 127 if the other side masks so
  size_t header_size = masked ? 6 : 2;
  if (length >= kLength16) {
    if (length != kLength16 || input.size() < 4) return std::nullopt;  // what is longer is no run's
    length = static_cast<size_t>(ReadBigEndian(&input[2], 2));
    if (length < kLength16) return std::nullopt;
    header_size += 2;
  }
  if (length + header_size > input.size() || length > limits_->max_message) return std::nullopt;
  return input.subspan(header_size, length);
}

// What the first two bytes alone may not say (RFC 6455 5.2, 5.4, 5.5; hardening rows 45-47, 51, 54).
FrameError FrameDecoder::CheckStart(uint8_t first, uint8_t second) const {
  const bool masked = (second & kMaskBit) != 0;
  const auto opcode = static_cast<Opcode>(first & 0x0F);
  const int reserved = first & kReservedBits & ~AllowedReservedBits(opcode);
  if (reserved != 0 || masked != (source_ == FrameSource::kClient)) return FrameError::kProtocol;
  switch (opcode) {
    case Opcode::kContinuation:
      return in_message_ ? FrameError::kNone : FrameError::kProtocol;
    case Opcode::kText:
    case Opcode::kBinary:
      return in_message_ ? FrameError::kProtocol : FrameError::kNone;
    case Opcode::kClose:
    case Opcode::kPing:
    case Opcode::kPong: {
      const bool fragmented = (first & kFinBit) == 0;
      return fragmented || (second & 0x7F) > kMaxControlPayload ? FrameError::kProtocol : FrameError::kNone;
    }
    default:
      return FrameError::kProtocol;
  }
}

// Only the first frame of a message says that it is compressed (RFC 7692 6).
uint8_t FrameDecoder::AllowedReservedBits(Opcode opcode) const {
  const bool starts_message = opcode == Opcode::kText || opcode == Opcode::kBinary;
  return deflate_ && starts_message ? kCompressedBit : uint8_t{0};
}

// `header` stands at the front of `input`, or in header_ and then not in `input` any more.
FramePiece FrameDecoder::BeginFrame(std::span<uint8_t> header, std::span<uint8_t>& input) {
  const bool in_input = header.data() == input.data();
  const uint8_t length = header[1] & 0x7F;
  const bool masked = (header[1] & kMaskBit) != 0;

  Header frame{static_cast<Opcode>(header[0] & 0x0F), (header[0] & kFinBit) != 0, (header[0] & kCompressedBit) != 0,
               length, 0};
  if (length >= kLength16) {
    const bool is_16 = length == kLength16;
    frame.length = ReadBigEndian(header.data() + 2, is_16 ? 2 : 8);
    // The least bytes that can hold the length, and no sign bit (RFC 6455 5.2).
    if (frame.length < (is_16 ? 126U : 65536U) || frame.length >> 63 != 0) return ErrorPiece(FrameError::kProtocol);
  }
  if (masked) std::memcpy(&frame.mask, header.data() + header.size() - 4, 4);

  if (IsControl(frame.opcode)) {
    if (in_input) input = input.subspan(header.size());
    return BeginControl(frame, input);
  }
  const bool starts_message = !in_message_;
  const bool tiny_fragment = !starts_message && !frame.fin && frame.length < header.size();
  if (const FrameError error = AdmitData(frame); error != FrameError::kNone) return ErrorPiece(error);

  // A header from an earlier read cannot be one run of bytes with its payload: it goes alone.
  FramePiece piece = in_input ? TakeData(input, header.size()) : TakeData(header, header.size());
  piece.starts_frame = piece.kind == FramePiece::Kind::kData;
  piece.first = starts_message && piece.starts_frame;
  piece.tiny_fragment = tiny_fragment;
  return piece;
}

// Counts a data frame in before any of its payload is taken (hardening rows 49, 50).
FrameError FrameDecoder::AdmitData(const Header& frame) {
  if (!in_message_) {
    opcode_ = frame.opcode;
    compressed_ = frame.compressed;
    message_size_ = 0;
    fragments_ = 0;
  }
  in_message_ = !frame.fin;
  remaining_ = frame.length;
  mask_ = frame.mask;
  const uint64_t limit = limits_->max_message + (compressed_ ? CompressionOverhead(limits_->max_message) : 0);
  if (frame.length > limit - message_size_) return FrameError::kTooBig;
  message_size_ += frame.length;
  return ++fragments_ > limits_->max_fragments ? FrameError::kTooManyParts : FrameError::kNone;
}

// The next piece of the current data frame, off the front of `input`: `header_size` bytes, which are not payload, and
// as much of the payload as is there.
FramePiece FrameDecoder::TakeData(std::span<uint8_t>& input, size_t header_size) {
  const auto size = static_cast<size_t>(std::min<uint64_t>(remaining_, input.size() - header_size));
  FramePiece piece;
  piece.kind = FramePiece::Kind::kData;
  piece.opcode = opcode_;
  piece.compressed = compressed_;
  piece.mask = mask_;
  piece.wire = input.first(header_size + size);
  piece.payload = piece.wire.subspan(header_size);
  input = input.subspan(header_size + size);

  remaining_ -= size;
  mask_ = RotateMask(mask_, size);
  piece.ends_frame = remaining_ == 0;
  piece.last = piece.ends_frame && !in_message_;
  if (opcode_ == Opcode::kText && !compressed_ &&
      (!utf8_.Feed(piece.payload, piece.mask) || (piece.last && !utf8_.complete()))) {
    return ErrorPiece(FrameError::kBadUtf8);
  }
  return piece;
}

FramePiece FrameDecoder::BeginControl(const Header& frame, std::span<uint8_t>& input) {
  const auto length = static_cast<size_t>(frame.length);
  if (input.size() >= length) {
    const std::span<uint8_t> payload = input.first(length);
    input = input.subspan(length);
    ApplyMask(payload, frame.mask);
    return ControlPiece(frame.opcode, payload);
  }
  control_ = std::make_unique<ControlBuffer>();
  control_->opcode = frame.opcode;
  control_->mask = frame.mask;
  remaining_ = length;
  return ContinueControl(input);
}

FramePiece FrameDecoder::ContinueControl(std::span<uint8_t>& input) {
  ControlBuffer& control = *control_;
  const size_t size = std::min(static_cast<size_t>(remaining_), input.size());
  if (size > 0) std::memcpy(control.payload.data() + control.size, input.data(), size);
  control.size = static_cast<uint8_t>(control.size + size);
  remaining_ -= size;
  input = input.subspan(size);
  if (remaining_ > 0) return {};
  const std::span<uint8_t> payload(control.payload.data(), control.size);
  ApplyMask(payload, control.mask);
  return ControlPiece(control.opcode, payload);
}

size_t FrameHeaderSize(uint8_t second) {
  const uint8_t length = second & 0x7F;
  const size_t extended = length == kLength64 ? 8 : length == kLength16 ? 2 : 0;
  return 2 + extended + ((second & kMaskBit) != 0 ? 4 : 0);
}

void AppendFrameHeader(std::string& out, Opcode opcode, bool fin, uint64_t payload_size, const uint8_t* mask,
                       bool compressed) {
  std::array<uint8_t, kMaxFrameHeader> header;
  const unsigned mask_bit = mask != nullptr ? kMaskBit : 0;
  size_t size = 2;
  header[0] =
      static_cast<uint8_t>((fin ? kFinBit : 0U) | (compressed ? kCompressedBit : 0U) | static_cast<unsigned>(opcode));
  if (payload_size < kLength16) {
    header[1] = static_cast<uint8_t>(mask_bit | payload_size);
  } else {
    const bool is_16 = payload_size < 65536;
    header[1] = static_cast<uint8_t>(mask_bit | (is_16 ? kLength16 : kLength64));
    for (int shift = is_16 ? 8 : 56; shift >= 0; shift -= 8) {
      header[size++] = static_cast<uint8_t>(payload_size >> shift);
    }
  }
  if (mask != nullptr) {
    std::memcpy(header.data() + size, mask, 4);
    size += 4;
  }
  out.append(reinterpret_cast<const char*>(header.data()), size);
}

void AppendControlFrame(std::string& out, Opcode opcode, std::string_view payload, const uint8_t* mask) {
  assert(IsControl(opcode) && payload.size() <= kMaxControlPayload);
  AppendFrameHeader(out, opcode, true, payload.size(), mask);
  const size_t payload_start = out.size();
  out.append(payload);
  if (mask == nullptr) return;
  uint32_t key;
  std::memcpy(&key, mask, sizeof key);
  ApplyMask({reinterpret_cast<uint8_t*>(out.data()) + payload_start, payload.size()}, key);
}

void AppendCloseFrame(std::string& out, uint16_t code, std::string_view reason, const uint8_t* mask) {
  if (code == 1005) return AppendControlFrame(out, Opcode::kClose, {}, mask);
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  payload.append(FittingCloseReason(reason));
  AppendControlFrame(out, Opcode::kClose, payload, mask);
}

std::string_view FittingCloseReason(std::string_view reason) {
  size_t size = std::min(reason.size(), kMaxCloseReason);
  // Bytes 10xxxxxx continue a character: the cut goes in front of the one that does not fit.
  while (size > 0 && size < reason.size() && (static_cast<uint8_t>(reason[size]) & 0xC0) == 0x80) --size;
  return reason.substr(0, size);
}

bool IsValidCloseCode(uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

void ApplyMask(std::span<uint8_t> bytes, uint32_t mask) {
  if (mask == 0) return;
  const uint64_t wide = static_cast<uint64_t>(mask) << 32 | mask;
  size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    word ^= wide;
    std::memcpy(bytes.data() + i, &word, sizeof word);
  }
  std::array<uint8_t, 4> key;
  std::memcpy(key.data(), &mask, key.size());
  for (; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(bytes[i] ^ key[i % 4]);
}

}  // namespace sheaf::wire
