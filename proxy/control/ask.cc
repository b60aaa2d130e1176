#include "proxy/control/ask.h"

#include <algorithm>

namespace sheaf {

Asks::Asks(net::Loop& loop, Post post) : loop_(loop), post_(std::move(post)), deadline_(*this) {}

void Asks::Ask(Terms terms, const std::function<Answer(size_t worker)>& question, Done done) {
  if (terms.workers.empty()) {
    return loop_.Post([done = std::move(done)] { done({}); });
  }
  const uint64_t number = ++last_number_;
  const bool forever = terms.patience == Duration::max();
  const TimePoint until = forever ? TimePoint::max() : loop_.now() + terms.patience;
  open_[number] = {.silent = terms.workers, .until = until, .done = std::move(done)};
  SetNext();
  for (const size_t worker : terms.workers) {
    post_(worker, [this, number, worker, question] {
      loop_.Post([this, number, worker, answer = question(worker)] { Take(number, worker, answer); });
    });
  }
}

void Asks::Take(uint64_t number, size_t worker, const Answer& answer) {
  const auto found = open_.find(number);
  if (found == open_.end()) return;  // too late
  answer();
  std::erase(found->second.silent, worker);
  if (found->second.silent.empty()) Close(found);
}

// What is told may ask again.
void Asks::Close(std::map<uint64_t, Open>::iterator open) {
  const Open over = std::move(open->second);
  open_.erase(open);
  SetNext();
  over.done(over.silent);
}

void Asks::SetNext() {
  TimePoint first = TimePoint::max();
  for (const auto& [number, open] : open_) first = std::min(first, open.until);
  if (first == TimePoint::max()) return loop_.CancelDeadline(deadline_);
  loop_.SetDeadline(deadline_, std::max(first - loop_.now(), Duration::zero()));
}

void Asks::OnDeadline(net::Deadline& /*deadline*/) {
  const TimePoint now = loop_.now();
  const auto is_over = [now](const auto& one) { return one.second.until <= now; };
  for (auto one = std::find_if(open_.begin(), open_.end(), is_over); one != open_.end();
       one = std::find_if(open_.begin(), open_.end(), is_over)) {
    Close(one);
  }
  SetNext();
}

}  // namespace sheaf
