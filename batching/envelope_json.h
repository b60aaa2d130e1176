// The envelope `json` (envelopes.md). See EncoderFor in encoder.h.
#pragma once

#include "batching/encoder.h"

namespace sheaf::batching {

const Encoder& JsonEnvelope();

}  // namespace sheaf::batching
