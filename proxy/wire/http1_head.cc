#include "proxy/wire/http1_head.h"

#include <algorithm>

#include "proxy/wire/http1_fields.h"
#include "proxy/wire/http1_syntax.h"

namespace sheaf::wire {
namespace {

std::string_view FirstLine(std::string_view head) {
  return head.substr(0, head.find('\r'));
}

// Line `number` of the head, from 0 on.
std::string_view Line(std::string_view head, size_t number) {
  for (; number > 0 && !head.empty(); --number) head.remove_prefix(std::min(head.find('\n'), head.size() - 1) + 1);
  return FirstLine(head);
}

// The part of the head from the first field that frames the body to the last.
std::string_view FramingFields(const std::vector<Field>& fields) {
  const char* begin = nullptr;
  const char* end = nullptr;
  for (const Field& field : fields) {
    if (!EqualsIgnoreCase(field.name, "Content-Length") && !EqualsIgnoreCase(field.name, "Transfer-Encoding")) continue;
    if (begin == nullptr) begin = field.name.data();
    end = field.value.data() + field.value.size();
    // An empty value may have no place of its own.
    if (field.value.empty()) end = field.name.data() + field.name.size();
  }
  return begin == nullptr ? std::string_view() : std::string_view(begin, static_cast<size_t>(end - begin));
}

// "HTTP/1.0" or "HTTP/1.1", as its minor version; anything else is refused (hardening row 23).
std::optional<int> ParseVersion(std::string_view version) {
  if (version == "HTTP/1.1") return 1;
  if (version == "HTTP/1.0") return 0;
  return std::nullopt;
}

std::optional<RefuseReason> CheckComplete(std::string_view head, const HeadLimits& limits) {
  HeadScanner scanner;
  switch (scanner.Scan(head, limits)) {
    case HeadScanner::Verdict::kRefuse:
      return scanner.reason();
    case HeadScanner::Verdict::kNeedMore:
      return RefuseReason::kBadRequestLine;
    case HeadScanner::Verdict::kComplete:
      break;
  }
  if (scanner.head_size() != head.size()) return RefuseReason::kBadRequestLine;
  return std::nullopt;
}

// method SP target SP version, with one space each (RFC 9112 section 3).
std::optional<RefuseReason> ParseRequestLine(std::string_view line, RequestHead& request) {
  const size_t first_space = line.find(' ');
  const size_t last_space = line.rfind(' ');
  if (first_space == std::string_view::npos) return RefuseReason::kBadRequestLine;
  const std::string_view method = line.substr(0, first_space);
  if (!IsToken(method)) return RefuseReason::kBadRequestLine;
  request.method = method;
  if (first_space == last_space) return RefuseReason::kBadVersion;

  request.target = line.substr(first_space + 1, last_space - first_space - 1);
  const std::string_view version = line.substr(last_space + 1);
  if (request.method == "PRI" && version == "HTTP/2.0") return RefuseReason::kHttp2Preface;
  const auto minor = ParseVersion(version);
  if (!minor) return RefuseReason::kBadVersion;
  request.minor_version = *minor;

  if (request.method == "CONNECT" || request.method == "TRACE") return RefuseReason::kMethodNotAllowed;
  if (!IsTargetText(request.target)) return RefuseReason::kBadTarget;
  return std::nullopt;
}

// Takes an absolute-form target apart: its authority is the host, the rest is the target (RFC 9112 3.2.2).
std::optional<RefuseReason> ParseAbsoluteForm(RequestHead& request) {
  const size_t scheme_end = request.target.find("://");
  if (scheme_end == std::string_view::npos) return RefuseReason::kBadTarget;
  const std::string_view scheme = request.target.substr(0, scheme_end);
  if (!EqualsIgnoreCase(scheme, "http") && !EqualsIgnoreCase(scheme, "https")) return RefuseReason::kBadTarget;

  const std::string_view rest = request.target.substr(scheme_end + 3);
  const size_t path = rest.find_first_of("/?");
  request.host = rest.substr(0, path);
  if (!IsHostAndPort(request.host)) return RefuseReason::kBadTarget;
  if (path == std::string_view::npos) {
    request.target = request.method == "OPTIONS" ? "*" : "/";
    return std::nullopt;
  }
  // A query without a path has no origin-form within the bytes received, and no client sends one to an origin.
  if (rest[path] == '?') return RefuseReason::kBadTarget;
  request.target = rest.substr(path);
  return std::nullopt;
}

std::optional<RefuseReason> ParseTargetAndHost(RequestHead& request) {
  const size_t hosts = request.Count("Host");
  request.host = request.Find("Host").value_or(std::string_view());
  if (hosts > 1 || (hosts == 0 && request.minor_version >= 1)) return RefuseReason::kBadHost;
  if (hosts == 1 && !IsHostAndPort(request.host)) return RefuseReason::kBadHost;

  if (request.target.front() == '/') return std::nullopt;
  if (request.target != "*") return ParseAbsoluteForm(request);
  if (request.method != "OPTIONS") return RefuseReason::kBadTarget;
  return std::nullopt;
}

std::optional<RefuseReason> ParseExpect(RequestHead& request) {
  const auto expect = request.Find("Expect");
  if (!expect) return std::nullopt;
  if (!EqualsIgnoreCase(*expect, "100-continue") || request.Count("Expect") != 1) return RefuseReason::kBadExpect;
  request.expect_continue = request.minor_version >= 1 && request.body != BodyKind::kNone;
  return std::nullopt;
}

// The same of a backend, which may speak a later HTTP/1.x: it answers what it was asked, in HTTP/1.1.
std::optional<int> ParseResponseVersion(std::string_view version) {
  if (version.size() == 8 && version.starts_with("HTTP/1.") && version[7] >= '2' && version[7] <= '9') return 1;
  return ParseVersion(version);
}

// HTTP-version SP 3DIGIT SP [reason] (RFC 9112 section 4). A missing second space is let pass: several servers leave it
// out with an empty reason, and it cannot be read in two ways.
bool ParseStatusLine(std::string_view line, ResponseHead& response) {
  constexpr size_t kVersionSize = 8;
  constexpr size_t kStatusEnd = 12;
  const auto minor = ParseResponseVersion(line.substr(0, kVersionSize));
  if (!minor || line.size() < kStatusEnd || line[kVersionSize] != ' ') return false;
  response.minor_version = *minor;
  for (const char digit : line.substr(kVersionSize + 1, 3)) {
    if (digit < '0' || digit > '9') return false;
    response.status = response.status * 10 + (digit - '0');
  }
  if (response.status < 100) return false;

  if (line.size() == kStatusEnd) return true;
  response.reason = line.substr(kStatusEnd + 1);
  return line[kStatusEnd] == ' ' && IsFieldValue(response.reason);
}

// RFC 9112 6.3. The body of a response depends on the request's method and on the status first.
void DecideResponseBody(const Framing& framing, std::string_view request_method, ResponseHead& response) {
  const bool interim_or_empty = response.status < 200 || response.status == 204;
  response.content_length = framing.length.value_or(0);
  if (interim_or_empty || response.status == 304 || request_method == "HEAD") {
    response.body = BodyKind::kNone;
    // RFC 9112 6.1 forbids a coding here. A backend that sends one may send chunks as well: never reuse its connection.
    if (interim_or_empty && framing.chunked) response.keep_alive = false;
  } else if (framing.chunked) {
    response.body = BodyKind::kChunked;
  } else if (framing.length) {
    response.body = *framing.length == 0 ? BodyKind::kNone : BodyKind::kLength;
  } else {
    response.body = BodyKind::kUntilClose;
    response.keep_alive = false;
  }
  if (response.status == 101) response.keep_alive = false;
}

}  // namespace

std::optional<std::string_view> RequestHead::Find(std::string_view name) const {
  return FindField(fields, name);
}

size_t RequestHead::Count(std::string_view name) const {
  return CountFields(fields, name);
}

void RequestHead::Clear() {
  std::vector<Field> kept = std::move(fields);
  kept.clear();
  *this = RequestHead();
  fields = std::move(kept);
}

std::optional<std::string_view> ResponseHead::Find(std::string_view name) const {
  return FindField(fields, name);
}

size_t ResponseHead::Count(std::string_view name) const {
  return CountFields(fields, name);
}

void ResponseHead::Clear() {
  std::vector<Field> kept = std::move(fields);
  kept.clear();
  *this = ResponseHead();
  fields = std::move(kept);
}

std::optional<RefuseReason> ParseRequestHead(std::string_view head, const HeadLimits& limits, RequestHead& request) {
  request.Clear();
  if (const auto refusal = CheckComplete(head, limits)) return refusal;
  if (const auto refusal = ParseRequestLine(FirstLine(head), request)) return refusal;
  if (const auto refusal = ParseFields(head, HeadKind::kRequest, limits, request.fields)) return refusal;
  if (const auto refusal = ParseTargetAndHost(request)) return refusal;

  Framing framing;
  if (const auto refusal = ParseFraming(request.fields, HeadKind::kRequest, request.minor_version, framing))
    return refusal;
  request.content_length = framing.length.value_or(0);
  if (framing.chunked) request.body = BodyKind::kChunked;
  if (request.content_length > 0) request.body = BodyKind::kLength;

  request.keep_alive = WantsKeepAlive(request.fields, request.minor_version);
  request.wants_websocket = FieldsListToken(request.fields, "Upgrade", "websocket");
  return ParseExpect(request);
}

bool ParseResponseHead(std::string_view head, const HeadLimits& limits, std::string_view request_method,
                       ResponseHead& response) {
  response.Clear();
  const auto fail = [&response](std::string_view cause, std::string_view seen) {
    response.fault = {cause, seen};
    return false;
  };
  if (const auto refusal = CheckComplete(head, limits)) return fail(Describe(*refusal).label, FirstLine(head));
  if (!ParseStatusLine(FirstLine(head), response)) return fail("bad_status_line", FirstLine(head));
  if (const auto refusal = ParseFields(head, HeadKind::kResponse, limits, response.fields)) {
    // The fields before the refused one were taken.
    return fail(Describe(*refusal).label, Line(head, 1 + response.fields.size()));
  }
  Framing framing;
  if (const auto refusal = ParseFraming(response.fields, HeadKind::kResponse, response.minor_version, framing)) {
    return fail(Describe(*refusal).label, FramingFields(response.fields));
  }
  response.keep_alive = WantsKeepAlive(response.fields, response.minor_version);
  DecideResponseBody(framing, request_method, response);
  return true;
}

}  // namespace sheaf::wire
