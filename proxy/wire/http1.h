// HTTP/1.x (RFC 9112): bytes in, values out. llhttp splits the head into fields; the strict checks on top are ours.
//
// A head is first collected whole (HeadScanner says when it is), then parsed in one go into views of its bytes:
//
//   HeadScanner scanner;
//   switch (scanner.Scan(all_bytes_so_far, limits)) { case kComplete: head = bytes.substr(0, scanner.head_size()); ...
//   } RequestHead request; if (auto refusal = ParseRequestHead(head, limits, request)) ...
//
// Bodies pass through a BodyDecoder, which never buffers: it hands out views of the bytes it was given.
// No socket, no clock, no log, no exception. Objects belong to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/ascii.h"
#include "proxy/base/status.h"

namespace sheaf::wire {

struct Field {
  std::string_view name;   // as received
  std::string_view value;  // without surrounding white space
};

// Field names and tokens are compared so.
using sheaf::EqualsIgnoreCase;

// Whether the comma-separated list `value` has `token` (case-insensitive, RFC 9110 5.6.1).
bool ListHasToken(std::string_view value, std::string_view token);

// Who wrote a message. A client's is read to the letter: what two parsers can read in two ways smuggles requests. A
// backend is the operator's own, and what every peer takes from it passes, as far as it says one thing only.
enum class Sender : uint8_t { kClient, kBackend };

struct HeadLimits {
  size_t max_line = 16 * 1024;  // the request or status line, bytes without CRLF
  size_t max_head = 64 * 1024;  // the whole head, bytes with the empty line
  size_t max_fields = 200;
  bool allow_underscores = false;  // in field names: WSGI and CGI read X_Y and X-Y as one name
};

// Finds the end of a head that arrives in pieces, in linear time, and refuses early what no later byte can mend:
// bare LF, bare CR, NUL, a folded field, a first line without a version, a line or head over its limit. Empty lines
// before a request line are skipped by the caller (SkippableEmptyLines).
class HeadScanner {
 public:
  enum class Verdict : uint8_t { kNeedMore, kComplete, kRefuse };

  // `bytes`: all of the head received so far, from its first byte; earlier bytes are not looked at again.
  Verdict Scan(std::string_view bytes, const HeadLimits& limits);

  size_t head_size() const { return position_; }     // after kComplete: bytes of the head, empty line included
  RefuseReason reason() const { return reason_; }    // after kRefuse
  size_t line_start() const { return line_start_; }  // after kRefuse: where the refused line begins
  void Reset() { *this = HeadScanner(); }

 private:
  std::optional<RefuseReason> CheckPartOfLine(std::string_view bytes, size_t end, bool has_end,
                                              const HeadLimits& limits) const;

  size_t position_ = 0;
  size_t line_start_ = 0;
  bool first_line_ = true;
  RefuseReason reason_ = RefuseReason::kBadRequestLine;
};

// Bytes of the empty lines (CRLF) in front of a request. RFC 9112 2.2 asks servers to ignore at least one; nginx,
// HAProxy and llhttp ignore any number.
size_t SkippableEmptyLines(std::string_view bytes);

enum class BodyKind : uint8_t {
  kNone,        // also `Content-Length: 0`
  kLength,      // Content-Length, more than 0
  kChunked,     // Transfer-Encoding: chunked
  kUntilClose,  // responses only (RFC 9112 6.3, rule 8)
};

// A request head as checked. Views point into the bytes that were parsed.
struct RequestHead {
  std::string_view method;
  std::string_view target;  // as received (absolute-form is taken apart into host and origin-form)
  // The Host field, or the authority of an absolute-form target, which replaces it (RFC 9112 3.2.2). HTTP/1.0 may have
  // none. `fields` holds the Host field as received: send this one instead.
  std::string_view host;
  int minor_version = 1;  // HTTP/1.0 or HTTP/1.1
  std::vector<Field> fields;
  BodyKind body = BodyKind::kNone;
  uint64_t content_length = 0;
  bool keep_alive = true;        // after the response, as far as the client is concerned
  bool expect_continue = false;  // Expect: 100-continue (HTTP/1.1 only, and only if there is a body)
  bool wants_websocket = false;  // has `Upgrade: websocket` (any case); validity is checked by ws_handshake.h

  // First field of that name, or nullopt.
  std::optional<std::string_view> Find(std::string_view name) const;
  size_t Count(std::string_view name) const;
  void Clear();  // keeps the vector's capacity: one RequestHead a worker serves all its requests
};

// Parses and checks a complete head (hardening rows 1-26). Returns the reason when it must be refused.
std::optional<RefuseReason> ParseRequestHead(std::string_view head, const HeadLimits& limits, RequestHead& request);

// Why a response must not be trusted, for the log: a word for the cause, and what was seen of it. Views into the head.
struct ResponseFault {
  std::string_view cause;  // empty: there is none
  std::string_view seen;

  bool empty() const { return cause.empty(); }
};

struct ResponseHead {
  int status = 0;
  int minor_version = 1;  // 0 or 1: a later HTTP/1.x is taken for the latest that is known (RFC 9110 2.5)
  std::string_view reason;
  std::vector<Field> fields;
  BodyKind body = BodyKind::kNone;
  // As declared, also where no body follows (HEAD, 304). `fields` may say it several times: send this one instead.
  uint64_t content_length = 0;
  bool keep_alive = true;  // the upstream connection may be used again after this response
  ResponseFault fault;     // where ParseResponseHead returned false

  std::optional<std::string_view> Find(std::string_view name) const;
  size_t Count(std::string_view name) const;
  void Clear();
};

// `request_method` decides whether the response can have a body (HEAD, CONNECT; RFC 9112 6.3). Returns false when the
// response must not be trusted (hardening row 31): the connection is then destroyed, and `response.fault` says why.
[[nodiscard]] bool ParseResponseHead(std::string_view head, const HeadLimits& limits, std::string_view request_method,
                                     ResponseHead& response);

// One normal form of a path for routing, admission and forwarding (hardening row 20; RFC 3986 6.2.2): %-escapes of
// unreserved characters decoded, hexadecimal digits upper-case, "." and ".." segments resolved, "//" kept as it is
// except where it hides a "..". nullopt: `%00`, a malformed escape, or a path that climbs over the root. The query is
// untouched.
std::optional<std::string> NormalizeTarget(std::string_view origin_form);

// Whether a backend may take the normal path `path` (without a query) for the normal path `reserved`. Normal forms that
// differ may still be one path to it: ASGI servers decode every escape, "%2F" too, and others merge slashes.
bool MayBeTakenFor(std::string_view path, std::string_view reserved);

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
