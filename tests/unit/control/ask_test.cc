// Questions to threads that answer at once, late or never.
#include "proxy/control/ask.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/fakes/loop_driver.h"

namespace sheaf {
namespace {

using std::chrono::milliseconds;

// Threads that run what they are posted, but for those that hang.
class Workers {
 public:
  explicit Workers(size_t count) : work_(count) {
    for (size_t i = 0; i < count; ++i) threads_.emplace_back([this, i] { Run(i); });
  }
  ~Workers() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      hanging_ = SIZE_MAX;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void Post(size_t worker, std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      work_[worker].push_back(std::move(work));
    }
    changed_.notify_all();
  }
  void Hang(size_t worker) {
    const std::lock_guard lock(mutex_);
    hanging_ = worker;
  }
  void GoOn() {
    Hang(SIZE_MAX);
    changed_.notify_all();
  }

 private:
  void Run(size_t worker) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return ended_ || (hanging_ != worker && !work_[worker].empty()); });
      if (work_[worker].empty()) {
        if (ended_) return;
        continue;
      }
      const auto work = std::move(work_[worker].front());
      work_[worker].erase(work_[worker].begin());
      lock.unlock();
      work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<std::function<void()>>> work_;
  size_t hanging_ = SIZE_MAX;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

struct Fixture {
  LoopDriver driver;
  Asks asks{driver.loop(),
            [this](size_t worker, std::function<void()> work) { workers.Post(worker, std::move(work)); }};
  Workers workers{3};
  const std::thread::id own = std::this_thread::get_id();

  struct Told {
    bool told = false;
    uint64_t sum = 0;
    std::vector<size_t> late;
  };
  // Asks for 1 of the first, 10 of the second, 100 of the third.
  void Ask(Told& told, std::vector<size_t> whom, Duration patience) {
    AskForSum<uint64_t>(
        asks, {.workers = std::move(whom), .patience = patience},
        [this](size_t worker) -> uint64_t {
          CHECK(std::this_thread::get_id() != own);
          return worker == 0 ? 1 : worker == 1 ? 10 : 100;
        },
        [this, &told](const uint64_t& sum, const std::vector<size_t>& late) {
          CHECK(std::this_thread::get_id() == own);
          CHECK_FALSE(told.told);
          told = {true, sum, late};
        });
  }
  void RunUntil(const bool& done) {
    driver.Until([&done] { return done; });
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "The sum of all answers comes back to the asker's thread") {
  Told told;
  Ask(told, {0, 1, 2}, std::chrono::seconds(20));
  CHECK_FALSE(told.told);
  RunUntil(told.told);
  CHECK_EQ(told.sum, 111);
  CHECK(told.late.empty());
}

TEST_CASE_FIXTURE(Fixture, "Only those who are asked answer, and nobody is waited for who is not") {
  workers.Hang(1);
  Told told;
  Ask(told, {0, 2}, Duration::max());
  RunUntil(told.told);
  CHECK_EQ(told.sum, 101);
  Told none;
  Ask(none, {}, Duration::max());
  CHECK_FALSE(none.told);
  RunUntil(none.told);
  CHECK_EQ(none.sum, 0);
  workers.GoOn();
}

TEST_CASE_FIXTURE(Fixture, "A worker that does not answer in time is named, and its late answer changes nothing") {
  workers.Hang(1);
  Told told;
  const TimePoint before = SteadyClock().Now();
  Ask(told, {0, 1, 2}, milliseconds(150));
  RunUntil(told.told);
  CHECK(SteadyClock().Now() - before >= milliseconds(150));
  CHECK_EQ(told.sum, 101);
  CHECK(told.late == std::vector<size_t>{1});
  workers.GoOn();
  Told next;  // answered behind the late one
  Ask(next, {1}, std::chrono::seconds(20));
  RunUntil(next.told);
  CHECK_EQ(next.sum, 10);
  CHECK_EQ(told.sum, 101);
}

TEST_CASE_FIXTURE(Fixture, "Each question has its own patience, and one that waits for ever is not cut short") {
  workers.Hang(2);
  Told patient;
  Told hasty;
  Ask(patient, {2}, Duration::max());
  Ask(hasty, {2}, milliseconds(100));
  RunUntil(hasty.told);
  CHECK_FALSE(patient.told);
  CHECK(hasty.late == std::vector<size_t>{2});
  workers.GoOn();
  RunUntil(patient.told);
  CHECK_EQ(patient.sum, 100);
  CHECK(patient.late.empty());
}

}  // namespace sheaf
