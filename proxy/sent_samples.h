// What all sessions had sent at one moment, and a second later the word to look again: for rates.
//
// Who asks while a sample is taken or a second is waited for gets that one, so there is one sample at a time, 24 bytes
// a session. Main thread only; what it is lent outlives it, and nobody waits in a thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "proxy/connection_lister.h"
#include "proxy/control/ask.h"
#include "proxy/net/loop.h"

namespace sheaf {

class SentSamples final : private net::DeadlineHandler {
 public:
  static constexpr Duration kApart = std::chrono::seconds(1);

  // By worker; nullptr: it did not answer in time.
  using Samples = std::vector<std::shared_ptr<const SentSample>>;
  using Then = std::function<void(const Samples&)>;

  // `take`: called in the worker's thread.
  SentSamples(net::Loop& main, Asks& asks, std::function<SentSample(size_t worker)> take)
      : main_(main), asks_(asks), take_(std::move(take)), deadline_(*this) {}
  SentSamples(const SentSamples&) = delete;
  SentSamples& operator=(const SentSamples&) = delete;

  // Calls `then` kApart after a sample was taken of the workers, or of those that answered.
  void Take(const Asks::Terms& terms, size_t workers, Then then);

 private:
  void OnDeadline(net::Deadline& deadline) override;

  net::Loop& main_;
  Asks& asks_;
  const std::function<SentSample(size_t worker)> take_;
  net::Deadline deadline_;
  Samples samples_;            // of the sample that `waiting_` waits for
  std::vector<Then> waiting_;  // empty: no sample is under way
};

}  // namespace sheaf
