#include "proxy/pusher.h"

#include <new>
#include <utility>

#include "proxy/session_finder.h"

namespace sheaf {

std::vector<PushTally> Pusher::Deliver(const std::vector<Push>& pushes) {
  std::vector<PushTally> tallies;
  tallies.reserve(pushes.size());
  for (const Push& push : pushes) tallies.push_back(Deliver(push));
  return tallies;
}

PushTally Pusher::Deliver(const Push& push) {
  PushTally tally;
  try {
    SessionFinder(lent_.members, lent_.directory).Find(push.to, targets_);
    tally.meant = targets_.size();
    if (!targets_.empty()) {
      batching::MessageStore& messages = lent_.outboxes.messages();
      const auto opcode = push.binary ? wire::Opcode::kBinary : wire::Opcode::kText;
      const batching::MessageRef message = messages.Intern(opcode, push.payload);
      if (targets_.size() > 1) messages.MarkShared(*message);
      for (Session* session : targets_) DeliverTo(*session, message, push, tally);
    }
  } catch (const std::bad_alloc&) {
    // Those that have not got it do not count as reached.
  }
  targets_.clear();
  lent_.loop.FlushWrites();
  gathered_ = 0;
  lent_.metrics.pushed_messages_total[push.urgency].Add(tally.reached);
  lent_.metrics.pushes_refused_total.Add(tally.full);
  return tally;
}

void Pusher::DeliverTo(Session& session, const batching::MessageRef& message, const Push& push, PushTally& tally) {
  if (push.event && !session.socket_io()) {
    ++tally.unfit;
    return;
  }
  if (!session.Deliver(message, push.urgency)) {
    ++tally.full;
    return;
  }
  ++tally.reached;
  // A large message for thousands of clients would take thousands of times its memory before the first of them is
  // tried.
  gathered_ += message->size();
  if (gathered_ < kMostGathered) return;
  gathered_ = 0;
  lent_.loop.FlushWrites();
}

}  // namespace sheaf
