#include "proxy/control/drain_desk.h"

#include <algorithm>
#include <utility>

#include "proxy/base/log.h"

namespace sheaf {
namespace {

uint64_t ClosedByDrains(const MetricsTotals& totals) {
  return totals.websocket_closes_total[static_cast<size_t>(CloseReason::kDrain)];
}

}  // namespace

void DrainDesk::Begin(TimePoint now, const Answered& answered) {
  lifecycle_.Drain("POST /drain", now);
  answered(Present());
}

void DrainDesk::Await(TimePoint now, Answered answered) {
  lifecycle_.Drain("GET /drain", now);
  if (!lifecycle_.draining()) return answered(Present());
  waiting_.push_back(std::move(answered));
}

void DrainDesk::Undrain(const Answered& answered) {
  const Result<bool> undrained = lifecycle_.Undrain();
  if (undrained.ok()) return answered(Present());
  answered({.state = DrainAnswer::State::kRefused, .refusal = undrained.error()});
}

void DrainDesk::OnDrain() {
  if (!closed_before_) closed_before_ = ClosedByDrains(metrics_.Sum());
}

void DrainDesk::OnDrainOver(DrainEnd end) {
  DrainAnswer answer = Present();
  if (end == DrainEnd::kUndrained) {
    answer = {.state = DrainAnswer::State::kRefused, .refusal = "the drain was ended by POST /undrain: ask again"};
    closed_before_.reset();
  } else if (end == DrainEnd::kCutShort) {
    answer = {.state = DrainAnswer::State::kRefused, .refusal = "a second signal has ended the process amid its drain"};
  } else {
    Log(LogLevel::kInfo, "drained", {{"sessions_closed", answer.closed}, {"sessions", answer.sessions}});
  }
  for (const Answered& answered : std::exchange(waiting_, {})) answered(answer);
}

DrainAnswer DrainDesk::Present() const {
  const MetricsTotals now = metrics_.Sum();
  using enum DrainAnswer::State;
  const bool serving = lifecycle_.stage() == Stage::kServing;
  return {.state = lifecycle_.draining() ? kDraining
                   : serving             ? kServing
                                         : kDrained,
          .sessions = static_cast<uint64_t>(std::max<int64_t>(now.websocket_sessions, 0)),
          .closed = closed_before_ ? ClosedByDrains(now) - *closed_before_ : 0};
}

}  // namespace sheaf
