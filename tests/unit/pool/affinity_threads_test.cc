// Several threads at one table at once: nothing is lost, and every session counts once.
#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pool/affinity.h"
#include "tests/unit/pool/affinity_endpoints.h"

namespace sheaf::pool {
namespace {

constexpr int kThreads = 4;

template <typename Work>
void InThreads(Work work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([=] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("what one thread learns, another finds at once") {
  Affinity affinity;
  const auto endpoint = MakeEndpoint();
  std::atomic<int> learnt{0};
  constexpr int kSids = 20'000;
  std::thread teacher([&] {
    for (int i = 0; i < kSids; ++i) {
      affinity.Learn(Sid(i), endpoint, kLifetime, kStart);
      learnt.store(i + 1, std::memory_order_release);
    }
  });
  int missed = 0;
  for (int last = 0; last < kSids;) {
    last = learnt.load(std::memory_order_acquire);
    if (last > 0 && !affinity.Find(Sid(last - 1), kStart)) ++missed;
  }
  teacher.join();
  CHECK_EQ(missed, 0);
}

TEST_CASE("threads that learn, poll, hold, sweep and fill the table leave exact counts") {
  Affinity affinity(size_t{520} << 10);
  const std::vector endpoints = {MakeEndpoint(), MakeEndpoint("http://127.0.0.1:8002")};
  InThreads([&](int thread) {
    std::vector<Affinity::Hold> holds;
    for (int i = 0; i < 30'000; ++i) {
      const TimePoint now = kStart + milliseconds(i);
      const std::string sid = Sid(i % 5000 + (thread % 2) * 2500);
      if (i % 3 == 0) affinity.Learn(sid, endpoints[static_cast<size_t>(i) % 2], seconds(5), now);
      if (i % 5 == 0) affinity.Find(sid, now);
      if (i % 7 == 0) holds.push_back(affinity.FindForSocket(sid, now).hold);
      if (holds.size() > 200) holds.erase(holds.begin(), holds.begin() + 100);
      if (i % 1000 == 0) affinity.Sweep(now);
    }
  });
  const Affinity::Figures figures = affinity.figures();
  CHECK_EQ(figures.held, 0);
  CHECK(figures.bytes <= size_t{520} << 10);
  CHECK(figures.evicted_total > 0);
  CHECK(figures.expired_total > 0);
  CHECK_EQ(figures.learnt_total - figures.evicted_total - figures.expired_total, figures.entries);
  CHECK(endpoints[0]->sessions() + endpoints[1]->sessions() <= figures.entries);

  for (int i = 0; i < 12; ++i) affinity.Sweep(kStart + seconds(1000));
  CHECK_EQ(affinity.figures().entries, 0);
  CHECK_EQ(endpoints[0]->sessions(), 0);
  CHECK_EQ(endpoints[1]->sessions(), 0);
  CHECK_EQ(endpoints[0].use_count(), 1);
}

TEST_CASE("a Hold may end in another thread than the one that got it") {
  Affinity affinity;
  const auto endpoint = MakeEndpoint();
  std::vector<Affinity::Hold> holds;
  for (int i = 0; i < 1000; ++i) {
    affinity.Learn(Sid(i), endpoint, kLifetime, kStart);
    holds.push_back(affinity.FindForSocket(Sid(i), kStart).hold);
  }
  REQUIRE_EQ(affinity.figures().held, 1000);
  InThreads([&](int thread) {
    for (size_t i = static_cast<size_t>(thread); i < holds.size(); i += kThreads) {
      const Affinity::Hold ended = std::move(holds[i]);
    }
  });
  CHECK_EQ(affinity.figures().held, 0);
  CHECK_EQ(affinity.figures().entries, 1000);
  CHECK_EQ(endpoint->sessions(), 0);
}

}  // namespace sheaf::pool
