// Request and response heads (RFC 9112): complete ones in, views of their bytes out. llhttp splits a head into fields;
// the strict checks on top are ours. No socket, no clock, no log, no exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/base/ascii.h"
#include "proxy/base/status.h"
#include "proxy/wire/http1_body.h"
#include "proxy/wire/http1_scanner.h"

namespace sheaf::wire {

struct Field {
  std::string_view name;   // as received
  std::string_view value;  // without surrounding white space
};

// Field names and tokens are compared so.
using sheaf::EqualsIgnoreCase;

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

}  // namespace sheaf::wire
