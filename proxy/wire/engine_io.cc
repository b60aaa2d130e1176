#include "proxy/wire/engine_io.h"

#include <algorithm>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/wire/engine_io_open.h"
#include "proxy/wire/http1_syntax.h"
#include "proxy/wire/query.h"

namespace sheaf::wire {
namespace {

using Transport = EngineIoRequest::Transport;

// A browser or a curious backend may say anything; a day is more than any server means.
std::chrono::milliseconds Bounded(double milliseconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(std::min(milliseconds, 86'400'000.0)));
}

Transport TransportNamed(std::string_view name) {
  if (name == "polling") return Transport::kPolling;
  return name == "websocket" ? Transport::kWebSocket : Transport::kOther;
}

}  // namespace

std::optional<EngineIoRequest> ReadEngineIoRequest(std::string_view target) {
  EngineIoRequest request;
  int versions = 0;
  bool has_transport = false;
  ForEachParameter(target, [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    if (IsParameterNamed(name, "EIO")) {
      request.version = versions++ == 0 && DecodeParameter(value) == "4" ? 4 : 3;
    } else if (IsParameterNamed(name, "transport")) {
      if (!std::exchange(has_transport, true)) request.transport = TransportNamed(DecodeParameter(value));
    } else if (IsParameterNamed(name, "j")) {
      request.jsonp = true;
    } else if (IsParameterNamed(name, "sid")) {
      if (request.sid.empty()) request.sid = DecodeParameter(value);
    }
  });
  if (versions == 0) return std::nullopt;
  return request;
}

HandshakeReader::Verdict HandshakeReader::Begin(int status, std::string_view content_encoding) {
  if (status != 200) return Conclude(Verdict::kNone);
  content_encoding = Trim(content_encoding);
  if (!content_encoding.empty() && !EqualsIgnoreCase(content_encoding, "identity")) return Conclude(Verdict::kEncoded);
  return verdict_;
}

// What has come before is looked at again only when there is a bracket that may end the packet.
HandshakeReader::Verdict HandshakeReader::Read(std::string_view piece) {
  if (verdict_ != Verdict::kNeedMore || piece.empty()) return verdict_;
  piece = piece.substr(0, kMostLookedAt - seen_.size());
  const bool first = seen_.empty();
  if (first && Parse(piece) != Verdict::kNeedMore) return verdict_;
  seen_.append(piece);
  if (!first && piece.find('}') != std::string_view::npos && Parse(seen_) != Verdict::kNeedMore) return verdict_;
  return seen_.size() < kMostLookedAt ? verdict_ : Conclude(Verdict::kNone);
}

HandshakeReader::Verdict HandshakeReader::End() {
  return verdict_ == Verdict::kNeedMore ? Conclude(Verdict::kNone) : verdict_;
}

HandshakeReader::Verdict HandshakeReader::Conclude(Verdict verdict) {
  seen_ = std::string();
  return verdict_ = verdict;
}

HandshakeReader::Verdict HandshakeReader::Parse(std::string_view body) {
  const OpenScan scan = ScanOpenPacket(body);
  if (scan.verdict == OpenScan::Verdict::kNeedMore) return verdict_;
  if (scan.verdict == OpenScan::Verdict::kNone || scan.sid.empty() || scan.sid.size() > kLongestSid) {
    return Conclude(Verdict::kNone);
  }
  sid_ = scan.sid;
  lifetime_ = Bounded(scan.ping_interval_ms) + Bounded(scan.ping_timeout_ms);
  return Conclude(Verdict::kFound);
}

}  // namespace sheaf::wire
