#include "pool/pooled_stream.h"

#include <algorithm>
#include <utility>

#include "pool/http1_codec.h"
#include "pool/upstream.h"

namespace sheaf::pool {

bool UpstreamRequest::repeatable() const {
  if (body != wire::BodyKind::kNone) return false;
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" || method == "DELETE";
}

std::string UpstreamRequest::Summary(LogPath shown) const {
  if (shown == LogPath::kRoute) return std::string(method).append(" ").append(route);
  return head.substr(0, std::min(head.find(' ', method.size() + 1), head.find('?')));
}

PooledStream::PooledStream(Upstream& upstream, UpstreamRequest request, UpstreamEvents& events, TimePoint now)
    : upstream_(upstream),
      events_(&events),
      request_(std::make_unique<UpstreamRequest>(std::move(request))),
      opened_(now) {}

PooledStream::~PooledStream() {
  Close(CloseReason::kDone);
}

void PooledStream::Close(CloseReason reason) {
  if (link_ != nullptr) {
    link_->Abandon(reason);
  } else if (waiting_hook_.linked()) {
    upstream_.CancelWaiting(*this);
  }
}

void PooledStream::SendBody(std::string_view data) {
  if (link_ != nullptr) {
    link_->codec()->SendBody(data);
    return;
  }
  // Until there is a connection, what came along with the head waits behind it.
  Http1Codec::AppendBody(request_->head, request_->body, data);
  if (!blocked_ && request_->head.size() > upstream_.loop().marks().high) {
    blocked_ = true;
    events_->OnUpstreamBlocked();
  }
}

void PooledStream::FinishBody() {
  if (link_ != nullptr) {
    link_->codec()->FinishBody();
  } else if (!request_->body_finished) {
    request_->body_finished = true;
    Http1Codec::AppendBodyEnd(request_->head, request_->body);
  }
}

void PooledStream::SendMessage(const wire::FramePiece& piece) {
  if (link_ != nullptr) link_->codec()->SendMessage(piece);
}

bool PooledStream::SendClose(uint16_t code, std::string_view reason) {
  return link_ != nullptr && link_->codec()->SendClose(code, reason);
}

void PooledStream::PauseReading(PauseReason reason) {
  if (link_ != nullptr) link_->connection()->PauseReading(reason);
}

void PooledStream::ResumeReading(PauseReason reason) {
  if (link_ != nullptr) link_->connection()->ResumeReading(reason);
}

void PooledStream::DeferReading(size_t bytes) {
  if (link_ != nullptr) link_->connection()->DeferReading(bytes);
}

void PooledStream::ReadDeferred() {
  if (link_ != nullptr) link_->connection()->ReadDeferred();
}

size_t PooledStream::Untaken() const {
  return link_ == nullptr ? 0 : link_->connection()->Untaken();
}

}  // namespace sheaf::pool
