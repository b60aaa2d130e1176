// The envelope `socketio-event` (envelopes.md). See EncoderFor in encoder.h.
#pragma once

#include "batching/encoder.h"

namespace sheaf::batching {

const Encoder& SocketIoEventEnvelope();

}  // namespace sheaf::batching
