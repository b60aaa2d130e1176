#include "pool/http1_codec.h"

#include <algorithm>
#include <utility>

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

Http1Codec::Http1Codec(CodecHost& host, const UpstreamRequest& request, const wire::HeadLimits& limits,
                       wire::ResponseHead& head)
    : host_(host),
      request_(request),
      limits_(limits),
      head_(head),
      request_finished_(request.body == wire::BodyKind::kNone || request.body_finished) {}

void Http1Codec::Start() {
  host_.WriteUpstream(AsBytes(request_.head));
}

void Http1Codec::SendBody(std::string_view data) {
  if (request_.body == wire::BodyKind::kLength) {
    host_.WriteUpstream(AsBytes(data));  // as it came: most often a view that need not be copied
    return;
  }
  std::string framed;
  AppendBody(framed, request_.body, data);
  host_.WriteUpstream(AsBytes(framed));
}

void Http1Codec::FinishBody() {
  if (request_finished_) return;
  request_finished_ = true;
  std::string end;
  AppendBodyEnd(end, request_.body);
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
  response_begun_ = true;
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
  if (!wire::ParseResponseHead(head, limits_, request_.method, head_)) {
    return Break(head_.fault.cause, ShownFields(head_.fault.seen));
  }
  return OnHead();
}

Codec::Verdict Http1Codec::OnHead() {
  if (head_.status == 101) {
    // Also an answer to a request that asked for no upgrade: CheckUpgradeResponse needs what was asked.
    if (!request_.websocket) return Break("unasked_upgrade", head_.Find("Upgrade").value_or(""));
    const wire::ResponseFault fault =
        wire::CheckUpgradeResponse(head_, request_.websocket_accept, request_.websocket_protocols);
    return fault.empty() ? Verdict::kUpgraded : Break(fault.cause, fault.seen);
  }
  if (head_.status >= 200) {
    if (request_.websocket && !IsRefusal(head_.status)) {
      return Break("no_upgrade", "status " + std::to_string(head_.status));
    }
    head_done_ = true;
    keep_alive_ = head_.keep_alive;
    body_.Reset(head_.body, head_.content_length, wire::Sender::kBackend);
  }
  host_.events()->OnUpstreamHead(head_);
  return host_.events() == nullptr ? Verdict::kClosed : Verdict::kGoOn;
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
        host_.events()->OnUpstreamBody(step.data);
        if (host_.events() == nullptr) return Verdict::kClosed;
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
