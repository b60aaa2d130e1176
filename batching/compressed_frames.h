// Compress once: the frames that were made of recent messages, found again by the message and by what they refer to.
// Who may get which is Cohorts' affair (cohorts.h).
//
// One for each worker; one thread only. A message that no line holds is forgotten after one to two periods.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "batching/message.h"
#include "proxy/base/hash_index.h"
#include "proxy/base/list.h"
#include "proxy/base/metric_table.h"
#include "proxy/base/metrics.h"
#include "proxy/wire/ws_deflate.h"

namespace sheaf::batching {

// A whole frame of a compressed message, and what one must have to inflate it.
struct CompressedFrame {
  // What the frame refers to: bytes that came before the message, and of them the last `reach`. 0: nothing.
  struct Source {
    uint64_t origin = 0;  // of a line's context: the message's entry; kTail: the entry that ends these bytes
    uint32_t reach = 0;
    FrameContext context = FrameContext::kNone;
    uint8_t window_bits = 0;  // of the window that it was made with
    bool operator==(const Source&) const = default;
  };
  Source source;
  std::string bytes;
};

// What is known of one message that is, or was lately, sent compressed.
class CompressedMessage {
 public:
  // The last entry of a line that has the message.
  struct Place {
    uint16_t line;
    uint64_t entry;
  };

  explicit CompressedMessage(MessageRef of) : message(std::move(of)) {}

  const MessageRef message;
  std::vector<Place> places;
  uint32_t entries = 0;  // that have it, in all lines
  // A client got it without an entry.
  bool given = false;

  // Valid until another frame of this message is made.
  const CompressedFrame* Find(const CompressedFrame::Source& source) const {
    for (const CompressedFrame& frame : frames_) {
      if (frame.source == source) return &frame;
    }
    return nullptr;
  }
  // A line's context of a window makes one frame of an entry, however far it reaches.
  const CompressedFrame* FindOfEntry(uint64_t entry, FrameContext context) const {
    for (const CompressedFrame& frame : frames_) {
      if (frame.source.origin == entry && frame.source.context == context) return &frame;
    }
    return nullptr;
  }

  // A client got it that was behind this entry.
  bool WentTo(uint64_t entry) const { return FindOfEntry(entry, FrameContext::kTail) != nullptr; }

 private:
  friend class CompressedFrames;
  static size_t HashOf(const CompressedMessage& one) { return one.message->serial(); }

  std::vector<CompressedFrame> frames_;
  size_t oldest_ = 0;    // of these, when there are as many as may be
  size_t bytes_ = 0;     // that it is counted with
  uint64_t period_ = 0;  // in which it was last asked for, while no line has it
  CompressedMessage* next_ = nullptr;
  ListHook loose_;
};

class CompressedFrames {
 public:
  explicit CompressedFrames(WorkerMetrics& metrics) : metrics_(metrics) {}
  CompressedFrames(const CompressedFrames&) = delete;
  CompressedFrames& operator=(const CompressedFrames&) = delete;
  ~CompressedFrames();

  // From the next frame on.
  void Adopt(const wire::DeflateEffort& effort);
  const wire::DeflateEffort& effort() const { return effort_; }

  // Of messages and frames, so many bytes. What lines have stays, so they must be held to it.
  void SetBound(size_t bytes) { bound_ = bytes; }

  // The message's, which is new if it is not there.
  CompressedMessage& Of(const MessageRef& message);
  // nullptr: it is forgotten, or was never there.
  CompressedMessage* Find(uint64_t serial) const;
  // How many different messages there were.
  uint64_t distinct() const { return distinct_; }

  // The frame that refers to the last bytes before it: `dictionary`, which is source.reach bytes. nullptr: memory could
  // not be had. Valid until the next frame is made.
  const CompressedFrame* Make(CompressedMessage& of, const CompressedFrame::Source& source,
                              std::span<const uint8_t> dictionary);
  // The frame that `deflater` makes, whose context goes on. nullptr, or bad_alloc: memory could not be had, and the
  // deflater is of no use any more.
  const CompressedFrame* Make(CompressedMessage& of, const CompressedFrame::Source& source, wire::Deflater& deflater);

  // Some line has the message now; none has it any more.
  void Hold(CompressedMessage& one);
  void Release(CompressedMessage& one);

  // Scratch memory for what is handed to Make.
  std::string& dictionary() { return dictionary_; }

  // Once a period.
  void Expire();
  // Forgets all messages that no line has.
  void ForgetLoose();
  // The same, and gives up the deflaters; returns the bytes that this freed, about.
  size_t Trim();

  // Of messages and their frames, about.
  size_t bytes() const { return bytes_; }

 private:
  // Of one message: of which each client that skipped other messages may need its own, and each repetition one.
  static constexpr size_t kMostFrames = 64;
  static constexpr size_t kBlock = 64;  // what an allocation, and the places, take beside their bytes, about
  static constexpr size_t kMostSpare = 256 * 1024;  // of scratch memory
  static constexpr uint8_t kLeastWindow = 9;        // bits

  wire::Deflater TakeDeflater(uint8_t window_bits);
  void Forget(CompressedMessage& one);
  void Count(CompressedMessage& one, size_t bytes);

  WorkerMetrics& metrics_;
  HashIndex<CompressedMessage, &CompressedMessage::next_, &CompressedMessage::HashOf> index_;
  List<CompressedMessage, &CompressedMessage::loose_> loose_;   // that no line has, the longest not asked for first
  std::optional<wire::Deflater> deflaters_[16 - kLeastWindow];  // by window bits, made at the first use
  std::string compressed_;                                      // scratch
  std::string dictionary_;
  uint64_t distinct_ = 0;
  uint64_t period_ = 0;
  size_t bytes_ = 0;
  size_t bound_ = SIZE_MAX;
  wire::DeflateEffort effort_;
};

}  // namespace sheaf::batching
