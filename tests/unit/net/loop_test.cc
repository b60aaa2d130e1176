// The loop itself: work from other threads, deadlines, the time of a turn.
#include "proxy/net/loop.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "tests/fakes/loop_driver.h"

namespace sheaf::net {
namespace {

using std::chrono::milliseconds;

struct Handler final : DeadlineHandler {
  int fired = 0;
  void OnDeadline(Deadline&) override { ++fired; }
};

std::unique_ptr<Loop> MakeLoop() {
  auto made = Loop::Create({});
  REQUIRE(made.ok());
  return std::move(made.value());
}

}  // namespace

TEST_CASE("work posted from other threads runs in the loop's thread, all of it, and that of one thread in its order") {
  const std::unique_ptr<Loop> loop = MakeLoop();
  const std::thread::id own = std::this_thread::get_id();
  constexpr int kThreads = 4;
  constexpr int kEach = 1000;
  std::vector<int> last(kThreads, -1);
  int done = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        loop->Post([&, thread, i] {
          CHECK(std::this_thread::get_id() == own);
          CHECK_EQ(last[static_cast<size_t>(thread)], i - 1);
          last[static_cast<size_t>(thread)] = i;
          ++done;
        });
      }
    });
  }
  while (done < kThreads * kEach) {
    loop->WaitAndDispatch();
    loop->RunPosted();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(done, kThreads * kEach);
}

TEST_CASE("a loop that sleeps until something is due makes no turn for nothing, and is woken by posted work") {
  auto made = Loop::Create({}, Sleep::kUntilDue);
  REQUIRE(made.ok());
  Loop& loop = *made.value();
  Handler handler;
  Deadline deadline(handler);
  loop.SetDeadline(deadline, 5 * kTick);
  int turns = 0;
  for (; handler.fired == 0; ++turns) loop.WaitAndDispatch();
  CHECK_LE(turns, 3);  // libevent's coarse clock may wake it a little early

  bool done = false;
  std::thread other([&] { loop.Post([&done] { done = true; }); });
  while (!done) {  // nothing is due any more: without the post this would sleep for ever
    loop.WaitAndDispatch();
    loop.RunPosted();
  }
  other.join();
}

TEST_CASE("work that posts more work does not keep its own turn from ending") {
  LoopDriver driver;
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    driver.loop().Post(again);
  };
  driver.loop().Post(again);
  driver.loop().RunPosted();
  CHECK_EQ(runs, 1);
  driver.loop().RunPosted();
  CHECK_EQ(runs, 2);
}

TEST_CASE("work posted after the last turn is destroyed unrun") {
  auto kept = std::make_shared<int>(0);
  {
    const std::unique_ptr<Loop> loop = MakeLoop();
    loop->Post([kept] { ++*kept; });
    CHECK_EQ(kept.use_count(), 2);
  }
  CHECK_EQ(kept.use_count(), 1);
  CHECK_EQ(*kept, 0);
}

TEST_CASE("a turn in which nothing happens ends by itself") {
  const std::unique_ptr<Loop> loop = MakeLoop();
  loop->WaitAndDispatch();
  loop->WaitAndDispatch();
}

TEST_CASE("deadlines fire in the loop, and not when they are cancelled") {
  LoopDriver driver;
  Handler fires, cancelled, far;
  Deadline one(fires), two(cancelled), three(far);
  driver.loop().SetDeadline(one, milliseconds(50));
  driver.loop().SetDeadline(two, milliseconds(50));
  driver.loop().SetDeadline(three, milliseconds(60'000));
  driver.loop().CancelDeadline(two);
  driver.Until([&] { return fires.fired == 1; });
  CHECK_EQ(cancelled.fired, 0);
  CHECK_EQ(far.fired, 0);
  CHECK(three.set());
}

TEST_CASE("a turn has one time, and the next turn a later one") {
  const std::unique_ptr<Loop> loop = MakeLoop();
  const TimePoint first = loop->now();
  std::this_thread::sleep_for(milliseconds(2));
  CHECK(loop->now() == first);
  loop->Post([] {});
  loop->WaitAndDispatch();
  CHECK(loop->now() > first);
}

TEST_CASE("what is retired dies at the end of the turn, in the order of retirement, and may retire more") {
  struct Dies {
    Dies(std::vector<int>& into, int number, Graveyard* more = nullptr) : order(into), id(number), graveyard(more) {}
    ~Dies() {
      order.push_back(id);
      if (graveyard != nullptr) graveyard->Retire(std::make_unique<Dies>(order, id + 10));
    }
    std::vector<int>& order;
    int id;
    Graveyard* graveyard;
  };
  LoopDriver driver;
  std::vector<int> order;
  Graveyard& graveyard = driver.loop().graveyard();
  graveyard.Retire(std::make_unique<Dies>(order, 1, &graveyard));
  graveyard.Retire(std::make_unique<Dies>(order, 2));
  CHECK(order.empty());
  CHECK_EQ(graveyard.size(), 2);
  driver.Turn();
  CHECK(order == std::vector<int>{1, 2, 11});
  CHECK_EQ(graveyard.size(), 0);
}

}  // namespace sheaf::net
