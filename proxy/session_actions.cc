#include "proxy/session_actions.h"

#include <algorithm>
#include <new>
#include <vector>

#include "proxy/base/random.h"

namespace sheaf {
namespace {

// A share of a few is a matter of chance, so that it comes true over all workers.
size_t PartOf(size_t all, double share) {
  const auto part = static_cast<size_t>(static_cast<double>(all) * share + RandomFraction());
  return std::min(part, all);
}

}  // namespace

ActionTally SessionActions::Close(const CloseAction& action) try {
  lent_.loop.FlushWrites();  // a write that fails closes its session: not while the list is walked
  std::vector<Session*> found;
  finder_.Find(action.of, found);
  std::stable_sort(found.begin(), found.end(),
                   [](const Session* one, const Session* other) { return one->active_at() < other->active_at(); });
  found.resize(PartOf(found.size(), action.share));
  std::deque<SessionId> left;
  for (const Session* session : found) left.push_back(session->id());
  closing_.push_back({.reason = action.reason,
                      .words = action.words,
                      .pace = DrainPace(lent_.loop.now(), action.over, RandomFraction()),
                      .left = std::move(left)});
  OnDeadline(deadline_);
  return {.sessions = found.size()};
} catch (const std::bad_alloc&) {
  return {};  // nobody is closed
}

void SessionActions::CloseDue(Closing& closing) {
  for (size_t due = closing.pace.Due(lent_.loop.now(), closing.left.size()); due > 0; --due) {
    Session* const session = lent_.directory.Find(closing.left.front());
    closing.left.pop_front();
    if (session != nullptr) session->BeginClose(closing.reason, closing.words);
  }
}

void SessionActions::OnDeadline(net::Deadline& /*deadline*/) {
  for (Closing& closing : closing_) CloseDue(closing);
  closing_.remove_if([](const Closing& closing) { return closing.left.empty(); });
  if (!closing_.empty()) lent_.loop.SetDeadline(deadline_, net::kTick);
}

ActionTally SessionActions::Flush(const Selector& of) try {
  lent_.loop.FlushWrites();
  std::vector<Session*> found;
  finder_.Find(of, found);
  ActionTally tally{.sessions = found.size()};
  for (Session* session : found) tally.bytes += session->FlushForOperator();
  return tally;
} catch (const std::bad_alloc&) {
  return {};
}

}  // namespace sheaf
