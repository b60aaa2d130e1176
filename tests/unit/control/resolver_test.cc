// The resolver on a real loop, with name servers that answer as the test says.
#include "proxy/control/resolver.h"

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/fakes/log_recorder.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/staged_names.h"

namespace sheaf {
namespace {

using namespace std::chrono_literals;

const Error kUnknown{"'backend' has no address: Name or service not known"};

struct Names : ResolverEvents {
  void Start(Duration interval = 100ms) {
    const Resolver::Times times{.interval = interval, .soon = 100ms, .patience = 300ms};
    resolver.emplace(driver.loop(), "backend:80", times, names->Lookup(), *this);
  }
  void OnAddresses(const std::vector<net::Address>& addresses) override {
    std::string text;
    for (const net::Address& one : addresses) text += (text.empty() ? "" : " ") + one.ToString();
    found.push_back(text);
  }
  void OnNoAddress() override { ++misses; }

  // Until so many look-ups in all have been answered, and the loop has the answers.
  void Answered(int count) {
    driver.Until([&] { return names->ended() >= count; });
    driver.Settle();
  }
  // So many more, with what is staged from now on.
  void Answers(int more) { Answered(names->ended() + more); }

  LogRecorder log;
  const std::shared_ptr<StagedNames> names = std::make_shared<StagedNames>();
  std::vector<std::string> found;
  int misses = 0;
  LoopDriver driver;
  std::optional<Resolver> resolver;
};

}  // namespace

TEST_CASE("a name is looked up at once, outside of the loop, and its address posted") {
  Names it;
  it.Start(10s);
  CHECK(it.resolver->addresses().empty());
  it.driver.For(50ms);  // the loop turns while nobody answers
  CHECK(it.found.empty());
  it.names->Stage(std::vector{Ip("127.0.0.1:80"), Ip("127.0.0.2:80")});
  it.driver.Until([&] { return !it.found.empty(); });
  CHECK(it.found == std::vector<std::string>{"127.0.0.1:80 127.0.0.2:80"});
  CHECK_EQ(it.resolver->addresses().size(), 2);
  CHECK_EQ(it.names->last_name(), "backend:80");
  CHECK_EQ(it.misses, 0);
  CHECK(it.log.lines.empty());
}

TEST_CASE("it is looked up again at the interval, and another address is told") {
  Names it;
  it.names->Stage(std::vector{Ip("127.0.0.1:80")});
  it.Start();
  it.Answered(2);
  CHECK_EQ(it.found.size(), 1);
  it.names->Stage(std::vector{Ip("127.0.0.2:80")});
  it.Answers(2);
  CHECK(it.found == std::vector<std::string>{"127.0.0.1:80", "127.0.0.2:80"});
  CHECK_EQ(it.log.lines.size(), 1);
}

TEST_CASE("before the interval is over it is not looked up again") {
  for (const Duration interval : {Duration(60s), Duration(0s)}) {
    Names it;
    it.names->Stage(std::vector{Ip("127.0.0.1:80")});
    it.Start(interval);
    it.Answered(1);
    it.driver.For(400ms);
    CHECK_EQ(it.names->begun(), 1);
  }
}

TEST_CASE("all addresses count, IPv4 in front, and in which order they come is no change") {
  Names it;
  const std::vector all{Ip("[::2]:80"), Ip("127.0.0.2:80"), Ip("[::1]:80"), Ip("127.0.0.1:80"), Ip("127.0.0.2:80")};
  it.names->Stage(all);
  it.Start();
  it.Answered(1);
  CHECK(it.found == std::vector<std::string>{"127.0.0.1:80 127.0.0.2:80 [::1]:80 [::2]:80"});
  it.names->Stage(std::vector(all.rbegin(), all.rend()));
  it.Answers(2);
  CHECK_EQ(it.found.size(), 1);
  it.names->Stage(std::vector{all[1]});
  it.Answers(2);
  CHECK_EQ(it.found.back(), "127.0.0.2:80");
  REQUIRE_EQ(it.log.lines.size(), 1);
  CHECK(it.log.lines[0].find("address=127.0.0.2:80") != std::string::npos);
}

TEST_CASE("a failed or an empty answer removes nothing, and the log says it once, and once that it is over") {
  for (const Resolver::Answer& bad : {Resolver::Answer(kUnknown), Resolver::Answer(std::vector<net::Address>())}) {
    Names it;
    it.names->Stage(std::vector{Ip("127.0.0.1:80")});
    it.Start();
    it.Answered(1);
    it.names->Stage(bad);
    it.Answers(2);
    CHECK_EQ(it.misses, 0);
    CHECK(!it.resolver->addresses().empty());
    REQUIRE_EQ(it.log.lines.size(), 1);
    CHECK(it.log.lines[0].starts_with("warning the backend's name cannot be looked up upstream=backend:80 error="));
    if (!bad.ok()) CHECK(it.log.lines[0].ends_with(kUnknown.message));
    it.names->Stage(std::vector{Ip("127.0.0.1:80")});
    it.Answers(2);
    CHECK_EQ(it.found.size(), 1);
    REQUIRE_EQ(it.log.lines.size(), 2);
    CHECK(it.log.lines[1].starts_with("info the backend's name can be looked up again"));
  }
}

TEST_CASE("while there is no address, every failure is told, and it is looked up again soon whatever the interval") {
  for (const Duration interval : {Duration(60s), Duration(0s)}) {
    Names it;
    it.names->Stage(kUnknown);
    it.Start(interval);
    it.Answered(2);
    CHECK_EQ(it.misses, 2);
    CHECK_EQ(it.log.lines.size(), 1);
    it.names->Stage(std::vector{Ip("127.0.0.1:80")});
    it.driver.Until([&] { return !it.found.empty(); });
    CHECK_EQ(it.log.lines.size(), 2);
  }
}

TEST_CASE("after failed connects it is looked up soon, once however many there are, and from any thread") {
  for (const Duration interval : {Duration(60s), Duration(0s)}) {
    Names it;
    it.names->Stage(std::vector{Ip("127.0.0.1:80")});
    it.Start(interval);
    it.Answered(1);
    std::vector<std::thread> workers;
    for (int i = 0; i < 3; ++i) {
      workers.emplace_back([&it] {
        for (int k = 0; k < 100; ++k) it.resolver->Bell()();
      });
    }
    for (std::thread& worker : workers) worker.join();
    it.Answered(2);
    it.driver.For(400ms);
    CHECK_EQ(it.names->begun(), 2);
  }
}

TEST_CASE("connects that go on failing do not ask for more than a look-up in each such time") {
  Names it;
  it.names->Stage(std::vector{Ip("127.0.0.1:80")});
  it.Start(60s);
  it.Answered(1);
  const auto end = std::chrono::steady_clock::now() + 600ms;
  while (std::chrono::steady_clock::now() < end) {
    it.resolver->Bell()();
    it.driver.For(10ms);
  }
  CHECK(it.names->begun() >= 3);
  CHECK(it.names->begun() <= 6);
}

TEST_CASE("there is one look-up at a time, whatever is asked for") {
  Names it;
  it.Start();
  for (int i = 0; i < 30; ++i) {
    it.resolver->Bell()();
    it.driver.For(10ms);
  }
  CHECK_EQ(it.names->begun(), 1);
  it.names->Stage(std::vector{Ip("127.0.0.1:80")});
  it.Answers(2);
  CHECK_EQ(it.names->most_at_once(), 1);
}

TEST_CASE("what fails while a look-up runs has it looked up once more") {
  Names it;
  it.Start(60s);
  it.driver.Until([&] { return it.names->begun() == 1; });
  it.resolver->Bell()();
  it.driver.Settle();
  it.names->Stage(std::vector{Ip("127.0.0.1:80")});
  it.Answered(2);
  it.driver.For(400ms);
  CHECK_EQ(it.names->begun(), 2);
}

TEST_CASE("a look-up that hangs is told once, and its late answer is taken") {
  Names it;
  it.names->Stage(std::vector{Ip("127.0.0.1:80")});
  it.Start();
  it.Answered(1);
  it.names->Hang();
  it.driver.Until([&] { return !it.log.lines.empty(); });
  CHECK(it.log.lines[0].ends_with("error=name servers do not answer"));
  CHECK(!it.resolver->addresses().empty());
  it.names->Stage(kUnknown);
  it.Answers(2);
  CHECK_EQ(it.log.lines.size(), 1);
  it.names->Stage(std::vector{Ip("127.0.0.2:80")});
  it.driver.Until([&] { return it.found.size() == 2; });
}

TEST_CASE("the resolver and its loop go while a look-up hangs, and the late answer goes nowhere") {
  const auto names = std::make_shared<StagedNames>();
  {
    Names it;
    it.resolver.emplace(it.driver.loop(), "backend:80", Resolver::Times{.interval = 10s}, names->Lookup(), it);
    it.driver.Until([&] { return names->begun() == 1; });
  }
  names->Stage(std::vector{Ip("127.0.0.1:80")});
  // The thread lets go of what it held, and that is the end of it.
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (names.use_count() > 1 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
  CHECK_EQ(names.use_count(), 1);
  CHECK_EQ(names->ended(), 1);
}

TEST_CASE("an answer that is posted, but not taken when the resolver goes, goes nowhere") {
  Names it;
  it.names->Stage(std::vector{Ip("127.0.0.1:80")});
  it.Start(10s);
  it.resolver->Bell()();
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (it.names->ended() == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(10ms);
  it.resolver.reset();
  it.driver.Settle();
  CHECK(it.found.empty());
}

}  // namespace sheaf
