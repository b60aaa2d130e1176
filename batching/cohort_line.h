// A line of messages that many clients got one behind another, compressed: its log, and the living contexts that
// compress for whoever has got the last bytes of it. Cohorts has the rules (cohorts.h).
//
// The bytes of the log are those of its messages, back to kLog of them or so. Each entry has an id of its own, which is
// never used again: a client that remembers one finds its place by it, or finds that the place is gone.
//
// Owned by Cohorts; one thread only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "batching/compressed_frames.h"

namespace sheaf::batching {

class CohortLine {
 public:
  // As much as the largest window needs, and some more for clients that lag behind; twice that before it is cut.
  static constexpr uint64_t kLog = 40 * 1024;
  static constexpr size_t kMostEntries = 512;  // the same for small messages, which take more than their bytes
  static constexpr size_t kNowhere = SIZE_MAX;

  // Windows of its contexts, by bits, the largest first.
  static constexpr std::array<uint8_t, 3> kRungs = {15, 12, 10};

  struct Entry {
    uint64_t id;
    uint64_t begin;  // of its message, in bytes since the line began
    CompressedMessage* message;
    uint32_t deliveries;  // how many clients got the message here

    size_t size() const { return message->message->size(); }
    uint64_t end() const { return begin + size(); }
  };

  CohortLine(CompressedFrames& frames, uint16_t index) : frames_(frames), index_(index) {}
  CohortLine(const CohortLine&) = delete;
  CohortLine& operator=(const CohortLine&) = delete;
  ~CohortLine() { Clear(); }

  uint16_t index() const { return index_; }
  // Tells this line from those that were cleared.
  uint16_t generation() const { return generation_; }

  bool empty() const { return log_.empty(); }
  size_t size() const { return log_.size(); }
  Entry& operator[](size_t i) { return log_[i]; }
  const Entry& operator[](size_t i) const { return log_[i]; }
  const Entry& back() const { return log_.back(); }
  bool IsHead(size_t i) const { return i + 1 == log_.size(); }
  // Where the entry with this id is; kNowhere.
  size_t Find(uint64_t id) const;

  void Append(uint64_t id, CompressedMessage& message);
  // Takes over `from` up to its entry i, as far back as a window reaches. This line must be empty.
  void CopyFrom(const CohortLine& from, size_t i);
  // The last entry goes. Contexts that had it begin anew when they are asked for.
  void CutLast();
  // All goes; places in it are not valid any more.
  void Clear();
  // The contexts go, for a while: the log can bring them back.
  void DropContexts();

  // Of the bytes that end with entry i, the last ones, up to `most`. Valid until the next call for any line.
  std::span<const uint8_t> LastBytes(size_t i, size_t most) const;
  // How many of the last bytes up to entry i, and up to entry j of `other`, are the same messages; looks no further
  // than `enough`. kNowhere as a place: none.
  uint64_t CommonBytes(size_t i, const CohortLine& other, size_t j, uint64_t enough) const;

  // How far the frame of entry i would reach back that the context of this window makes; nullopt: it is past it.
  std::optional<uint32_t> Reach(size_t rung, size_t i) const;
  // That frame, if it was made already; nullptr: it was not.
  const CompressedFrame* Made(size_t rung, size_t i) const;
  // Makes it. nullptr: memory could not be had.
  const CompressedFrame* Make(size_t rung, size_t i);

  size_t bytes() const { return context_bytes_ + log_.capacity() * sizeof(Entry); }

  // Another line has the same message in `entry` as this one in `from`, and `common` bytes with it that are the same as
  // here: who is at `from` goes on there. `line`: its index, as long as it has this generation; kNowhere: none.
  struct Heir {
    size_t line = kNowhere;
    uint16_t generation = 0;
    uint64_t from = 0;
    uint64_t entry = 0;
    uint64_t common = 0;
  };
  Heir heir;
  uint32_t clients = 0;  // whose place is in this line
  uint64_t used = 0;     // when it was last of use, as Cohorts counts

 private:
  struct Context {
    std::optional<wire::Deflater> deflater;
    uint64_t begin = 0;  // it was fed from here
    uint64_t end = 0;    // ... to here
  };
  // What brings a context to a place: the bytes from `from` on, in a context that then begins at `begin`.
  struct Feed {
    uint64_t begin;
    uint64_t from;
  };

  Feed FeedFor(const Context& context, size_t rung, uint64_t end) const;
  void Drop(Context& context, size_t rung);
  void Forget(Entry& entry);
  void Trim();

  CompressedFrames& frames_;
  std::vector<Entry> log_;
  std::array<Context, kRungs.size()> contexts_;
  size_t context_bytes_ = 0;
  const uint16_t index_;
  uint16_t generation_ = 0;
};

}  // namespace sheaf::batching
