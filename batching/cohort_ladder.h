// Which frame of a message goes to a client that has so many of the bytes before it: the one that makes most of them.
//
// From the top: a line's context of 15, 12 or 10 bits, which refers as far back as its window; the message before it as
// a dictionary; no context. A client that has just come climbs it in a few messages, and however many came when, five
// compressions serve them all.
//
// One thread only. All return nullptr where memory could not be had, else a frame that is valid until the next is made.
#pragma once

#include <cstddef>
#include <cstdint>

#include "batching/cohort_line.h"
#include "batching/compressed_frames.h"

namespace sheaf::batching {

// The windows that frames are made for, by bits: the largest that is not over what was agreed on.
uint8_t LadderWindow(uint8_t agreed_bits);

// The message of entry `at`, for a client that has `tail` bytes before it.
const CompressedFrame* FrameInLine(CompressedFrames& frames, CohortLine& line, size_t at, size_t tail,
                                   uint8_t window_bits);
// A message that is elsewhere, for a client whose last `tail` bytes end with entry `at`.
const CompressedFrame* FrameBehind(CompressedFrames& frames, CompressedMessage& message, const CohortLine& line,
                                   size_t at, size_t tail, uint8_t window_bits);
const CompressedFrame* FrameAlone(CompressedFrames& frames, CompressedMessage& message, uint8_t window_bits);

}  // namespace sheaf::batching
