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
  admin_.loop().SetDeadline(deadline_, kHeadTime);
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
  TakeHead();
}

void AdminConnection::TakeHead() {
  if (state_ == State::kIdle) {
    held_.erase(0, wire::SkippableEmptyLines(held_));
    if (held_.empty() || held_ == "\r") return;
    state_ = State::kHead;
    admin_.loop().SetDeadline(deadline_, kHeadTime);
  }
  switch (scanner_.Scan(held_, wire::HeadLimits{})) {
    case wire::HeadScanner::Verdict::kNeedMore:
      return;
    case wire::HeadScanner::Verdict::kRefuse:
      return Refuse(scanner_.reason());
    case wire::HeadScanner::Verdict::kComplete:
      return Take(std::string_view(held_).substr(0, scanner_.head_size()));
  }
}

void AdminConnection::Take(std::string_view head) {
  wire::RequestHead request;
  if (const auto refusal = wire::ParseRequestHead(head, wire::HeadLimits{}, request)) return Refuse(*refusal);
  // A body is not read, so what follows the head cannot be told from a request.
  keep_alive_ = request.keep_alive && request.body == wire::BodyKind::kNone && head.size() == held_.size();
  head_request_ = request.method == "HEAD";
  if (const auto answer = admin_.Handle(request, *this)) return Answer(*answer);
  state_ = State::kWaiting;
  admin_.loop().SetDeadline(deadline_, kAnswerTime);
}

void AdminConnection::Complete(const AdminAnswer& answer) {
  if (state_ == State::kWaiting) Answer(answer);
}

void AdminConnection::Answer(const AdminAnswer& answer) {
  connection_->Write(SerializeAdminAnswer(answer, head_request_, keep_alive_));
  if (!keep_alive_) return Linger();
  held_.clear();
  scanner_.Reset();
  state_ = State::kIdle;
  admin_.loop().SetDeadline(deadline_, kIdleTime);
}

void AdminConnection::Refuse(RefuseReason reason) {
  connection_->Write(SerializeAdminAnswer(RefuseAdminRequest(reason), false, false));
  Linger();
}

// The client's FIN is awaited, so that bytes which are still on their way do not make the kernel reset the connection
// and destroy the answer (RFC 9112 9.6).
void AdminConnection::Linger() {
  state_ = State::kLingering;
  admin_.loop().SetDeadline(deadline_, kLingerTime);
  connection_->FinishWriting();
}

void AdminConnection::OnEnd(net::ConnectionEnd /*end*/) {
  Close();
}

void AdminConnection::OnDeadline(net::Deadline& /*deadline*/) {
  if (state_ == State::kHead) return Refuse(RefuseReason::kHeadTimeout);
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
