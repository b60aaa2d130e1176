#include "batching/cohorts.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "batching/cohort_ladder.h"

namespace sheaf::batching {
namespace {

// So many common bytes make two lines one: contexts of 10 bits serve at once, the larger ones soon.
constexpr size_t kEnoughInCommon = 700;
// How often a guest gives way, so that others lead, before it leads itself: it may be the first of its line to get
// each.
constexpr uint8_t kGuest = 2;
// A place from 65,536 lines ago looks like one of today, and was not counted.
void RemoveClient(CohortLine& line) {
  if (line.clients > 0) --line.clients;
}

}  // namespace

CohortPlace::CohortPlace(uint8_t window_bits) : window_bits_(LadderWindow(window_bits) & 0x7F) {
  static_assert(sizeof(CohortPlace) == 16, "an idle session's budget");
}

Cohorts::Cohorts(MessageStore& store, const wire::DeflateEffort& effort, WorkerMetrics& metrics)
    : store_(store), metrics_(metrics), lines_(effort, metrics) {}

// ---- what one client gets

std::optional<Cohorts::Given> Cohorts::Give(CohortPlace& place, const MessageRef& message) {
  Settle(place);
  const Move move = Next(place, message);
  const CompressedFrame* frame = FrameFor(move, message, place.window_bits_);
  if (frame == nullptr) return std::nullopt;
  assert(frame->source.reach <= (move.kind < CohortMove::kHop ? move.tail : move.from_tail));
  const bool poor = IsPoor(place, move);
  Enter(place, move, message);
  return Given{frame->bytes, frame->source.context, poor};
}

bool Cohorts::Track(CohortPlace& place, const MessageRef& message) {
  Settle(place);
  const Move move = Next(place, message);
  const bool poor = IsPoor(place, move);
  Enter(place, move, message);
  return poor;
}

bool Cohorts::IsPoor(const CohortPlace& place, const Move& move) {
  const bool stays = move.kind == CohortMove::kFollow || move.kind == CohortMove::kAppend;
  return move.tail < kEnoughInCommon && !(stays && place.lost_);
}

std::optional<std::string_view> Cohorts::Alone(uint8_t window_bits, const MessageRef& message) {
  const CompressedFrame* frame = FrameAlone(lines_.frames(), lines_.frames().Of(message), LadderWindow(window_bits));
  if (frame == nullptr) return std::nullopt;
  return frame->bytes;
}

std::span<const uint8_t> Cohorts::LastBytes(CohortPlace& place, size_t most) {
  Settle(place);
  const size_t known = std::min<size_t>(place.tail_, most);
  if (const CohortLine* line = LineOf(place)) return line->LastBytes(line->Find(place.last_), known);
  const CompressedMessage* last = lines_.frames().Find(place.last_);
  if (last == nullptr) return {};
  return last->message->bytes().last(std::min(known, last->message->size()));
}

void Cohorts::Leave(CohortPlace& place) {
  if (CohortLine* line = LineOf(place)) RemoveClient(*line);
  place.line_ = CohortPlace::kNoLine;
  place.last_ = 0;
  place.tail_ = 0;
}

const CompressedFrame* Cohorts::FrameFor(const Move& move, const MessageRef& message, uint8_t window_bits) {
  if (move.kind < CohortMove::kHop) return FrameInLine(lines_.frames(), *move.line, move.at, move.tail, window_bits);
  CompressedMessage& one = lines_.frames().Of(message);
  if (move.from == nullptr) return FrameAlone(lines_.frames(), one, window_bits);
  return FrameBehind(lines_.frames(), one, *move.from, move.from_at, move.from_tail, window_bits);
}

void Cohorts::Enter(CohortPlace& place, const Move& move, const MessageRef& message) {
  metrics_.cohort_moves_total[move.kind].Add();
  if (move.line != move.from) {
    if (move.from != nullptr) RemoveClient(*move.from);
    if (move.line != nullptr) ++move.line->clients;
  }
  if (move.kind > CohortMove::kAppend || move.tail >= kEnoughInCommon) place.lost_ = false;
  place.tail_ = static_cast<uint16_t>(std::min<size_t>(move.tail + message->size(), UINT16_MAX));
  if (move.kind == CohortMove::kHop) {
    place.guest_ = kGuest;
  } else if (move.kind == CohortMove::kAlone) {
    place.guest_ -= std::min<uint8_t>(place.guest_, 1);
  } else if (move.line != move.from || place.tail_ >= kEnoughInCommon) {
    place.guest_ = 0;
  }
  if (move.line == nullptr) {
    place.line_ = CohortPlace::kNoLine;
    place.last_ = message->serial();
    return;
  }
  CohortLine::Entry& entry = (*move.line)[move.at];
  ++entry.deliveries;
  lines_.Note(*move.line);
  place.line_ = move.line->index();
  place.generation_ = move.line->generation();
  place.last_ = entry.id;
}

// ---- where a message puts a client

CohortLine* Cohorts::LineOf(const CohortPlace& place) const {
  if (place.line_ == CohortPlace::kNoLine) return nullptr;
  CohortLine& line = lines_[place.line_];
  return line.generation() == place.generation_ ? &line : nullptr;
}

void Cohorts::Settle(CohortPlace& place) {
  if (place.line_ != CohortPlace::kNoLine) {
    CohortLine* line = LineOf(place);
    if (line == nullptr || line->Find(place.last_) == CohortLine::kNowhere) return Leave(place);
    if (line->heir.line != CohortLine::kNowhere) FollowHeir(place, *line);
    return;
  }
  if (place.last_ == 0 || place.tail_ == 0) return;
  const CompressedMessage* last = lines_.frames().Find(place.last_);
  if (last == nullptr) return;
  if (last->places.empty()) {
    if (!last->message->shared()) store_.NoteAlone(*last->message);
    return;
  }
  CohortLine& line = lines_[last->places.back().line];
  ++line.clients;
  place.line_ = line.index();
  place.generation_ = line.generation();
  place.last_ = last->places.back().entry;
}

Cohorts::Move Cohorts::Next(const CohortPlace& place, const MessageRef& message) {
  Move move;
  move.from = LineOf(place);
  if (move.from != nullptr) {
    move.from_at = move.from->Find(place.last_);
    move.from_tail = place.tail_;
    move.guest = place.guest_ > 0;
    const CohortLine& line = *move.from;
    if (!line.IsHead(move.from_at) && line[move.from_at + 1].message->message == message) {
      move.kind = CohortMove::kFollow;
      move.line = move.from;
      move.at = move.from_at + 1;
      move.tail = move.from_tail;
      return move;
    }
  }
  CompressedMessage& one = lines_.frames().Of(message);
  if (move.from == nullptr || !GoOn(move, one)) Stray(move, one);
  return move;
}

// With all or nearly all of what the client has. False: there is no way.
bool Cohorts::GoOn(Move& move, CompressedMessage& message) {
  if (JoinBranch(move, message)) return true;
  CohortLine& line = *move.from;
  if (MayLead(move, message)) {
    Append(move, CohortMove::kAppend, line, message);
    return true;
  }
  if (MayRepair(move)) {
    store_.NoteAlone(*line.back().message->message);
    line.CutLast();
    Append(move, CohortMove::kRepair, line, message);
    return true;
  }
  const bool second = message.WentTo(line[move.from_at].id);
  const bool others_are_to_come = message.places.empty() && message.message->shared();
  if (move.from_tail == 0 || !(second || others_are_to_come)) return false;
  CohortLine* fork = lines_.Begin(&line);
  if (fork == nullptr) return false;
  fork->CopyFrom(line, move.from_at);
  Append(move, CohortMove::kFork, *fork, message);
  return true;
}

// Who has hopped to a line does not lead: it may be of those who get other messages. And one that is alone in its line
// had better join the others.
bool Cohorts::MayLead(const Move& move, const CompressedMessage& message) {
  const CohortLine& line = *move.from;
  if (!line.IsHead(move.from_at) || move.guest) return false;
  return line.clients > 1 || message.places.empty() || message.places.back().line == line.index();
}

// Behind the client is one last message that nobody else got: it was taken for one for many, and was not.
bool Cohorts::MayRepair(const Move& move) {
  const CohortLine& line = *move.from;
  if (line.IsHead(move.from_at) || !line.IsHead(move.from_at + 1)) return false;
  const CohortLine::Entry& next = line[move.from_at + 1];
  return next.deliveries < 2 && !next.message->message->shared();
}

// Another line has the message behind the bytes that the client has: behind all of them; or behind enough, where it is
// the larger one.
bool Cohorts::JoinBranch(Move& move, const CompressedMessage& message) const {
  for (size_t i = message.places.size(); i-- > 0;) {
    CohortLine& other = lines_[message.places[i].line];
    const size_t at = other.Find(message.places[i].entry);
    if (&other == move.from && at <= move.from_at) continue;
    const size_t common = move.from->CommonBytes(move.from_at, other, at - 1, move.from_tail);
    const bool larger = common >= kEnoughInCommon && other.clients > move.from->clients;
    if (common < move.from_tail && !larger) continue;
    move.kind = CohortMove::kBranch;
    move.line = &other;
    move.at = at;
    move.tail = std::min(common, move.from_tail);
    return true;
  }
  return false;
}

// A line is begun when a second client is known, never by the first: of what one client alone gets there is none.
void Cohorts::Stray(Move& move, CompressedMessage& message) {
  const bool known = message.given || message.message->shared();
  message.given = true;
  if (known && message.places.empty()) {
    if (CohortLine* line = lines_.Begin(move.from)) return Append(move, CohortMove::kBegin, *line, message);
  }
  if (message.places.empty()) return;
  move.kind = CohortMove::kHop;
  for (size_t i = message.places.size(); i-- > 0;) {
    CohortLine& line = lines_[message.places[i].line];
    if (move.line != nullptr && line.clients <= move.line->clients) continue;
    move.line = &line;
    move.at = line.Find(message.places[i].entry);
  }
}

void Cohorts::Append(Move& move, CohortMove kind, CohortLine& line, CompressedMessage& message) {
  line.Append(++entries_, message);
  move.kind = kind;
  move.line = &line;
  move.at = line.size() - 1;
  move.tail = kind == CohortMove::kBegin ? 0 : move.from_tail;
  Merge(line, message);
}

// Where the line now ends as another one does, the smaller one is given up.
void Cohorts::Merge(CohortLine& line, const CompressedMessage& message) {
  for (const CompressedMessage::Place& place : message.places) {
    CohortLine& other = lines_[place.line];
    if (&other == &line || !other.IsHead(other.Find(place.entry))) continue;
    const uint64_t common = line.CommonBytes(line.size() - 1, other, other.size() - 1, UINT16_MAX);
    if (common < kEnoughInCommon) continue;
    CohortLine& larger = other.clients > line.clients ? other : line;
    CohortLine& smaller = &larger == &line ? other : line;
    metrics_.cohort_merges_total.Add();
    smaller.heir = {larger.index(), larger.generation(), smaller.back().id, larger.back().id, common};
  }
}

void Cohorts::FollowHeir(CohortPlace& place, CohortLine& line) {
  CohortLine& heir = lines_[line.heir.line];
  if (heir.generation() != line.heir.generation || heir.Find(line.heir.entry) == CohortLine::kNowhere) {
    line.heir = {};
    return;
  }
  if (place.last_ != line.heir.from) return;
  RemoveClient(line);
  ++heir.clients;
  place.line_ = heir.index();
  place.generation_ = heir.generation();
  place.last_ = line.heir.entry;
  place.tail_ = static_cast<uint16_t>(std::min<uint64_t>(place.tail_, line.heir.common));
}

}  // namespace sheaf::batching
