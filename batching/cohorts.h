// Cohort compression: permessage-deflate with the client's context kept, and yet compressed once for all clients whose
// last bytes are the same (cohorts.md).
//
//   CohortPlace place(window_bits);                       // of a client that agreed to keep its context
//   if (auto given = cohorts.Give(place, message)) Write(given->frame);
//   cohorts.Leave(place);                                 // when the client goes
//
// What a client's window ends with is known as a place: an entry of a line's log, and how many bytes before it the
// client has, too. A frame refers to no more than that, so every stock client can inflate it (RFC 7692 7.2.3.2).
//
// One for each worker; one thread only. Bounded: CohortLines::kMaxLines, and SetBound's bytes. Any part of it may be
// thrown away at any time: then clients get frames without a context for a message, and come back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "batching/cohort_line.h"
#include "batching/cohort_lines.h"
#include "batching/compressed_frames.h"
#include "batching/message.h"
#include "proxy/base/metric_table.h"
#include "proxy/base/metrics.h"

namespace sheaf::batching {

// Where one client is. Budget: 16 bytes.
class CohortPlace {
 public:
  // `window_bits`: of the window that was agreed on, 9 to 15.
  explicit CohortPlace(uint8_t window_bits);

  // So many of the client's last bytes are in the log that the place is in, up to 64 KiB.
  size_t tail() const { return tail_; }
  // Its window ends with bytes that no log has. What comes next for all is still found by where it was.
  void LoseTail() {
    tail_ = 0;
    lost_ = true;
  }

 private:
  friend class Cohorts;
  static constexpr uint16_t kNoLine = UINT16_MAX;

  uint64_t last_ = 0;  // the entry it got last; without a line the message, by its serial; 0: unknown
  uint16_t line_ = kNoLine;
  uint16_t generation_ = 0;  // of the line
  uint16_t tail_ = 0;
  uint8_t window_bits_ : 7;  // rounded down to a window that there is a context for
  bool lost_ : 1 = false;    // its tail, since which it has followed its line, and is not back yet
  uint8_t guest_ = 0;        // it hopped to its line, and has not got enough of it yet to be of it
};

class Cohorts {
 public:
  // `store`: of the messages that it is given; outlives it.
  Cohorts(MessageStore& store, const wire::DeflateEffort& effort, WorkerMetrics& metrics);
  Cohorts(const Cohorts&) = delete;
  Cohorts& operator=(const Cohorts&) = delete;

  // From now on. Where it is another one, all begins anew.
  void Adopt(const wire::DeflateEffort& effort) { lines_.Adopt(effort); }
  // So many bytes at most for lines and frames, of this worker's.
  void SetBound(size_t bytes) { lines_.SetBound(bytes); }
  // The bound leaves room for a line.
  bool shares() const { return lines_.shares(); }

  struct Given {
    std::string_view frame;  // valid until the next call
    FrameContext context;
    // The client strayed, lately, so that it has little of what came before the message in its line. What it has lost
    // by messages of its own does not count.
    bool poor;
  };
  // The frame with `message`, which is for many, for the client at `place`; the place moves behind it, so the frame
  // must be handed to the connection, and nothing that is compressed may come before it. nullopt: memory could not be
  // had, and the place is as it was.
  std::optional<Given> Give(CohortPlace& place, const MessageRef& message);
  // The same for a client that gets the message compressed in a context of its own. Returns `poor`.
  bool Track(CohortPlace& place, const MessageRef& message);
  // The frame with `message` that refers to nothing before it. nullopt: as above.
  std::optional<std::string_view> Alone(uint8_t window_bits, const MessageRef& message);
  // The last bytes that the client has, of those that are known, up to `most`: what a context of its own begins with.
  // Valid until the next call.
  std::span<const uint8_t> LastBytes(CohortPlace& place, size_t most);
  // The client is gone, or its window ends with who knows what.
  void Leave(CohortPlace& place);

  // Once a period (the worker's half second): forgets what was of no use for a while.
  void Expire() { lines_.Expire(); }
  // Contexts go, and come back where they are of use. Returns their bytes.
  size_t DropContexts() { return lines_.DropContexts(); }
  // All goes. Returns its bytes.
  size_t Trim() { return lines_.Trim(); }

  size_t bytes() const { return lines_.bytes(); }
  size_t lines() const { return lines_.count(); }

 private:
  // A step of a client: where the message stands, and where the client is before it.
  struct Move {
    CohortMove kind = CohortMove::kAlone;
    CohortLine* line = nullptr;  // that has the message; nullptr: none
    size_t at = 0;               // the message's entry
    size_t tail = 0;             // so many bytes before that entry the client has, too
    CohortLine* from = nullptr;  // where the client is; nullptr: nowhere
    size_t from_at = 0;
    size_t from_tail = 0;
    bool guest = false;  // ... of the line that it is in
  };

  // Drops a place that is not valid any more; finds the line that has got a client's last message since, or goes on
  // from one that was merged into another.
  void Settle(CohortPlace& place);
  Move Next(const CohortPlace& place, const MessageRef& message);
  bool JoinBranch(Move& move, const CompressedMessage& message) const;
  bool GoOn(Move& move, CompressedMessage& message);
  static bool MayLead(const Move& move, const CompressedMessage& message);
  static bool MayRepair(const Move& move);
  void Stray(Move& move, CompressedMessage& message);
  void Append(Move& move, CohortMove kind, CohortLine& line, CompressedMessage& message);
  void Merge(CohortLine& line, const CompressedMessage& message);
  void FollowHeir(CohortPlace& place, CohortLine& line);
  static bool IsPoor(const CohortPlace& place, const Move& move);
  void Enter(CohortPlace& place, const Move& move, const MessageRef& message);
  const CompressedFrame* FrameFor(const Move& move, const MessageRef& message, uint8_t window_bits);

  CohortLine* LineOf(const CohortPlace& place) const;

  MessageStore& store_;
  WorkerMetrics& metrics_;
  CohortLines lines_;
  uint64_t entries_ = 0;  // the id of the latest
};

}  // namespace sheaf::batching
