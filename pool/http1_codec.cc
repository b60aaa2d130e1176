#include "pool/http1_codec.h"

#include <algorithm>
#include <utility>

#include "pool/bad_answer.h"
#include "pool/pooled_stream.h"
#include "proxy/base/bytes.h"
#include "proxy/base/redaction.h"
#include "proxy/wire/ws_handshake.h"

namespace sheaf::pool {
namespace {

// Of a body that is not framed as it says: a chunk's size or a trailer, behind the end of what was before it. What
// follows may be the body itself.
std::string_view FirstLine(std::string_view bytes) {
  bytes.remove_prefix(std::min(bytes.find_first_not_of("\r\n"), bytes.size()));
  return bytes.substr(0, bytes.find_first_of("\r\n"));
}

}  // namespace

wire::HeadLimits ResponseHeadLimits(const Options::Limits& limits) {
  return {.max_line = limits.max_head,
          .max_head = limits.max_head,
          .max_fields = limits.max_fields,
          .allow_underscores = true};
}

Http1Codec::Http1Codec(CodecHost& host, const wire::HeadLimits& limits, wire::ResponseHead& head)
    : host_(host), limits_(limits), head_(head) {}

void Http1Codec::Attach(PooledStream& stream) {
  const HttpRequest& request = stream.request();
  stream_ = &stream;
  stream.Join(*this);
  response_begun_ = head_done_ = false;
  keep_alive_ = true;
  request_finished_ = request.body == wire::BodyKind::kNone || request.body_finished;
  if (const Upgrade* upgrade = stream.upgrade()) {
    SendHead(*upgrade);
  } else {
    host_.WriteUpstream(AsBytes(request.head));
  }
  stream.OnSent();
}

void Http1Codec::SendHead(const Upgrade& upgrade) {
  for (const std::string_view part : {std::string_view("GET "), std::string_view(upgrade.target),
                                      std::string_view(" HTTP/1.1\r\n"), std::string_view(upgrade.fields.text()),
                                      std::string_view("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")}) {
    host_.WriteUpstream(AsBytes(part));
  }
}

// What is left of the response has nobody to go to, and no request may follow it.
void Http1Codec::Detach(PooledStream& /*stream*/, CloseReason reason) {
  stream_ = nullptr;
  host_.Close(reason);
}

PooledStream& Http1Codec::Leave() {
  PooledStream& stream = *std::exchange(stream_, nullptr);
  stream.Leave();
  return stream;
}

void Http1Codec::Finish() {
  partial_ = head_bytes_ = std::string();
  Leave().events().OnUpstreamEnd();
}

void Http1Codec::Lose(CloseReason reason) {
  std::exchange(stream_, nullptr)->Lose(reason, untouched());
}

void Http1Codec::OnUpstreamBlocked() {
  if (stream_ != nullptr) stream_->events().OnUpstreamBlocked();
}

void Http1Codec::OnUpstreamDrained() {
  if (stream_ != nullptr) stream_->events().OnUpstreamDrained();
}

void Http1Codec::PauseReading(PooledStream& /*stream*/, PauseReason reason) {
  host_.connection().PauseReading(reason);
}

void Http1Codec::ResumeReading(PooledStream& /*stream*/, PauseReason reason) {
  host_.connection().ResumeReading(reason);
}

size_t Http1Codec::Untaken(const PooledStream& /*stream*/) const {
  return host_.connection().Untaken();
}

CloseReason Http1Codec::lost() const {
  return untouched() ? CloseReason::kUpstreamGone : CloseReason::kUpstreamTruncated;
}

void Http1Codec::ReportFault(std::string_view upstream, CloseReason /*reason*/) const {
  if (!fault_) return;
  ReportBadAnswer(upstream, fault_->cause, fault_->seen, stream_->events().request_in_log());
}

void Http1Codec::SendBody(PooledStream& stream, std::string_view data) {
  if (stream.request().body == wire::BodyKind::kLength) {
    host_.WriteUpstream(AsBytes(data));  // as it came: most often a view that need not be copied
    return;
  }
  std::string framed;
  AppendBody(framed, stream.request().body, data);
  host_.WriteUpstream(AsBytes(framed));
}

void Http1Codec::FinishBody(PooledStream& stream) {
  if (request_finished_) return;
  request_finished_ = true;
  std::string end;
  AppendBodyEnd(end, stream.request().body);
  host_.WriteUpstream(AsBytes(end));
}

void Http1Codec::AppendBody(std::string& out, wire::BodyKind kind, std::string_view data) {
  if (data.empty()) return;
  if (kind != wire::BodyKind::kChunked) {
    out.append(data);
    return;
  }
  out.append(wire::ChunkSizeLine(data.size())).append(data).append("\r\n");
}

void Http1Codec::AppendBodyEnd(std::string& out, wire::BodyKind kind) {
  if (kind == wire::BodyKind::kChunked) out.append(wire::kLastChunk);
}

Codec::Verdict Http1Codec::OnBytes(std::span<uint8_t>& bytes) {
  if (!std::exchange(response_begun_, true)) stream_->OnAnswered();
  while (!head_done_) {
    const Verdict verdict = TakeHead(bytes);
    if (verdict != Verdict::kGoOn || (!head_done_ && bytes.empty())) return verdict;
  }
  return TakeBody(bytes);
}

// Takes one head (1xx or final) from the front of `bytes`, if it is complete.
Codec::Verdict Http1Codec::TakeHead(std::span<uint8_t>& bytes) {
  const size_t already = partial_.size();
  std::string_view all = AsText(bytes);
  if (already != 0) {
    partial_.append(all);
    all = partial_;
  }
  switch (scanner_.Scan(all, limits_)) {
    case wire::HeadScanner::Verdict::kRefuse:
      return Break(Describe(scanner_.reason()).label, ShownFields(all.substr(scanner_.line_start())));
    case wire::HeadScanner::Verdict::kNeedMore:
      if (already == 0) partial_.assign(all);
      bytes = {};
      return Verdict::kGoOn;
    case wire::HeadScanner::Verdict::kComplete:
      break;
  }
  const size_t size = scanner_.head_size();
  scanner_.Reset();
  bytes = bytes.subspan(size - already);
  if (already != 0) head_bytes_ = std::exchange(partial_, std::string());
  const std::string_view head = already != 0 ? std::string_view(head_bytes_).substr(0, size) : all.substr(0, size);
  if (!wire::ParseResponseHead(head, limits_, stream_->request().method, head_)) {
    return Break(head_.fault.cause, ShownFields(head_.fault.seen));
  }
  return OnHead();
}

Codec::Verdict Http1Codec::OnHead() {
  if (head_.status == 101) return OnSwitch();
  if (head_.status >= 200) {
    if (stream_->upgrade() != nullptr && !IsRefusal(head_.status)) {
      return Break("no_upgrade", "status " + std::to_string(head_.status));
    }
    head_done_ = true;
    keep_alive_ = head_.keep_alive;
    body_.Reset(head_.body, head_.content_length, wire::Sender::kBackend);
    stream_->OnFinalHead();
  }
  stream_->events().OnUpstreamHead(head_);
  return stream_ == nullptr ? Verdict::kClosed : Verdict::kGoOn;
}

Codec::Verdict Http1Codec::OnSwitch() {
  // Also an answer to a request that asked for no upgrade: CheckUpgradeResponse needs what was asked.
  const Upgrade* upgrade = stream_->upgrade();
  if (upgrade == nullptr) return Break("unasked_upgrade", head_.Find("Upgrade").value_or(""));
  const wire::ResponseFault fault =
      wire::CheckUpgradeResponse(head_, wire::WebSocketAccept(upgrade->key()), upgrade->subprotocols());
  if (!fault.empty()) return Break(fault.cause, fault.seen);
  // The tunnel stands before anybody hears of it: the new session may send at once.
  std::unique_ptr<SocketStream> socket = host_.OpenTunnel(*stream_);
  std::exchange(stream_, nullptr)->Open(head_, std::move(socket));
  return Verdict::kUpgraded;
}

Codec::Verdict Http1Codec::TakeBody(std::span<uint8_t>& bytes) {
  std::string_view input = AsText(bytes);
  for (;;) {
    const std::string_view rest = input;
    const wire::BodyDecoder::Step step = body_.Next(input);
    switch (step.verdict) {
      case wire::BodyDecoder::Verdict::kNeedMore:
        bytes = {};
        return Verdict::kGoOn;
      case wire::BodyDecoder::Verdict::kData:
        stream_->events().OnUpstreamBody(step.data);
        if (stream_ == nullptr) return Verdict::kClosed;
        break;
      case wire::BodyDecoder::Verdict::kComplete:
        // Bytes after the response belong to no request (hardening row 33): they are dropped with the connection.
        return Complete(input.empty());
      case wire::BodyDecoder::Verdict::kRefuse:
        return Break(Describe(body_.reason()).label, ShownFields(FirstLine(rest)));
    }
  }
}

Codec::Verdict Http1Codec::Complete(bool clean) {
  return clean && keep_alive_ && request_finished_ ? Verdict::kReusable : Verdict::kFinished;
}

Codec::Verdict Http1Codec::Break(std::string_view cause, std::string_view seen) {
  fault_ = std::make_unique<Fault>(cause, seen);
  return Verdict::kBroken;
}

Codec::Verdict Http1Codec::OnEnd() {
  if (!head_done_) {
    if (!response_begun_) return Verdict::kGone;
    Break("truncated_head", ShownFields(partial_));
    return Verdict::kTruncated;
  }
  return body_.kind() == wire::BodyKind::kUntilClose ? Verdict::kFinished : Verdict::kTruncated;
}

}  // namespace sheaf::pool
