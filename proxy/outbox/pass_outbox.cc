#include "proxy/outbox/pass_outbox.h"

#include "proxy/base/bytes.h"
#include "proxy/plan/context.h"

namespace sheaf {

void PassOutbox::Add(const wire::MessagePart& part) {
  static_assert(sizeof(PassOutbox) <= 104, "an idle session's budget");
  Note(part);
  Count(part.last ? 1 : 0, part.payload.size(), part.ends_frame ? 1 : 0);
  writer_.Write(part.wire, part.ends_frame);
  OnPartAdded();
}

// Nothing is gathered, so that all leave at once.
void PassOutbox::Take(const batching::MessageRef& message, Urgency /*urgency*/) {
  Count(1, message->size(), 1);
  writer_.Write(AsBytes(message->frame()), true);
}

}  // namespace sheaf
