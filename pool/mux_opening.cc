#include "pool/mux_opening.h"

#include <utility>

#include "pool/bad_answer.h"
#include "pool/endpoint_pool.h"
#include "pool/mux_link.h"
#include "pool/mux_socket.h"
#include "pool/mux_stream.h"
#include "pool/pooled_stream.h"
#include "proxy/base/bytes.h"
#include "proxy/base/redaction.h"
#include "proxy/wire/ws_handshake.h"

namespace sheaf::pool {
namespace {

using wire::MuxFault;
using wire::MuxType;

void AppendFields(std::string& head, const wire::MuxFields& fields) {
  fields.ForEach(
      [&head](const wire::Field& field) { head.append(field.name).append(": ").append(field.value).append("\r\n"); });
}

bool Has(const wire::MuxFields& fields, std::string_view wanted) {
  bool found = false;
  fields.ForEach([&](const wire::Field& field) { found = found || field.name == wanted; });
  return found;
}

// A line's end in one would make two of it, or the end of the head.
bool AreValid(const wire::MuxFields& fields) {
  bool valid = true;
  fields.ForEach([&](const wire::Field& field) { valid = valid && wire::IsValidMuxField(field); });
  return valid;
}

// The answers are checked as the heads are that they stand for: what HTTP would refuse is refused here.
std::string AcceptedHead(const wire::MuxAccept& accept, const Upgrade& upgrade) {
  std::string head("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
  head.append("Sec-WebSocket-Accept: ").append(wire::WebSocketAccept(upgrade.key())).append("\r\n");
  if (!accept.subprotocol.empty()) {
    head.append("Sec-WebSocket-Protocol: ").append(accept.subprotocol).append("\r\n");
  }
  AppendFields(head, accept.fields);
  return head.append("\r\n");
}

std::string RefusedHead(const wire::MuxRefuse& refuse, bool body_follows) {
  std::string head("HTTP/1.1 ");
  head.append(std::to_string(refuse.status)).append(" \r\n");
  AppendFields(head, refuse.fields);
  if (!body_follows) {
    if (!Has(refuse.fields, "content-length")) head.append("Content-Length: 0\r\n");
  } else if (!Has(refuse.fields, "content-length") && !Has(refuse.fields, "transfer-encoding")) {
    head.append("Transfer-Encoding: chunked\r\n");
  }
  return head.append("\r\n");
}

}  // namespace

MuxOpening::MuxOpening(MuxLink& link, uint32_t id, PooledStream& stream) : MuxSlot(id), link_(link), stream_(&stream) {
  stream.Join(*this);
}

MuxFault MuxOpening::OnRecord(const wire::MuxRecord& record) {
  switch (record.type) {
    case MuxType::kAccept:
      return OnAccept(record);
    case MuxType::kRefuse:
      return OnRefuse(record);
    case MuxType::kBody:
      return OnBody(record);
    default:
      return MuxFault::kOrder;
  }
}

MuxFault MuxOpening::OnShared(const wire::FramePiece& /*part*/) {
  return MuxFault::kOrder;
}

MuxFault MuxOpening::OnAccept(const wire::MuxRecord& record) {
  if (refused_) return MuxFault::kOrder;
  std::string_view payload = AsText(record.payload);
  if (record.more() || !accept_.empty()) {
    if (accept_.size() + payload.size() > wire::kMuxMaxHead) return MuxFault::kPayload;
    accept_.append(payload);
    if (record.more()) return MuxFault::kNone;
    payload = accept_;
  }
  const auto accept = wire::ParseMuxAccept(AsBytes(payload));
  if (!accept) return MuxFault::kPayload;
  if (!AreValid(accept->fields) || !wire::IsValidMuxField({"sec-websocket-protocol", accept->subprotocol})) {
    Break("bad_field", "");
    return MuxFault::kNone;
  }
  const std::string text = AcceptedHead(*accept, *stream_->upgrade());
  wire::ResponseHead& head = link_.pool().response_head();
  if (!wire::ParseResponseHead(text, link_.pool().response_limits(), "GET", head)) {
    Break(head.fault.cause, ShownFields(head.fault.seen));
    return MuxFault::kNone;
  }
  const wire::ResponseFault fault = wire::CheckUpgradeResponse(head, wire::WebSocketAccept(stream_->upgrade()->key()),
                                                               stream_->upgrade()->subprotocols());
  if (!fault.empty()) {
    Break(fault.cause, fault.seen);
    return MuxFault::kNone;
  }
  PooledStream& stream = *std::exchange(stream_, nullptr);
  stream.OnAnswered();
  stream.Open(head, std::make_unique<MuxSocket>(link_.Accept(*this, stream)));
  return MuxFault::kNone;
}

MuxFault MuxOpening::OnRefuse(const wire::MuxRecord& record) {
  if (refused_ || !accept_.empty()) return MuxFault::kOrder;
  const auto refuse = wire::ParseMuxRefuse(record.payload);
  if (!refuse) return MuxFault::kPayload;
  refused_ = true;
  if (!wire::IsValidMuxStatus(refuse->status) || !AreValid(refuse->fields)) {
    Break(AreValid(refuse->fields) ? "no_upgrade" : "bad_field", "status " + std::to_string(refuse->status));
    return MuxFault::kNone;
  }
  const std::string text = RefusedHead(*refuse, record.more());
  wire::ResponseHead& head = link_.pool().response_head();
  if (!wire::ParseResponseHead(text, link_.pool().response_limits(), "GET", head)) {
    Break(head.fault.cause, ShownFields(head.fault.seen));
    return MuxFault::kNone;
  }
  sized_ = head.body != wire::BodyKind::kChunked;
  declared_ = head.body == wire::BodyKind::kLength ? head.content_length : 0;
  stream_->OnAnswered();
  stream_->OnFinalHead();
  stream_->events().OnUpstreamHead(head);
  if (stream_ != nullptr && !record.more()) FinishRefusal();
  return MuxFault::kNone;
}

MuxFault MuxOpening::OnBody(const wire::MuxRecord& record) {
  if (!refused_) return MuxFault::kOrder;
  body_ += record.payload.size();
  if (body_ > (sized_ ? declared_ : kMostBody)) {
    Break("body_too_long", "");
    return MuxFault::kNone;
  }
  if (!record.payload.empty()) stream_->events().OnUpstreamBody(AsText(record.payload));
  if (stream_ != nullptr && !record.more()) FinishRefusal();
  return MuxFault::kNone;
}

void MuxOpening::FinishRefusal() {
  if (sized_ && body_ < declared_) return Break("body_too_short", "");
  PooledStream& stream = *std::exchange(stream_, nullptr);
  link_.Remove(*this);
  stream.Leave();
  stream.events().OnUpstreamEnd();
}

void MuxOpening::Break(std::string_view cause, std::string_view seen) {
  PooledStream& stream = *std::exchange(stream_, nullptr);
  ReportBadAnswer(link_.pool().endpoint().url().address, cause, seen, stream.events().request_in_log());
  link_.SendClose(id(), 1002, Describe(CloseReason::kUpstreamProtocolError).text);
  link_.Remove(*this);
  stream.Lose(CloseReason::kUpstreamProtocolError, false);
}

void MuxOpening::Detach(PooledStream& /*stream*/, CloseReason /*reason*/) {
  stream_ = nullptr;
  link_.SendClose(id(), 1006, "");
  link_.Remove(*this);
}

void MuxOpening::OnLinkLost(CloseReason reason) {
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->Lose(reason, !refused_);
}

}  // namespace sheaf::pool
