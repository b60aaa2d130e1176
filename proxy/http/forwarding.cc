#include "proxy/http/forwarding.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/base/random.h"
#include "proxy/wire/connection_options.h"

namespace sheaf {
namespace {

using wire::EqualsIgnoreCase;
using wire::Field;

// Room that most heads fit in.
constexpr size_t kUsualHead = 1024;

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [name](std::string_view one) { return EqualsIgnoreCase(name, one); });
}

// Fields between two neighbours only (RFC 9110 7.6.1), by name or because Connection lists them. What frames or routes
// the message cannot be made hop-by-hop by listing it.
bool IsHopByHop(std::string_view name, const wire::ConnectionOptions& connection_options) {
  if (IsOneOf(name, {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE",
                     "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings"})) {
    return true;
  }
  if (IsOneOf(name, {"Host", "Content-Length", "Content-Type", "Cookie", "Authorization"})) return false;
  return connection_options.List(name);
}

void AppendField(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
             std::string_view::npos;
}

}  // namespace

std::string NewRequestId() {
  std::array<uint8_t, 16> bytes;
  FillRandom(bytes);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string id;
  for (const uint8_t byte : bytes) id.append({kDigits[byte >> 4], kDigits[byte & 15]});
  return id;
}

std::string RequestIdFor(const wire::RequestHead& request, const ClientInfo& client) {
  if (client.trusted()) {
    if (const auto id = request.Find("X-Request-ID"); id && IsRequestId(*id)) return std::string(*id);
  }
  return NewRequestId();
}

namespace {

// What goes end to end, and what is said of the client.
void AppendUpstreamFields(std::string& head, const wire::RequestHead& request, const ClientInfo& client,
                          const ForwardingRules& rules, std::string_view request_id, std::string_view default_host) {
  const std::string_view host = request.host.empty() ? default_host : request.host;
  AppendField(head, "Host", host);
  const wire::ConnectionOptions connection_options(request.fields);
  for (const Field& field : request.fields) {
    if (IsHopByHop(field.name, connection_options) || SpeaksForClient(field.name, client, rules)) continue;
    if (IsOneOf(field.name, {"Host", "Content-Length", "X-Request-ID"})) continue;
    if (request.wants_websocket && IsOneOf(field.name, {"Sec-WebSocket-Extensions", kBatchField})) continue;
    AppendField(head, field.name, field.value);
  }
  AppendForwardedFields(head, request, client, rules, host);
  AppendField(head, "X-Request-ID", request_id);
}

}  // namespace

std::string BuildUpstreamHead(const wire::RequestHead& request, const ClientInfo& client, const ForwardingRules& rules,
                              std::string_view target, std::string_view request_id, std::string_view default_host) {
  std::string head;
  head.reserve(kUsualHead);
  head.append(request.method).append(" ").append(target).append(" HTTP/1.1\r\n");
  AppendUpstreamFields(head, request, client, rules, request_id, default_host);
  if (request.body == wire::BodyKind::kChunked) AppendField(head, "Transfer-Encoding", "chunked");
  // Also a length of 0, which some backends insist on with POST (RFC 9110 8.6).
  if (request.Find("Content-Length")) AppendField(head, "Content-Length", std::to_string(request.content_length));
  return head.append("\r\n");
}

wire::FieldLines BuildUpgradeFields(const wire::RequestHead& request, const ClientInfo& client,
                                    const ForwardingRules& rules, std::string_view request_id,
                                    std::string_view default_host) {
  std::string lines;
  lines.reserve(kUsualHead);
  AppendUpstreamFields(lines, request, client, rules, request_id, default_host);
  return wire::FieldLines(std::move(lines));
}

Framing FramingFor(const wire::ResponseHead& response, int client_minor_version, bool head_request) {
  if (response.body == wire::BodyKind::kNone || response.body == wire::BodyKind::kLength || head_request) {
    return Framing::kAsIs;
  }
  return client_minor_version >= 1 ? Framing::kChunked : Framing::kUntilClose;
}

namespace {

std::string StatusLine(const wire::ResponseHead& response) {
  std::string head;
  head.reserve(kUsualHead);
  return head.append("HTTP/1.1 ")
      .append(std::to_string(response.status))
      .append(" ")
      .append(response.reason)
      .append("\r\n");
}

// `left_out`: a field that is for Sheaf alone, or empty.
void AppendEndToEndFields(std::string& head, const wire::ResponseHead& response, std::string_view left_out = {}) {
  const wire::ConnectionOptions connection_options(response.fields);
  for (const Field& field : response.fields) {
    if (IsHopByHop(field.name, connection_options) || EqualsIgnoreCase(field.name, left_out)) continue;
    if (IsOneOf(field.name, {kBatchField, "Content-Length"})) continue;
    AppendField(head, field.name, field.value);
  }
  // Those without a body have none to be long (RFC 9110 8.6). Of others, what the backend has said twice is said once.
  const bool bodiless = response.status < 200 || response.status == 204;
  if (!bodiless && response.Find("Content-Length")) {
    AppendField(head, "Content-Length", std::to_string(response.content_length));
  }
}

void AppendRequestId(std::string& head, const wire::ResponseHead& response, std::string_view request_id) {
  if (!response.Find("X-Request-ID")) AppendField(head, "X-Request-ID", request_id);
}

}  // namespace

std::string BuildDownstreamHead(const wire::ResponseHead& response, Framing framing, bool close,
                                int client_minor_version, std::string_view request_id) {
  std::string head = StatusLine(response);
  AppendEndToEndFields(head, response);
  if (response.status >= 200) AppendRequestId(head, response, request_id);
  if (framing == Framing::kChunked) AppendField(head, "Transfer-Encoding", "chunked");
  if (response.status >= 200) {
    if (close) {
      AppendField(head, "Connection", "close");
    } else if (client_minor_version == 0) {
      AppendField(head, "Connection", "keep-alive");
    }
  }
  return head.append("\r\n");
}

std::string BuildSwitchingProtocols(const wire::ResponseHead& response, const Negotiated& negotiated,
                                    std::string_view request_id, std::string_view user_header) {
  std::string head = StatusLine(response);
  AppendEndToEndFields(head, response, user_header);
  AppendRequestId(head, response, request_id);
  if (negotiated.envelope) AppendField(head, kBatchField, NameOf(*negotiated.envelope));
  if (negotiated.deflate) AppendField(head, "Sec-WebSocket-Extensions", negotiated.deflate->extension);
  return head.append("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

}  // namespace sheaf
