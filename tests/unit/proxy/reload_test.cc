// The order of reloads, and what is told of them, with a target that takes what it is told to take.
#include "proxy/reload.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/wire/sha256.h"
#include "tests/fakes/loop_driver.h"

namespace sheaf {
namespace {

using namespace std::chrono_literals;

// Reads what `file` says, and opens it unless `closed`.
struct Target final : public ReloadTarget {
  Target() {
    SetLogLevel(LogLevel::kError);
    generation = std::make_shared<const Generation>(file, "1", nullptr);
  }

  Result<std::shared_ptr<const Generation>> Prepare(ConfigRead read) override {
    ++prepared;
    if (!closed.empty()) return Error{closed};
    return std::make_shared<const Generation>(std::move(read.options), std::move(read.digest), generation.get());
  }
  void Adopt(std::shared_ptr<const Generation> next, std::function<void()> done) override {
    generation = std::move(next);
    dones.push_back(std::move(done));
  }
  std::shared_ptr<const Generation> in_force() const override { return generation; }
  void OnReloadBegins() override { told += "begins "; }
  void OnReloadEnds(const ReloadAnswer& answer) override { told += answer.taken ? "taken " : "failed "; }
  std::string_view refusal() const override { return ending ? "it ends" : ""; }

  void FinishOne() { std::exchange(dones, {}).at(0)(); }
  Reloader::Asked Asking(Duration patience = Duration::zero()) {
    return {.by = "test", .answer = [this](const ReloadAnswer& one) { answers.push_back(one); }, .patience = patience};
  }

  Options file;
  std::string digest = "2";
  std::string unreadable;
  bool may_pass = false;
  std::string closed;
  bool ending = false;
  int prepared = 0;
  std::string told;  // of the beginnings and the ends
  std::vector<std::function<void()>> dones;
  std::vector<ReloadAnswer> answers;
  std::shared_ptr<const Generation> generation;
  WorkerMetrics metrics;
  LoopDriver driver;
  Reloader reloader{driver.loop(),
                    [this]() -> Result<ConfigRead> {
                      if (!unreadable.empty()) return Error{unreadable, may_pass};
                      return ConfigRead{.options = file, .file = {}, .digest = digest, .warnings = {}};
                    },
                    *this, metrics};
};

}  // namespace

TEST_CASE("a reload is answered when all have taken it up, not before") {
  Target it;
  it.file.batching.timeout = 7ms;
  it.reloader.Ask(it.Asking());
  CHECK(it.answers.empty());
  CHECK(it.reloader.under_way());
  it.FinishOne();
  REQUIRE(it.answers.size() == 1);
  CHECK(it.answers[0].taken);
  CHECK(it.answers[0].generation == 2);
  CHECK(it.answers[0].digest == "2");
  CHECK(it.generation->options.batching.timeout == 7ms);
  CHECK(it.metrics.reload_total.value() == 1);
  CHECK(it.metrics.generation.value() == 2);
}

TEST_CASE("who asks while one is under way has the next one, together with all who do") {
  Target it;
  it.reloader.Ask(it.Asking());
  it.reloader.Ask(it.Asking());
  it.reloader.Ask(it.Asking());
  CHECK(it.prepared == 1);
  it.FinishOne();
  CHECK(it.answers.size() == 1);
  CHECK(it.prepared == 2);
  it.FinishOne();
  REQUIRE(it.answers.size() == 3);
  CHECK(it.answers[1].generation == 3);
  CHECK(it.answers[2].generation == 3);
  CHECK(it.prepared == 2);
  CHECK(it.told == "begins taken begins taken ");
}

TEST_CASE("a file that has become empty is not taken for all defaults, and one that was empty may be") {
  Target it;
  it.digest = wire::Sha256Hex("");
  it.reloader.Ask(it.Asking());
  REQUIRE(it.answers.size() == 1);
  CHECK_FALSE(it.answers[0].taken);
  CHECK(it.answers[0].error.find("is empty") != std::string::npos);
  it.generation = std::make_shared<const Generation>(it.file, it.digest, nullptr);
  it.reloader.Ask(it.Asking());
  it.FinishOne();
  CHECK(it.answers.back().taken);
}

TEST_CASE("what cannot be read or opened leaves everything as it was") {
  Target it;
  const std::shared_ptr<const Generation> before = it.generation;
  it.unreadable = "a.conf:1:1: bad";
  it.reloader.Ask(it.Asking());
  it.unreadable.clear();
  it.closed = "no such certificate";
  it.reloader.Ask(it.Asking());
  REQUIRE(it.answers.size() == 2);
  CHECK(it.answers[0].error == "a.conf:1:1: bad");
  CHECK(it.answers[1].error == "no such certificate");
  CHECK(it.answers[1].generation == 1);
  CHECK_FALSE(it.answers[1].taken);
  CHECK(it.generation == before);
  CHECK(it.metrics.reload_failed_total.value() == 2);
  CHECK(it.metrics.reload_succeeded.value() == 0);
  it.closed.clear();
  it.reloader.Ask(it.Asking());
  it.FinishOne();
  CHECK(it.answers[2].taken);
  CHECK(it.metrics.reload_succeeded.value() == 1);
  CHECK(it.told == "begins failed begins failed begins taken ");
}

TEST_CASE("what cannot be opened is tried again for as long as the asker has patience") {
  Target it;
  it.closed = "the key does not fit";
  it.reloader.Ask(it.Asking(5s));
  CHECK(it.answers.empty());
  CHECK(it.prepared == 1);
  it.closed.clear();
  it.driver.Until([&it] { return !it.dones.empty(); });
  CHECK(it.prepared == 2);
  it.FinishOne();
  CHECK(it.answers.at(0).taken);
  CHECK(it.metrics.reload_failed_total.value() == 0);
}

TEST_CASE("patience ends, and then it has failed once") {
  Target it;
  it.closed = "the key does not fit";
  it.reloader.Ask(it.Asking(600ms));
  it.driver.Until([&it] { return !it.answers.empty(); });
  CHECK(it.prepared > 1);
  CHECK(it.answers[0].error == "the key does not fit");
  CHECK(it.metrics.reload_failed_total.value() == 1);
}

TEST_CASE("what the conf file says is wrong at once, what it names is looked at again") {
  Target it;
  it.unreadable = "a.conf:9:1: no value";
  it.reloader.Ask(it.Asking(5s));
  CHECK(it.answers.size() == 1);
  it.answers.clear();
  it.unreadable = "a.conf:3:1: the key does not fit";
  it.may_pass = true;
  it.reloader.Ask(it.Asking(5s));
  CHECK(it.answers.empty());
  it.unreadable.clear();
  it.driver.Until([&it] { return !it.dones.empty(); });
  it.FinishOne();
  CHECK(it.answers.at(0).taken);
}

TEST_CASE("who asks between two tries has one at once, and the patient wait on when it fails") {
  Target it;
  it.closed = "the key does not fit";
  it.reloader.Ask(it.Asking(5s));
  it.reloader.Ask(it.Asking());
  CHECK(it.prepared == 2);
  REQUIRE(it.answers.size() == 1);
  CHECK_FALSE(it.answers[0].taken);
  CHECK(it.reloader.under_way());
  it.closed.clear();
  it.reloader.Ask(it.Asking());
  it.FinishOne();
  CHECK(it.answers.size() == 3);
  CHECK(it.answers[1].taken);
  CHECK(it.answers[2].taken);
  CHECK(it.metrics.reload_failed_total.value() == 1);
}

TEST_CASE("a process that ends takes nothing up") {
  Target it;
  it.ending = true;
  it.reloader.Ask(it.Asking());
  CHECK(it.answers.at(0).error == "it ends");
  CHECK(it.prepared == 0);
  CHECK(it.metrics.reload_failed_total.value() == 0);
}

TEST_CASE("options that need a restart are named each time, and keep their values") {
  Target it;
  it.file.workers = 3;
  for (int i = 0; i < 2; ++i) {
    it.reloader.Ask(it.Asking());
    it.FinishOne();
  }
  CHECK(it.answers[1].needs_restart == std::vector<std::string>{"workers"});
  CHECK(it.generation->options.workers == kAuto);
  it.file.workers = kAuto;
  it.reloader.Ask(it.Asking());
  it.FinishOne();
  CHECK(it.answers[2].needs_restart.empty());
}

}  // namespace sheaf
