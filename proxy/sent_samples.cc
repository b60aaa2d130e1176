#include "proxy/sent_samples.h"

#include <utility>

namespace sheaf {

void SentSamples::Take(const Asks::Terms& terms, size_t workers, Then then) {
  waiting_.push_back(std::move(then));
  if (waiting_.size() > 1) return;
  samples_.assign(workers, nullptr);
  asks_.Ask(
      terms,
      [this](size_t worker) -> Asks::Answer {
        return
            [this, worker, sample = std::make_shared<const SentSample>(take_(worker))] { samples_[worker] = sample; };
      },
      [this](const std::vector<size_t>& /*late*/) { main_.SetDeadline(deadline_, kApart); });
}

void SentSamples::OnDeadline(net::Deadline& /*deadline*/) {
  const Samples samples = std::exchange(samples_, {});
  for (const Then& then : std::exchange(waiting_, {})) then(samples);
}

}  // namespace sheaf
