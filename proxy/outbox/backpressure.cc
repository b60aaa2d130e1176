#include "proxy/outbox/backpressure.h"

#include <algorithm>
#include <utility>

#include "proxy/base/saturated.h"
#include "proxy/outbox/outbox.h"
#include "proxy/plan/context.h"
#include "proxy/plan/route_plan.h"

namespace sheaf {

Backpressure::Backpressure(const RoutePlan& plan) : answer_(AnswerFor(plan)) {}

Backpressure::Answer Backpressure::AnswerFor(const RoutePlan& plan) {
  switch (plan.options.slow_client) {
    case SlowClient::kClose:
      return Answer::kClose;
    case SlowClient::kDropOldest:
      return Answer::kDropOldest;
    case SlowClient::kConflate:
      // Without a rule nothing has a key.
      return plan.rules.conflate_rules() > 0 ? Answer::kConflate : Answer::kPause;
    default:
      return Answer::kPause;
  }
}

void Backpressure::OnGrowth(Outbox& outbox) {
  outbox.context_.home().WatchGrowth();
  if (outbox.writer().closed() || !outbox.must_wait()) return;
  if (outbox.writer().full()) outbox.events_.WatchForStall();
  if (outbox.writer().closed()) return;
  if (outbox.waiting() > outbox.marks().stop()) OnTooMuch(outbox);
}

// One message goes to a client for whom nothing waits, however large it is.
bool Backpressure::Fits(const Outbox& outbox, size_t size) {
  const size_t before = outbox.waiting() + outbox.parked();
  return before == 0 || before + size <= outbox.marks().high;
}

bool Backpressure::MayTake(Outbox& outbox, size_t size) {
  if (Fits(outbox, size)) return true;
  if (!outbox.must_wait()) {
    // Nobody has tried yet whether the client takes what waits.
    outbox.Flush(FlushReason::kBytes);
    outbox.context_.loop().FlushWrites();
    if (outbox.writer().closed()) return false;
  }
  return Fits(outbox, size) || MakeRoom(outbox, size);
}

bool Backpressure::MakeRoom(Outbox& outbox, size_t size) {
  const uint64_t high = outbox.marks().high;
  switch (answer_) {
    case Answer::kPause:
      return false;
    case Answer::kClose:
      CloseTooSlow(outbox);
      return false;
    case Answer::kDropOldest:
      outbox.DropDownTo(high - std::min<uint64_t>(high, outbox.writer().queued() + outbox.parked() + size));
      return Fits(outbox, size);
    case Answer::kConflate:  // it may take the place of what is gathered
      return outbox.parked() == 0 && outbox.gathered() <= high;
  }
  return false;
}

void Backpressure::OnTooMuch(Outbox& outbox) {
  if (answer_ == Answer::kClose) return CloseTooSlow(outbox);
  if (!sheds()) return Pause(outbox);
  KeepWithin(outbox);
}

// What is queued cannot be dropped any more, and little joins it while the client is full (what overtakes, parts of
// large messages). Of what is newer, some is kept in any case.
void Backpressure::KeepWithin(Outbox& outbox) {
  const size_t queued = outbox.writer().queued();
  const uint64_t room = outbox.marks().high - std::min<uint64_t>(queued, outbox.marks().high);
  if (answer_ == Answer::kDropOldest) outbox.DropDownTo(std::max(room, outbox.marks().low));
  const bool overfull = queued > 2 * outbox.marks().high + kBurst;
  if (outbox.gathered() > outbox.marks().high || outbox.passing_on() || overfull) Pause(outbox);
}

void Backpressure::OnOutputBlocked(Outbox& outbox) {
  outbox.events_.WatchForStall();
  if (outbox.writer().closed()) return;
  if (answer_ == Answer::kClose) return CloseTooSlow(outbox);
  if (!sheds() || outbox.passing_on()) Pause(outbox);
}

// Not for one large message on its way, which any client takes time to read, nor where our rate alone is too slow.
void Backpressure::CloseTooSlow(Outbox& outbox) {
  const bool large = outbox.message_bytes() > outbox.marks().high;
  if (large || outbox.events_.closing() || !outbox.writer().full()) return Pause(outbox);
  outbox.events_.Close(CloseReason::kClientTooSlow);
}

void Backpressure::ObeyMarks(Outbox& outbox) {
  if (outbox.writer().closed() || !outbox.must_wait()) return;
  if (answer_ == Answer::kPause && outbox.waiting() > outbox.marks().high) Pause(outbox);
}

void Backpressure::Pause(Outbox& outbox) {
  if (std::exchange(paused_, true)) return;
  CountSaturated(pauses_);
  outbox.context_.metrics().backpressure_pauses_total[Side::kUpstream].Add();
  outbox.events_.PauseUpstream();
}

void Backpressure::OnLess(Outbox& outbox) {
  if (!paused_ || outbox.writer().closed() || outbox.waiting() > outbox.marks().low) return;
  paused_ = false;
  outbox.events_.ResumeUpstream();
}

}  // namespace sheaf
