// The envelope `engineio` (envelopes.md). See EncoderFor in encoder.h.
#pragma once

#include "batching/encoder.h"

namespace sheaf::batching {

const Encoder& EngineIoEnvelope();

}  // namespace sheaf::batching
