// Questions to workers: each answers in its own thread, and the asker is told in its own when all have, or when its
// patience is over. Nobody waits: a worker that has not answered by then is named, and does what it was asked when it
// comes to it.
//
//   Asks asks(loop, [&](size_t worker, std::function<void()> work) { workers[worker]->Post(std::move(work)); });
//   AskForSum<uint64_t>(asks, {.workers = {0, 1}, .patience = std::chrono::seconds(1)},
//                       [&](size_t worker) { return workers[worker]->sessions(); },                    // its thread
//                       [](const uint64_t& sum, const std::vector<size_t>& late) { ... });             // the asker's
//
// Owned by the Server; its loop's thread only. The loop, and the threads that answer, end before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/net/loop.h"

namespace sheaf {

class Asks final : private net::DeadlineHandler {
 public:
  // Has `work` run in the worker's thread.
  using Post = std::function<void(size_t worker, std::function<void()> work)>;
  // What is done with a worker's answer in the asker's thread, if it comes in time.
  using Answer = std::function<void()>;
  using Done = std::function<void(const std::vector<size_t>& late)>;

  struct Terms {
    std::vector<size_t> workers;  // whom; each once
    Duration patience = Duration::max();
  };

  Asks(net::Loop& loop, Post post);
  Asks(const Asks&) = delete;
  Asks& operator=(const Asks&) = delete;

  // Calls `question` in the thread of each worker, and `done` once, later: also where nobody is asked.
  void Ask(Terms terms, const std::function<Answer(size_t worker)>& question, Done done);

 private:
  struct Open {
    std::vector<size_t> silent;  // have not answered
    TimePoint until;
    Done done;
  };

  void Take(uint64_t number, size_t worker, const Answer& answer);
  void Close(std::map<uint64_t, Open>::iterator open);
  void SetNext();
  void OnDeadline(net::Deadline& deadline) override;

  net::Loop& loop_;
  const Post post_;
  net::Deadline deadline_;  // the first end of patience
  uint64_t last_number_ = 0;
  std::map<uint64_t, Open> open_;  // by number
};

// Adds the answers up with +=.
template <typename Sum>
void AskForSum(Asks& asks, Asks::Terms terms, std::function<Sum(size_t worker)> question,
               std::function<void(const Sum& sum, const std::vector<size_t>& late)> done) {
  const auto sum = std::make_shared<Sum>();  // the asker's thread only
  asks.Ask(
      std::move(terms),
      [sum, question = std::move(question)](size_t worker) -> Asks::Answer {
        return [sum, part = question(worker)] { *sum += part; };
      },
      [sum, done = std::move(done)](const std::vector<size_t>& late) { done(*sum, late); });
}

}  // namespace sheaf
