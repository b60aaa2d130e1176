#include "batching/cohort_ladder.h"

#include <algorithm>

namespace sheaf::batching {
namespace {

// A context of 15 bits takes 256 KiB and more of the processor's cache: not for a few clients, unless their messages
// are larger than a smaller window shows.
constexpr uint32_t kClientsForLargest = 8;
constexpr uint32_t kReachOf12Bits = wire::DeflaterReach(12);

// So far back a dictionary reaches; a larger one takes more time to take in than the message. Of clients that skipped
// messages, fewer bytes are looked at, so that more of them get the same frame.
constexpr size_t kDictionary = wire::DeflaterReach(11);
constexpr size_t kStrayDictionary = wire::DeflaterReach(10);
constexpr size_t kSmall = 1024;  // a message for which a small window is as good and faster

uint8_t DictionaryWindow(uint8_t window_bits, size_t size) {
  return std::min<uint8_t>(window_bits, size <= kSmall ? 11 : 12);
}

const CompressedFrame* FrameWithDictionary(CompressedFrames& frames, CompressedMessage& message, const CohortLine& line,
                                           size_t at, size_t reach, uint8_t window_bits) {
  const CompressedFrame::Source source{line[at].id, static_cast<uint32_t>(reach), FrameContext::kTail,
                                       DictionaryWindow(window_bits, message.message->size())};
  if (const CompressedFrame* frame = message.Find(source)) return frame;
  return frames.Make(message, source, line.LastBytes(at, reach));
}

}  // namespace

uint8_t LadderWindow(uint8_t agreed_bits) {
  if (agreed_bits >= 15) return 15;
  if (agreed_bits >= 12) return 12;
  return std::min<uint8_t>(agreed_bits, 10);
}

const CompressedFrame* FrameInLine(CompressedFrames& frames, CohortLine& line, size_t at, size_t tail,
                                   uint8_t window_bits) {
  CompressedMessage& message = *line[at].message;
  const size_t size = message.message->size();
  const bool worth_largest = line.clients >= kClientsForLargest || size > kReachOf12Bits;
  for (size_t rung = worth_largest ? 0 : 1; rung < CohortLine::kRungs.size(); ++rung) {
    if (CohortLine::kRungs[rung] > window_bits) continue;
    if (const CompressedFrame* made = line.Made(rung, at)) {
      if (made->source.reach <= tail) return made;
      continue;
    }
    const std::optional<uint32_t> reach = line.Reach(rung, at);
    if (reach && *reach <= tail) return line.Make(rung, at);
  }
  if (at > 0) {
    const size_t reach =
        std::min({line[at - 1].size(), kDictionary, size_t{wire::DeflaterReach(std::min<uint8_t>(window_bits, 12))}});
    if (reach > 0 && reach <= tail) return FrameWithDictionary(frames, message, line, at - 1, reach, window_bits);
  }
  return FrameAlone(frames, message, window_bits);
}

const CompressedFrame* FrameBehind(CompressedFrames& frames, CompressedMessage& message, const CohortLine& line,
                                   size_t at, size_t tail, uint8_t window_bits) {
  const size_t reach = std::min({tail, kStrayDictionary, size_t{wire::DeflaterReach(window_bits)}});
  if (reach == 0) return FrameAlone(frames, message, window_bits);
  return FrameWithDictionary(frames, message, line, at, reach, window_bits);
}

const CompressedFrame* FrameAlone(CompressedFrames& frames, CompressedMessage& message, uint8_t window_bits) {
  const bool large = message.message->size() > kReachOf12Bits;
  const CompressedFrame::Source source{0, 0, FrameContext::kNone,
                                       large ? window_bits : std::min<uint8_t>(window_bits, 12)};
  if (const CompressedFrame* frame = message.Find(source)) return frame;
  return frames.Make(message, source, std::span<const uint8_t>());
}

}  // namespace sheaf::batching
