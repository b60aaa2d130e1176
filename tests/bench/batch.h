// The generator's own decoder of batch frames (batching/envelopes.md): a frame's payload in, messages out. Written from
// the specification, so that what Sheaf encodes is not read with Sheaf's own mistakes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/bench/frames.h"

namespace sheaf::bench {

enum class Envelope : uint8_t { kNone, kJson, kBinary };

// "json", "binary"; any other name is kNone.
Envelope EnvelopeNamed(std::string_view name);

// Replaces `messages` by those of the frame, as views into its payload; a frame that is no batch is one message.
// False: it begins like a batch and is none, or its count is wrong.
[[nodiscard]] bool Unbatch(Envelope envelope, const Message& frame, std::vector<std::string_view>& messages);

}  // namespace sheaf::bench
