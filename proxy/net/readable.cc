#include "proxy/net/readable.h"

#include <event2/event.h>

#include "proxy/net/loop.h"

namespace sheaf::net {

Result<std::unique_ptr<Readable>> Readable::Watch(Loop& loop, int fd, std::function<void()> told) {
  std::unique_ptr<Readable> readable(new Readable(std::move(told)));
  readable->event_ = event_new(loop.base(), fd, EV_READ | EV_PERSIST, &Readable::OnReadable, readable.get());
  if (readable->event_ == nullptr || event_add(readable->event_, nullptr) != 0) {
    return Error{"the event loop does not take the descriptor"};
  }
  return readable;
}

Readable::~Readable() {
  if (event_ != nullptr) event_free(event_);
}

void Readable::OnReadable(int /*fd*/, short /*what*/, void* self) {
  static_cast<Readable*>(self)->told_();
}

}  // namespace sheaf::net
