#include "proxy/wire/http1_body.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/wire/http1_syntax.h"

namespace sheaf::wire {
namespace {

constexpr size_t kMaxExtensionBytes = 4 * 1024;
constexpr size_t kMaxTrailerBytes = 8 * 1024;
constexpr uint8_t kMaxSizeDigits = 15;  // 60 bits: a size can never overflow

// Fields that may not come after the body (RFC 9110 6.5.1): they would change how the message, already passed on, is
// framed, routed, authenticated or understood.
constexpr std::string_view kForbiddenTrailers[] = {
    "Transfer-Encoding",
    "Content-Length",
    "Host",
    "Connection",
    "Upgrade",
    "Keep-Alive",
    "TE",
    "Trailer",
    "Expect",
    "Max-Forwards",
    "Cache-Control",
    "Pragma",
    "Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Range",
    "Authorization",
    "Cookie",
    "If-Unmodified-Since",
    "Set-Cookie",
    "Content-Type",
    "Content-Range",
    "Content-Encoding",
    "WWW-Authenticate",
    "Proxy-Authorization",
    "Proxy-Authenticate",
};

// `line` without its CRLF.
bool IsAllowedTrailer(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const Field field{line.substr(0, colon), Trim(line.substr(colon + 1))};
  if (CheckField(field, /*allow_underscores=*/true)) return false;
  return std::none_of(std::begin(kForbiddenTrailers), std::end(kForbiddenTrailers),
                      [&field](std::string_view name) { return EqualsIgnoreCase(field.name, name); });
}

}  // namespace

std::string ChunkSizeLine(size_t size) {
  std::array<char, 16> digits;
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
  return std::string(digits.data(), static_cast<size_t>(end - digits.data())).append("\r\n");
}

enum class BodyDecoder::ChunkState : uint8_t {
  kSize,       // hexadecimal digits
  kAfterSize,  // white space, of a backend only
  kExtension,  // up to CR, ignored
  kSizeEnd,    // LF of the size line
  kData,       // remaining_ bytes
  kDataEnd,    // CR after the data
  kDataEndLf,  // LF after the data
  kTrailer,    // lines up to an empty one
  kDone,
  kFailed,
};

void BodyDecoder::Reset(BodyKind kind, uint64_t content_length, Sender sender) {
  *this = BodyDecoder();
  kind_ = kind;
  sender_ = sender;
  if (kind == BodyKind::kLength) remaining_ = content_length;
}

bool BodyDecoder::complete() const {
  switch (kind_) {
    case BodyKind::kNone:
      return true;
    case BodyKind::kLength:
      return remaining_ == 0;
    case BodyKind::kChunked:
      return state_ == ChunkState::kDone;
    case BodyKind::kUntilClose:
      return false;
  }
  return false;
}

BodyDecoder::Step BodyDecoder::Next(std::string_view& input) {
  if (complete()) return {Verdict::kComplete, {}};
  if (kind_ == BodyKind::kChunked) return NextChunked(input);
  if (input.empty()) return {Verdict::kNeedMore, {}};
  return {Verdict::kData, TakeData(input)};
}

// Up to remaining_ bytes; all there are if the body ends with the connection.
std::string_view BodyDecoder::TakeData(std::string_view& input) {
  const size_t size =
      kind_ == BodyKind::kUntilClose ? input.size() : static_cast<size_t>(std::min<uint64_t>(remaining_, input.size()));
  const std::string_view data = input.substr(0, size);
  input.remove_prefix(size);
  if (kind_ != BodyKind::kUntilClose) remaining_ -= size;
  return data;
}

BodyDecoder::Step BodyDecoder::NextChunked(std::string_view& input) {
  while (!input.empty()) {
    switch (state_) {
      case ChunkState::kData:
        if (remaining_ > 0) return {Verdict::kData, TakeData(input)};
        state_ = ChunkState::kDataEnd;
        break;
      case ChunkState::kTrailer:
        TakeTrailer(input);
        break;
      case ChunkState::kDone:
        return {Verdict::kComplete, {}};
      case ChunkState::kFailed:
        return {Verdict::kRefuse, {}};
      default:
        TakeFramingByte(input.front());
        input.remove_prefix(1);
        break;
    }
  }
  if (state_ == ChunkState::kFailed) return {Verdict::kRefuse, {}};
  return {state_ == ChunkState::kDone ? Verdict::kComplete : Verdict::kNeedMore, {}};
}

// One byte around the data of a chunk: CRLF and nothing laxer ends a line (hardening rows 8-10).
void BodyDecoder::TakeFramingByte(char byte) {
  switch (state_) {
    case ChunkState::kSize:
      return TakeSizeByte(byte);
    case ChunkState::kAfterSize:
      return TakeByteAfterSize(byte);
    case ChunkState::kExtension:
      return TakeExtensionByte(byte);
    case ChunkState::kSizeEnd:
      if (byte != '\n') return Fail(RefuseReason::kBadChunk);
      size_digits_ = 0;
      state_ = remaining_ == 0 ? ChunkState::kTrailer : ChunkState::kData;
      return;
    case ChunkState::kDataEnd:
      if (byte != '\r') return Fail(RefuseReason::kBadChunk);
      state_ = ChunkState::kDataEndLf;
      return;
    case ChunkState::kDataEndLf:
      if (byte != '\n') return Fail(RefuseReason::kBadChunk);
      state_ = ChunkState::kSize;
      return;
    default:
      return;
  }
}

void BodyDecoder::TakeSizeByte(char byte) {
  if (const int digit = HexValue(byte); digit >= 0) {
    if (++size_digits_ > kMaxSizeDigits) return Fail(RefuseReason::kBadChunk);
    remaining_ = remaining_ * 16 + static_cast<uint64_t>(digit);
    return;
  }
  if (size_digits_ == 0) return Fail(RefuseReason::kBadChunk);
  TakeByteAfterSize(byte);
}

// White space behind a size is bad but readable (RFC 9112 7.1.1): servers that pad their sizes send it, and clients
// take it.
void BodyDecoder::TakeByteAfterSize(char byte) {
  if (byte == ';') {
    state_ = ChunkState::kExtension;
  } else if (byte == '\r') {
    state_ = ChunkState::kSizeEnd;
  } else if (sender_ == Sender::kBackend && (byte == ' ' || byte == '\t')) {
    state_ = ChunkState::kAfterSize;
    if (++extension_bytes_ > kMaxExtensionBytes) Fail(RefuseReason::kChunkExtensionTooLong);
  } else {
    Fail(RefuseReason::kBadChunk);
  }
}

void BodyDecoder::TakeExtensionByte(char byte) {
  if (byte == '\r') {
    state_ = ChunkState::kSizeEnd;
    return;
  }
  if (byte == '\t' || !IsFieldValue({&byte, 1})) return Fail(RefuseReason::kBadChunk);
  if (++extension_bytes_ > kMaxExtensionBytes) Fail(RefuseReason::kChunkExtensionTooLong);
}

// Takes a trailer line, or the part of one that is there, off the front of `input`.
void BodyDecoder::TakeTrailer(std::string_view& input) {
  const size_t line_feed = input.find('\n');
  const bool has_end = line_feed != std::string_view::npos;
  const std::string_view part = input.substr(0, has_end ? line_feed + 1 : input.size());
  input.remove_prefix(part.size());
  if (trailer_bytes_ + part.size() > kMaxTrailerBytes) return Fail(RefuseReason::kBadTrailer);
  trailer_bytes_ = static_cast<uint16_t>(trailer_bytes_ + part.size());

  if (!has_end) {
    trailer_line_.append(part);
    return;
  }
  if (trailer_line_.empty()) return TakeTrailerLine(part);
  trailer_line_.append(part);
  TakeTrailerLine(trailer_line_);
  trailer_line_.clear();
}

void BodyDecoder::TakeTrailerLine(std::string_view line) {
  if (!line.ends_with("\r\n")) return Fail(RefuseReason::kBadTrailer);
  line.remove_suffix(2);
  if (line.empty()) {
    state_ = ChunkState::kDone;
  } else if (!IsAllowedTrailer(line)) {
    Fail(RefuseReason::kBadTrailer);
  }
}

void BodyDecoder::Fail(RefuseReason reason) {
  reason_ = reason;
  state_ = ChunkState::kFailed;
}

}  // namespace sheaf::wire
