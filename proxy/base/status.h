// Errors of start-up and configuration, the table of reasons for which Sheaf closes a connection, and the table of
// reasons for which it answers a request itself instead of passing it on.
//
// Nothing on the data path throws: functions that can fail there return a verdict. Start-up code returns Result<T>.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace sheaf {

// What went wrong, where, and what to do about it, as one sentence for the operator.
struct Error {
  std::string message;
  bool may_pass = false;  // it lies in what is outside of this program and may be about to change: a file, a port
};

// Either a value or an Error. Check ok() before value().
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor): `return value;` is the use
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(state_); }
  T& value() { return std::get<T>(state_); }
  const T& value() const { return std::get<T>(state_); }
  const std::string& error() const { return std::get<Error>(state_).message; }
  bool may_pass() const { return std::get<Error>(state_).may_pass; }

 private:
  std::variant<T, Error> state_;
};

// Why a request is refused: one row a reason with label (log, metric), status and sentence (body of the answer).
#define SHEAF_REFUSE_REASONS(ROW)                                                                            \
  ROW(kBadRequestLine, "bad_request_line", 400, "the request line is malformed")                             \
  ROW(kBadVersion, "bad_version", 400, "the HTTP version is not supported")                                  \
  ROW(kHttp2Preface, "http2_preface", 505, "HTTP/2 is not spoken here")                                      \
  ROW(kBadTarget, "bad_target", 400, "the request target has a character or an escape that it may not have") \
  ROW(kMethodNotAllowed, "method_not_allowed", 405, "this method is not passed on")                          \
  ROW(kReservedPath, "reserved_path", 404, "this path is not for clients")                                   \
  ROW(kLineTooLong, "line_too_long", 414, "the request line is over limits.max_request_line")                \
  ROW(kHeadTooLarge, "head_too_large", 431, "the head is over limits.max_head")                              \
  ROW(kTooManyFields, "too_many_fields", 431, "the head has more fields than limits.max_fields")             \
  ROW(kBareLineFeed, "bare_line_feed", 400, "a line of the head does not end in CRLF")                       \
  ROW(kBadFieldName, "bad_field_name", 400, "a field name is malformed")                                     \
  ROW(kUnderscore, "underscore", 400, "a field name has an underscore")                                      \
  ROW(kBadFieldValue, "bad_field_value", 400, "a field value has a character that it may not have")          \
  ROW(kObsoleteFold, "obsolete_fold", 400, "a field is folded over several lines")                           \
  ROW(kBadHost, "bad_host", 400, "the Host field is missing, repeated or malformed")                         \
  ROW(kBadContentLength, "bad_content_length", 400, "the Content-Length is malformed")                       \
  ROW(kBadTransferEncoding, "bad_transfer_encoding", 400, "the Transfer-Encoding is not exactly 'chunked'")  \
  ROW(kLengthAndEncoding, "length_and_encoding", 400, "Content-Length and Transfer-Encoding came together")  \
  ROW(kEncodingOnHttp10, "encoding_on_http10", 400, "Transfer-Encoding came in an HTTP/1.0 message")         \
  ROW(kBadChunk, "bad_chunk", 400, "a chunk is malformed")                                                   \
  ROW(kChunkExtensionTooLong, "chunk_extension_too_long", 400, "the chunk extensions are over 4 KiB")        \
  ROW(kBadTrailer, "bad_trailer", 400, "a trailer is malformed or forbidden")                                \
  ROW(kBadExpect, "bad_expect", 417, "only '100-continue' can be expected")                                  \
  ROW(kBodyTooLarge, "body_too_large", 413, "the body is over limits.max_body")                              \
  ROW(kHeadTimeout, "head_timeout", 408, "the head did not arrive within timeouts.head")                     \
  ROW(kBodyTimeout, "body_timeout", 408, "the body did not arrive within timeouts.body")                     \
  ROW(kBadUpgrade, "bad_upgrade", 400, "the WebSocket handshake is malformed")                               \
  ROW(kUpgradeWithBody, "upgrade_with_body", 400, "a WebSocket handshake has no body")                       \
  ROW(kBadWebSocketVersion, "bad_websocket_version", 426, "only WebSocket version 13 is spoken here")        \
  ROW(kOriginNotAllowed, "origin_not_allowed", 403, "the Origin is not in websocket.allowed_origins")        \
  ROW(kOverloaded, "overloaded", 503, "the proxy has as many connections as it may have")                    \
  ROW(kDraining, "draining", 503, "the proxy is restarting")                                                 \
  ROW(kMemoryCritical, "memory_critical", 503, "memory is short; try again later")                           \
  ROW(kPoolExhausted, "pool_exhausted", 503, "no upstream connection was free within pool.acquire_timeout")  \
  ROW(kOutOfDescriptors, "out_of_descriptors", 503, "the proxy has no descriptor left for a connection")     \
  ROW(kUpstreamRefused, "upstream_refused", 503, "no connection to the backend could be made")               \
  ROW(kUpstreamDrained, "upstream_drained", 503, "every endpoint of the backend is being drained")           \
  ROW(kUpstreamBadResponse, "upstream_bad_response", 502, "the backend's answer was not valid")              \
  ROW(kUpstreamTlsFailed, "upstream_tls_failed", 502, "the TLS connection with the backend failed")          \
  ROW(kUpstreamClosed, "upstream_closed", 502, "the backend closed the connection before it answered")       \
  ROW(kUpstreamTimeout, "upstream_timeout", 504, "the backend did not answer within timeouts.response")

enum class RefuseReason : uint8_t {
#define SHEAF_ROW(name, label, status, text) name,
  SHEAF_REFUSE_REASONS(SHEAF_ROW)
#undef SHEAF_ROW
};

struct RefuseReasonRow {
  std::string_view label;
  int status;
  std::string_view text;
};

inline constexpr std::array kRefuseReasonRows = {
#define SHEAF_ROW(name, label, status, text) RefuseReasonRow{label, status, text},
    SHEAF_REFUSE_REASONS(SHEAF_ROW)
#undef SHEAF_ROW
};
inline constexpr size_t kRefuseReasonCount = kRefuseReasonRows.size();

constexpr const RefuseReasonRow& Describe(RefuseReason reason) {
  return kRefuseReasonRows[static_cast<size_t>(reason)];
}

// One row a reason: name, label (metrics and logs), WebSocket code sent to the client (0: no Close frame is sent),
// whether the client reads (kDeaf: what is queued for it would not reach it), what a client gets that waits for an HTTP
// answer (kNoAnswer: the reason is none of the backend's), sentence (log text and, where a Close frame is sent, its
// reason). Never 1014 (bad gateway): stock clients take it for a breach of the protocol.
// clang-format off
#define SHEAF_CLOSE_REASONS(ROW)                                                                                       \
  ROW(kNone, "none", 0, kReads, kNoAnswer, "open")                                                                     \
  ROW(kDone, "done", 1000, kReads, kNoAnswer, "all work is done")                                                      \
  ROW(kClientClosed, "client_closed", 1000, kReads, kNoAnswer, "the client closed")                                    \
  ROW(kClientGone, "client_gone", 0, kReads, kNoAnswer, "the client's connection ended without a Close")               \
  ROW(kClientProtocolError, "client_protocol_error", 1002, kReads, kNoAnswer,                                          \
      "the client broke the WebSocket protocol")                                                                       \
  ROW(kClientBadUtf8, "client_bad_utf8", 1007, kReads, kNoAnswer, "the client sent text that is not UTF-8")            \
  ROW(kClientMessageTooBig, "client_message_too_big", 1009, kReads, kNoAnswer,                                         \
      "the client's message is over limits.max_message")                                                               \
  ROW(kClientFragments, "client_fragments", 1008, kReads, kNoAnswer,                                                   \
      "the client's message has more fragments than limits.max_fragments")                                             \
  ROW(kClientTinyFragments, "client_tiny_fragments", 1008, kReads, kNoAnswer,                                          \
      "the client sent fragments over limits.max_tiny_fragment_rate")                                                  \
  ROW(kClientPingFlood, "client_ping_flood", 1008, kReads, kNoAnswer,                                                  \
      "the client sent pings over limits.max_ping_rate")                                                               \
  ROW(kRefused, "refused", 0, kReads, kNoAnswer, "the proxy answered the request itself")                              \
  ROW(kClientTimeout, "client_timeout", 0, kReads, kNoAnswer, "the client was too slow")                               \
  ROW(kClientPingTimeout, "client_ping_timeout", 1011, kDeaf, kNoAnswer, "the client did not answer a ping")           \
  ROW(kClientStalled, "client_stalled", 1013, kDeaf, kNoAnswer, "the client did not read what was sent to it")         \
  ROW(kClientTooSlow, "client_too_slow", 1013, kDeaf, kNoAnswer, "the client reads too slowly")                        \
  ROW(kClientIdle, "client_idle", 0, kReads, kNoAnswer, "the client's connection was idle")                            \
  ROW(kProxyUntrusted, "proxy_untrusted", 0, kReads, kNoAnswer,                                                        \
      "the sender of PROXY headers is not in forwarded.trusted_proxies")                                               \
  ROW(kProxyMalformed, "proxy_malformed", 0, kReads, kNoAnswer, "the PROXY header is malformed, or there is none")     \
  ROW(kStreamIdle, "stream_idle", 0, kReads, kNoAnswer, "nothing moved either way, and the request was not complete")  \
  ROW(kClientTlsError, "client_tls_error", 0, kReads, kNoAnswer, "the TLS connection with the client failed")          \
  ROW(kUpstreamClosed, "upstream_closed", 1000, kReads, kUpstreamClosed, "the backend closed")                         \
  ROW(kUpstreamGone, "upstream_gone", 1012, kReads, kUpstreamClosed, "the backend's connection ended without a Close") \
  ROW(kUpstreamTruncated, "upstream_truncated", 0, kReads, kUpstreamBadResponse,                                       \
      "the backend's response ended before its end")                                                                   \
  ROW(kUpstreamProtocolError, "upstream_protocol_error", 1011, kReads, kUpstreamBadResponse,                           \
      "the backend broke the protocol")                                                                                \
  ROW(kUpstreamMessageTooBig, "upstream_message_too_big", 1009, kReads, kUpstreamBadResponse,                          \
      "the backend's message is over limits.max_upstream_message")                                                     \
  ROW(kUpstreamConnectFailed, "upstream_connect_failed", 1012, kReads, kUpstreamRefused,                               \
      "no connection to the backend could be made")                                                                    \
  ROW(kUpstreamTimeout, "upstream_timeout", 1011, kReads, kUpstreamTimeout, "the backend did not answer in time")      \
  ROW(kUpstreamTlsError, "upstream_tls_error", 1011, kReads, kUpstreamTlsFailed,                                       \
      "the TLS connection with the backend failed")                                                                    \
  ROW(kUpstreamStale, "upstream_stale", 0, kReads, kNoAnswer, "an unused connection was kept for pool.stale_timeout")  \
  ROW(kUpstreamIdle, "upstream_idle", 0, kReads, kNoAnswer,                                                            \
      "a connection lay idle for pool.idle_timeout after its last request")                                            \
  ROW(kUpstreamExpired, "upstream_expired", 0, kReads, kNoAnswer, "a connection reached pool.max_lifetime")            \
  ROW(kUpstreamDrained, "upstream_drained", 1012, kReads, kUpstreamDrained,                                            \
      "the endpoint is being drained, or is not there any more")                                                       \
  ROW(kUpstreamBusy, "upstream_busy", 0, kReads, kUpstreamRefused, "the backend's queue of new connections is full")   \
  ROW(kPoolExhausted, "pool_exhausted", 1013, kReads, kPoolExhausted,                                                  \
      "no upstream connection was free within pool.acquire_timeout")                                                   \
  ROW(kOverloaded, "overloaded", 1013, kReads, kNoAnswer, "the proxy has as many connections as it may have")          \
  ROW(kOutOfDescriptors, "out_of_descriptors", 1013, kReads, kOutOfDescriptors,                                        \
      "the proxy has no descriptor left for a connection")                                                             \
  ROW(kDrain, "drain", 1012, kReads, kNoAnswer, "the proxy is restarting")                                             \
  ROW(kOperator, "operator", 1012, kReads, kNoAnswer, "closed by an operator")                                         \
  ROW(kRebalance, "rebalance", 1012, kReads, kNoAnswer, "the load is spread anew: come again")                         \
  ROW(kRouteRemoved, "route_removed", 1012, kReads, kNoAnswer, "the route is not there any more")                      \
  ROW(kMemoryShed, "memory_shed", 1013, kReads, kNoAnswer, "memory is short; try again later")                         \
  ROW(kOutOfMemory, "out_of_memory", 1013, kReads, kNoAnswer, "memory for this connection could not be had")

// clang-format on

enum class CloseReason : uint8_t {
#define SHEAF_ROW(name, label, code, client, answer, text) name,
  SHEAF_CLOSE_REASONS(SHEAF_ROW)
#undef SHEAF_ROW
};

struct CloseReasonRow {
  std::string_view label;
  uint16_t websocket_code;
  bool deaf;
  std::optional<RefuseReason> answer;
  std::string_view text;
};

inline constexpr std::array kCloseReasonRows = [] {
  using enum RefuseReason;
  constexpr bool kReads = false;
  constexpr bool kDeaf = true;
  constexpr std::optional<RefuseReason> kNoAnswer;
  return std::array{
#define SHEAF_ROW(name, label, code, client, answer, text) CloseReasonRow{label, code, client, answer, text},
      SHEAF_CLOSE_REASONS(SHEAF_ROW)
#undef SHEAF_ROW
  };
}();
inline constexpr size_t kCloseReasonCount = kCloseReasonRows.size();

constexpr const CloseReasonRow& Describe(CloseReason reason) {
  return kCloseReasonRows[static_cast<size_t>(reason)];
}

}  // namespace sheaf
