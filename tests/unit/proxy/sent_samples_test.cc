// Samples of what sessions have sent, and those who wait for the second one.
#include "proxy/sent_samples.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/fakes/loop_driver.h"

namespace sheaf {

TEST_CASE("Who asks meanwhile shares the sample, which is there a second later; who asks then gets a new one") {
  LoopDriver driver;
  std::vector<size_t> taken;
  Asks asks(driver.loop(), [](size_t /*worker*/, const std::function<void()>& work) { work(); });
  SentSamples samples(driver.loop(), asks, [&taken](size_t worker) {
    taken.push_back(worker);
    return SentSample{.at = {}, .sent = {{.session = worker + 1, .messages = 2, .bytes = 3}}};
  });
  std::vector<TimePoint> told;
  const auto then = [&](const SentSamples::Samples& all) {
    REQUIRE(all.size() == 2);
    CHECK_EQ(all[1]->sent[0].session, 2);
    told.push_back(driver.loop().now());
  };
  const TimePoint begun = driver.loop().now();
  samples.Take({.workers = {0, 1}}, 2, then);
  samples.Take({.workers = {0, 1}}, 2, then);
  driver.Until([&] { return told.size() == 2; });
  CHECK(taken == std::vector<size_t>{0, 1});
  CHECK(told[0] - begun >= SentSamples::kApart);
  samples.Take({.workers = {0, 1}}, 2, then);
  driver.Until([&] { return told.size() == 3; });
  CHECK(taken == std::vector<size_t>{0, 1, 0, 1});
}

TEST_CASE("A worker that does not answer in time has no sample, and none later") {
  LoopDriver driver;
  std::function<void()> held;
  Asks asks(driver.loop(), [&held](size_t worker, std::function<void()> work) {
    if (worker == 0) return work();
    held = std::move(work);
  });
  SentSamples samples(driver.loop(), asks, [](size_t /*worker*/) { return SentSample{}; });
  bool told = false;
  samples.Take({.workers = {0, 1}, .patience = std::chrono::milliseconds(1)}, 2, [&](const auto& all) {
    CHECK(all[0] != nullptr);
    CHECK(all[1] == nullptr);
    told = true;
  });
  driver.Until([&] { return told; });
  held();  // its answer comes to nobody
  driver.Settle();
}

}  // namespace sheaf
