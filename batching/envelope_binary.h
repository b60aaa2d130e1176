// The envelope `binary` (envelopes.md). See EncoderFor in encoder.h.
#pragma once

#include "batching/encoder.h"

namespace sheaf::batching {

const Encoder& BinaryEnvelope();

}  // namespace sheaf::batching
