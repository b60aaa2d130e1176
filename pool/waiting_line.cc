#include "pool/waiting_line.h"

#include <algorithm>
#include <utility>

namespace sheaf::pool {

void WaitingLine::Enter(PooledStream& stream) {
  if (!budget_.TakeWaiting()) {
    stream.refused_ = true;
    refused_.PushBack(stream);
    return;
  }
  line_.PushBack(stream);
  gauge_.Add();
}

bool WaitingLine::EnterFirst(PooledStream& stream) {
  if (!budget_.TakeWaiting()) return false;
  line_.PushFront(stream);
  gauge_.Add();
  return true;
}

void WaitingLine::Leave(PooledStream& stream) {
  if (std::exchange(stream.refused_, false)) return refused_.Remove(stream);
  line_.Remove(stream);
  gauge_.Sub();
  budget_.ReturnWaiting();
}

PooledStream& WaitingLine::TakeFirst() {
  PooledStream& stream = line_.front();
  Leave(stream);
  return stream;
}

Duration WaitingLine::LongestWait(TimePoint now) {
  Duration longest = Duration::zero();
  line_.ForEach([&](const PooledStream& stream) { longest = std::max(longest, now - stream.opened_); });
  return longest;
}

void WaitingLine::TellRefused() {
  while (!refused_.empty()) {
    PooledStream& stream = refused_.front();
    Leave(stream);
    stream.events_->OnUpstreamClosed(CloseReason::kPoolExhausted);
  }
}

}  // namespace sheaf::pool
