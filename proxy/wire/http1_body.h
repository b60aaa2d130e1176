// Bodies of HTTP/1.x (RFC 9112 sections 6 and 7): which there are, and what takes their framing off.
// No socket, no clock, no log, no exception. Objects belong to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/status.h"

namespace sheaf::wire {

enum class BodyKind : uint8_t {
  kNone,        // also `Content-Length: 0`
  kLength,      // Content-Length, more than 0
  kChunked,     // Transfer-Encoding: chunked
  kUntilClose,  // responses only (RFC 9112 6.3, rule 8)
};

// Who wrote a message. A client's is read to the letter: what two parsers can read in two ways smuggles requests. A
// backend is the operator's own, and what every peer takes from it passes, as far as it says one thing only.
enum class Sender : uint8_t { kClient, kBackend };

// The line in front of a chunk of `size` bytes, which is followed by the data and CRLF (RFC 9112 7.1). Short enough to
// need no allocation.
std::string ChunkSizeLine(size_t size);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// Takes the framing off a body. Views into the bytes given; nothing is copied or kept but counters.
class BodyDecoder {
 public:
  enum class Verdict : uint8_t {
    kNeedMore,  // all of the input is consumed
    kData,      // `data` holds body bytes; call again
    kComplete,  // the body is over; what is left of the input belongs to the next message
    kRefuse,    // malformed: reason() says why
  };
  struct Step {
    Verdict verdict;
    std::string_view data;
  };

  void Reset(BodyKind kind, uint64_t content_length, Sender sender = Sender::kClient);

  // Consumes from the front of `input`. Trailers are checked and dropped (hardening row 11).
  Step Next(std::string_view& input);

  bool complete() const;
  BodyKind kind() const { return kind_; }
  RefuseReason reason() const { return reason_; }

 private:
  enum class ChunkState : uint8_t;

  std::string_view TakeData(std::string_view& input);
  Step NextChunked(std::string_view& input);
  void TakeFramingByte(char byte);
  void TakeSizeByte(char byte);
  void TakeByteAfterSize(char byte);
  void TakeExtensionByte(char byte);
  void TakeTrailer(std::string_view& input);
  void TakeTrailerLine(std::string_view line);
  void Fail(RefuseReason reason);

  BodyKind kind_ = BodyKind::kNone;
  Sender sender_ = Sender::kClient;
  ChunkState state_{};
  RefuseReason reason_ = RefuseReason::kBadChunk;
  uint8_t size_digits_ = 0;
  uint16_t extension_bytes_ = 0;  // of the whole body, white space included: at most 4 KiB
  uint16_t trailer_bytes_ = 0;    // of the whole trailer section: at most 8 KiB
  uint64_t remaining_ = 0;        // of the body or of the chunk
  std::string trailer_line_;      // empty unless a trailer line is split over two reads
};

}  // namespace sheaf::wire
