#include "proxy/admin/connection.h"

#include <unistd.h>

#include "proxy/admin/admin.h"
#include "proxy/admin/requests.h"
#include "proxy/base/bytes.h"

namespace sheaf {

AdminConnection::AdminConnection(Admin& admin, uint64_t number) : admin_(admin), number_(number), deadline_(*this) {}

bool AdminConnection::Start(int fd) {
  connection_ = net::Connection::Accept(admin_.loop(), fd, nullptr, admin_.io(), *this, admin_.is_unix());
  if (!connection_) {
    close(fd);
    return false;
  }
  admin_.loop().SetDeadline(deadline_, admin_.times().head);
  return true;
}

void AdminConnection::OnBytes(std::span<uint8_t> bytes) {
  if (state_ == State::kLingering || state_ == State::kClosed) return;
  // A request behind one that is not answered yet.
  if (state_ == State::kWaiting) {
    keep_alive_ = false;
    return;
  }
  // Whoever asks again without taking what was answered gets no more.
  if (connection_->blocked()) return Close();
  held_.append(AsText(bytes));
  state_ == State::kBody ? TakeBody() : TakeHead();
}

void AdminConnection::TakeHead() {
  if (state_ == State::kIdle) {
    held_.erase(0, wire::SkippableEmptyLines(held_));
    if (held_.empty() || held_ == "\r") return;
    state_ = State::kHead;
    admin_.loop().SetDeadline(deadline_, admin_.times().head);
  }
  switch (scanner_.Scan(held_, wire::HeadLimits{})) {
    case wire::HeadScanner::Verdict::kNeedMore:
      return;
    case wire::HeadScanner::Verdict::kRefuse:
      return Refuse(scanner_.reason());
    case wire::HeadScanner::Verdict::kComplete:
      return BeginRequest(scanner_.head_size());
  }
}

void AdminConnection::BeginRequest(size_t head_size) {
  head_ = held_.substr(0, head_size);
  held_.erase(0, head_size);
  // Where the body is not read, what follows the head cannot be told from a request.
  keep_alive_ = false;
  head_request_ = false;
  request_.Clear();
  if (const auto refusal = wire::ParseRequestHead(head_, wire::HeadLimits{}, request_)) return Refuse(*refusal);
  head_request_ = request_.method == "HEAD";
  const bool has_body = request_.body != wire::BodyKind::kNone;
  if (!has_body) keep_alive_ = request_.keep_alive && held_.empty();
  const AdminVerdict verdict = admin_.Judge(request_);
  if (verdict.refusal) return Answer(*verdict.refusal);
  most_body_ = verdict.most_body;
  may_take_long_ = verdict.may_take_long;
  has_body ? BeginBody() : Handle();
}

void AdminConnection::BeginBody() {
  state_ = State::kBody;
  decoder_.Reset(request_.body, request_.content_length);
  admin_.loop().SetDeadline(deadline_, admin_.times().body);
  if (request_.expect_continue && held_.empty()) connection_->Write(std::string_view("HTTP/1.1 100 Continue\r\n\r\n"));
  TakeBody();
}

void AdminConnection::TakeBody() {
  std::string_view input = held_;
  while (!decoder_.complete() && !input.empty()) {
    const wire::BodyDecoder::Step step = decoder_.Next(input);
    if (step.verdict == wire::BodyDecoder::Verdict::kRefuse) return Refuse(decoder_.reason());
    body_.append(step.data);
    if (body_.size() > most_body_) return Answer(RefuseAdminBody(most_body_));
  }
  held_.erase(0, held_.size() - input.size());
  if (!decoder_.complete()) return;
  keep_alive_ = request_.keep_alive && held_.empty();
  Handle();
}

void AdminConnection::Handle() {
  state_ = State::kWaiting;
  may_take_long_ ? admin_.loop().CancelDeadline(deadline_)
                 : admin_.loop().SetDeadline(deadline_, admin_.times().answer);
  admin_.Handle(request_, body_, *this);
  std::string().swap(body_);
}

void AdminConnection::Complete(const AdminAnswer& answer) {
  if (state_ == State::kWaiting) Answer(answer);
}

void AdminConnection::Answer(const AdminAnswer& answer) {
  connection_->Write(SerializeAdminAnswer(answer, head_request_, keep_alive_));
  if (!keep_alive_) return Linger();
  held_.clear();
  body_.clear();
  scanner_.Reset();
  state_ = State::kIdle;
  admin_.loop().SetDeadline(deadline_, admin_.times().idle);
}

void AdminConnection::Refuse(RefuseReason reason) {
  connection_->Write(SerializeAdminAnswer(RefuseAdminRequest(reason), false, false));
  Linger();
}

// The client's FIN is awaited, so that bytes which are still on their way do not make the kernel reset the connection
// and destroy the answer (RFC 9112 9.6).
void AdminConnection::Linger() {
  state_ = State::kLingering;
  admin_.loop().SetDeadline(deadline_, admin_.times().idle);
  connection_->FinishWriting();
}

// Some clients say that they have sent all before they have taken the answer.
void AdminConnection::OnEnd(net::ConnectionEnd end) {
  half_closed_ = end == net::ConnectionEnd::kEof;
  if (half_closed_ && state_ == State::kWaiting) {
    keep_alive_ = false;
  } else if (half_closed_ && state_ == State::kIdle) {
    Linger();
  } else if (!half_closed_ || state_ != State::kLingering || finished_) {
    Close();
  }
}

void AdminConnection::OnFinished() {
  finished_ = true;
  if (half_closed_) return Close();
  admin_.loop().SetDeadline(deadline_, admin_.times().linger);
}

void AdminConnection::OnDeadline(net::Deadline& /*deadline*/) {
  if (state_ == State::kHead) return Refuse(RefuseReason::kHeadTimeout);
  if (state_ == State::kBody) return Refuse(RefuseReason::kBodyTimeout);
  Close();
}

void AdminConnection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  admin_.loop().CancelDeadline(deadline_);
  connection_->Close();
  admin_.Retire(*this);
}

}  // namespace sheaf
