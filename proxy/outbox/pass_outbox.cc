#include "proxy/outbox/pass_outbox.h"

namespace sheaf {

void PassOutbox::Add(const wire::MessagePart& part) {
  static_assert(sizeof(PassOutbox) <= 96, "an idle session's budget");
  Note(part);
  Count(part.last ? 1 : 0, part.payload.size(), part.ends_frame ? 1 : 0);
  writer_.Write(part.wire, part.ends_frame);
}

}  // namespace sheaf
