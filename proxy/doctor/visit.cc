#include "proxy/doctor/visit.h"

#include <system_error>
#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/doctor/request.h"
#include "proxy/wire/ws_handshake.h"

namespace sheaf::doctor {
namespace {

// What a backend sends is shown, not judged: far above any limit that may be configured.
constexpr wire::HeadLimits kGenerous{
    .max_line = 1 << 20, .max_head = 1 << 20, .max_fields = 10'000, .allow_underscores = true};

// A client's frames are masked. With what, is of no importance here.
constexpr uint8_t kMask[4] = {0x5A, 0x3C, 0x96, 0xE1};

}  // namespace

Visit::Visit(net::Loop& loop, const Place& place, const Patience& patience)
    : loop_(loop),
      place_(place),
      patience_(patience),
      deadline_(*this),
      frames_(wire::FrameSource::kServer, frame_limits_) {}

Visit::~Visit() {
  if (connection_) connection_->Close();
}

Answer Visit::Ask(const std::string& head, std::string_view subprotocols) {
  request_ = head;
  subprotocols_ = subprotocols;
  connection_ = net::Connection::Connect(loop_, place_.address, place_.tls, place_.server_name, io_, *this);
  if (!connection_) {
    answer_.error = std::generic_category().message(errno);
    return std::move(answer_);
  }
  loop_.SetDeadline(deadline_, patience_.response);
  while (!over_) {
    loop_.WaitAndDispatch();
    loop_.RunPosted();
    loop_.FlushWrites();
    loop_.graveyard().DestroyAll();
  }
  return std::move(answer_);
}

void Visit::OnConnected() {
  answer_.connected = true;
  connection_->Write(request_);
  asked_at_ = SteadyClock().Now();
}

void Visit::OnBytes(std::span<uint8_t> bytes) {
  if (over_) return;
  if (switched_) return TakeFrames(bytes);
  if (has_head_) return TakeBody(AsText(bytes));
  head_.append(AsText(bytes));
  TakeHead();
}

void Visit::TakeHead() {
  wire::HeadScanner scanner;
  const wire::HeadScanner::Verdict verdict = scanner.Scan(head_, kGenerous);
  if (verdict == wire::HeadScanner::Verdict::kNeedMore) return;
  if (verdict == wire::HeadScanner::Verdict::kRefuse) {
    answer_.fault = Describe(scanner.reason()).label;
    return Fail("the answer is not HTTP/1.1 (" + answer_.fault + ")");
  }
  wire::ResponseHead head;
  if (!wire::ParseResponseHead(std::string_view(head_).substr(0, scanner.head_size()), kGenerous, "GET", head)) {
    answer_.fault = head.fault.cause;
    return Fail("the answer is not valid HTTP/1.1 (" + answer_.fault + ")");
  }
  if (head.status < 200 && head.status != 101) {
    head_.erase(0, scanner.head_size());  // an interim response; the answer follows
    return TakeHead();
  }
  answer_.delay = SteadyClock().Now() - asked_at_;
  answer_.status = head.status;
  for (const wire::Field& field : head.fields)
    answer_.fields.push_back({std::string(field.name), std::string(field.value)});
  has_head_ = true;
  std::string rest = head_.substr(scanner.head_size());
  if (head.status == 101) {
    switched_ = true;
    answer_.fault = wire::CheckUpgradeResponse(head, wire::WebSocketAccept(kWebSocketKey), subprotocols_).cause;
    loop_.SetDeadline(deadline_, patience_.message);
    return TakeFrames({reinterpret_cast<uint8_t*>(rest.data()), rest.size()});
  }
  body_.Reset(head.body, head.content_length);
  loop_.SetDeadline(deadline_, patience_.body);
  TakeBody(rest);
}

void Visit::TakeBody(std::string_view bytes) {
  while (!over_) {
    const wire::BodyDecoder::Step step = body_.Next(bytes);
    if (step.verdict == wire::BodyDecoder::Verdict::kNeedMore) return;
    if (step.verdict == wire::BodyDecoder::Verdict::kComplete) return Finish();
    if (step.verdict == wire::BodyDecoder::Verdict::kRefuse) {
      answer_.fault = Describe(body_.reason()).label;
      return Fail("the body is not valid HTTP/1.1 (" + answer_.fault + ")");
    }
    answer_.body.append(step.data);
    if (answer_.body.size() < kMostBody) continue;
    answer_.body.resize(kMostBody);
    answer_.body_goes_on = true;
    Finish();
  }
}

void Visit::TakeFrames(std::span<uint8_t> bytes) {
  while (!over_ && TakePiece(frames_.Next(bytes))) {
  }
}

// False: no more of the input is to be taken.
bool Visit::TakePiece(const wire::FramePiece& piece) {
  using Kind = wire::FramePiece::Kind;
  switch (piece.kind) {
    case Kind::kNeedMore:
      return false;
    case Kind::kError:
      Fail("what came after the 101 are not WebSocket frames");
      return false;
    case Kind::kClose:
      answer_.close_code = piece.close_code;
      answer_.close_reason = AsText(piece.payload);
      Finish();
      return false;
    case Kind::kData:
      if (closing_) return true;
      message_.text = piece.opcode == wire::Opcode::kText;
      message_.payload.append(AsText(piece.payload));
      if (!piece.last) return true;
      answer_.message = std::move(message_);
      SayGoodbye();
      return true;
    default:
      return true;  // a ping that waits for its pong for as long as this lasts
  }
}

void Visit::SayGoodbye() {
  closing_ = true;
  std::string close;
  wire::AppendCloseFrame(close, 1000, "", kMask);
  connection_->Write(close);
  loop_.SetDeadline(deadline_, patience_.close);
}

void Visit::OnEnd(net::ConnectionEnd end) {
  if (over_) return;
  if (switched_) {
    answer_.close_code = 1006;
    return Finish();
  }
  if (has_head_ && body_.kind() == wire::BodyKind::kUntilClose && end == net::ConnectionEnd::kEof) return Finish();
  std::string error = connection_->ErrorText();
  if (has_head_) return Fail("the body ended early" + (error.empty() ? "" : ": " + error));
  if (error.empty()) error = "the connection ended without an answer";
  Fail(end == net::ConnectionEnd::kTlsFailed ? "TLS failed: " + error : error);
}

void Visit::OnDeadline(net::Deadline& /*deadline*/) {
  if (switched_ && !closing_) return SayGoodbye();
  if (switched_) {
    answer_.close_code = 0;
    answer_.close_reason = "the Close was not answered";
    return Finish();
  }
  if (!has_head_)
    return Fail("no answer within " +
                std::to_string(std::chrono::duration_cast<std::chrono::seconds>(patience_.response).count()) + " s");
  answer_.body_goes_on = true;
  Finish();
}

void Visit::Fail(std::string error) {
  answer_.error = std::move(error);
  Finish();
}

void Visit::Finish() {
  over_ = true;
  loop_.CancelDeadline(deadline_);
  connection_->CloseAfterLastWords();
  loop_.graveyard().Retire(std::exchange(connection_, nullptr));
}

}  // namespace sheaf::doctor
