// The main loop with signals that this process sends to itself; they stay blocked behind it.
#include "proxy/control/main_loop.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <optional>
#include <vector>

#include "proxy/base/log.h"

namespace sheaf {
namespace {

using namespace std::chrono_literals;

struct Main : LifecycleEvents {
  explicit Main(uint32_t clients) : connections(clients) {
    SetLogLevel(LogLevel::kError);
    auto made = MainLoop::Create(
        life, [this] { return connections; }, [this] { ++hang_ups; });
    REQUIRE(made.ok());
    main = std::move(made.value());
  }
  void OnEnding() override {}
  void OnDrain(Duration given) override { window = given; }
  Result<bool> OnUndrain() override { return true; }
  void OnDrainOver(DrainEnd end) override {
    ends.push_back(end);
    after_drain();
  }

  const Options::Drain options{.delay = 0ms, .timeout = 60s};
  uint32_t connections;
  int hang_ups = 0;
  std::optional<Duration> window;
  std::vector<DrainEnd> ends;
  std::function<void()> after_drain = [] {};
  Lifecycle life{options, 5s, *this};
  std::unique_ptr<MainLoop> main;
};

}  // namespace

TEST_CASE("SIGTERM drains, and the loop ends when the last client has gone") {
  Main it(1);
  it.life.Serve();
  kill(getpid(), SIGHUP);
  kill(getpid(), SIGTERM);
  it.main->loop().Post([&it] { it.connections = 0; });
  it.main->Run();
  CHECK(it.window == Duration(54s));
  CHECK(it.hang_ups == 1);
  CHECK_FALSE(it.life.cut_short());
}

TEST_CASE("a drain that another thread asks for goes its way, and the loop goes on behind it until a signal") {
  Main it(0);
  it.life.Serve();
  it.main->loop().Post([&it] { it.life.Drain("test", it.main->loop().now()); });
  it.after_drain = [] { kill(getpid(), SIGTERM); };
  it.main->Run();
  CHECK(it.ends == std::vector<DrainEnd>{DrainEnd::kOver});
  CHECK_FALSE(it.life.cut_short());
}

TEST_CASE("a second signal ends the loop at once") {
  Main it(1);
  it.life.Serve();
  kill(getpid(), SIGTERM);
  kill(getpid(), SIGINT);
  it.main->Run();
  CHECK(it.life.cut_short());
}

TEST_CASE("a signal that came before it serves is seen without a turn") {
  Main it(0);
  it.main->ReadSignals();
  CHECK(it.life.stage() == Stage::kStarting);
  kill(getpid(), SIGTERM);
  it.main->ReadSignals();
  CHECK(it.life.stopped());
  it.main->Run();
}

}  // namespace sheaf
