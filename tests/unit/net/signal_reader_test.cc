#include "proxy/net/signal_reader.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <thread>
#include <vector>

#include "tests/fakes/loop_driver.h"

namespace sheaf::net {
namespace {

// SIGUSR1 and SIGUSR2, which nothing else here sends; they stay blocked, as the reader leaves them.
struct Reading {
  Reading() {
    auto made = SignalReader::Create(driver.loop(), {SIGUSR1, SIGUSR2}, [this](int one) { told.push_back(one); });
    REQUIRE(made.ok());
    reader = std::move(made.value());
  }

  LoopDriver driver;
  std::vector<int> told;
  std::unique_ptr<SignalReader> reader;
};

}  // namespace

TEST_CASE("a signal is an event of the loop, in its thread") {
  Reading it;
  kill(getpid(), SIGUSR2);
  CHECK(it.told.empty());
  it.driver.Until([&] { return !it.told.empty(); });
  CHECK(it.told == std::vector<int>{SIGUSR2});
  it.driver.Settle();
  CHECK_EQ(it.told.size(), 1);
}

TEST_CASE("what has come is told without a turn of the loop") {
  Reading it;
  it.reader->ReadPending();
  CHECK(it.told.empty());
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR2);
  it.reader->ReadPending();
  CHECK_EQ(it.told.size(), 2);
}

TEST_CASE("threads that are started later leave the signals to the reader") {
  Reading it;
  std::thread([] {
    kill(getpid(), SIGUSR1);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    CHECK_EQ(sigismember(&blocked, SIGUSR1), 1);
    CHECK_EQ(sigismember(&blocked, SIGTERM), 0);
  }).join();
  it.driver.Until([&] { return it.told.size() == 1; });
}

}  // namespace sheaf::net
