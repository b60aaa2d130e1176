// Route plans of one generation after another: what stays, what goes, and when.
#include "proxy/plan/route_plans.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "pool/upstreams.h"
#include "tests/fakes/endpoints.h"
#include "tests/fakes/loop_driver.h"

namespace sheaf {
namespace {

using namespace std::chrono_literals;

struct Plans {
  // The route of "/" is always there.
  std::shared_ptr<const Generation> Adopt(const std::vector<std::string>& paths) {
    Options options = base;
    for (const std::string& path : paths) options.routes.push_back(InheritRoute(options, path));
    Load(options);
    return generation;
  }
  void Load(const Options& options) {
    generation = std::make_shared<const Generation>(options, "", generation.get());
    plans.Adopt(*generation, backends);
  }
  const RoutePlan& At(std::string_view path) { return plans.Match(*generation, path); }

  pool::UpstreamRef Backend(const std::string& name) {
    return upstreams.Take(OneEndpoint("http://127.0.0.1:1", {}, name),
                          pool::UpstreamSettings::From(base, DefaultBackend(base)));
  }

  Options base;
  WorkerMetrics metrics;
  LoopDriver driver;
  pool::Upstreams upstreams{driver.loop(), {}, metrics};
  const std::vector<pool::UpstreamRef> backends = {Backend("default"), Backend("other")};
  RoutePlans plans{metrics};
  std::shared_ptr<const Generation> generation;
};

TEST_CASE("A route that a reload leaves as it was keeps its plan, wherever it stands") {
  Plans it;
  it.Adopt({"/a", "/b"});
  const RoutePlan* const a = &it.At("/a/x");
  const RoutePlan* const root = &it.At("/elsewhere");
  it.Adopt({"/longer", "/a"});
  CHECK(&it.At("/a/x") == a);
  CHECK(&it.At("/elsewhere") == root);
  CHECK(&it.At("/b") == root);
  CHECK(it.plans.living() == 3);
}

TEST_CASE("A changed route gets another plan, and who holds the old one keeps it") {
  Plans it;
  it.Adopt({"/a"});
  RoutePlanRef held(it.At("/a"));
  it.base.batching.timeout = 7ms;
  it.Adopt({"/a"});
  CHECK(&it.At("/a") != &*held);
  CHECK(it.At("/a").limits.timeout == 7ms);
  CHECK(held->limits.timeout == 50ms);
  CHECK_FALSE(held->removed());
  CHECK(it.plans.living() == 3);  // the old "/a", and the newest "/a" and "/"
  held = RoutePlanRef();
  CHECK(it.plans.living() == 2);
  CHECK(it.metrics.route_plans.value() == 2);
}

TEST_CASE("A plan knows that its route was removed, and that it has come back") {
  Plans it;
  it.Adopt({"/a"});
  const RoutePlanRef held(it.At("/a"));
  it.Adopt({});
  CHECK(held->removed());
  it.Adopt({"/a"});
  CHECK_FALSE(held->removed());
}

TEST_CASE("Old plans follow memory pressure as the newest do") {
  Plans it;
  it.Adopt({});
  const RoutePlanRef held(it.At("/"));
  it.base.batching.timeout = 40ms;
  it.plans.Adapt(PressureLevel::kModerate, false);
  it.Adopt({});
  CHECK(held->limits.timeout == 25ms);
  CHECK(it.At("/").limits.timeout == 20ms);
  it.plans.Adapt(PressureLevel::kNormal, false);
  CHECK(held->limits.timeout == 50ms);
}

TEST_CASE("What was counted for a route and a rule is counted on, whatever the order and whatever is between") {
  Plans it;
  const RuleOptions alert{.prefix = "ALERT"};
  const RuleOptions price{.prefix = "PRICE"};
  const auto adopt = [&it](const std::vector<RuleOptions>& critical) {
    Options options = it.base;
    options.routes.push_back(InheritRoute(options, "/"));
    options.routes.back().critical = critical;
    it.Load(options);
  };
  adopt({alert});
  it.At("/").counters.critical[0]->Add(3);
  it.At("/").counters.route->dropped.Add(5);
  adopt({price, alert});
  it.At("/").counters.critical[0]->Add(7);
  it.At("/").counters.critical[1]->Add();
  adopt({});
  std::vector<RouteTotals> totals;
  it.metrics.routes.AddTo(totals);
  REQUIRE(totals.size() == 1);
  CHECK(totals[0].labels.critical == std::vector<std::string>{"ALERT*", "PRICE*"});
  CHECK(totals[0].critical == std::vector<uint64_t>{4, 7});
  CHECK(totals[0].dropped == 5);
}

TEST_CASE("A route leads to its backend, and one that leads to another is not the route that it was") {
  Plans it;
  it.Adopt({"/a"});
  const RoutePlanRef held(it.At("/a"));
  CHECK(&*held->upstream == &*it.backends[0]);
  Options options = it.base;
  options.routes.push_back(InheritRoute(options, "/a"));
  options.routes.back().backend = "other";
  it.Load(options);
  CHECK(&*it.At("/a").upstream == &*it.backends[1]);
  CHECK(&*it.At("/").upstream == &*it.backends[0]);
  CHECK(held->removed());
  it.Adopt({"/a"});
  CHECK_FALSE(held->removed());
}

TEST_CASE("Generations are counted, and know what they were made from") {
  const Options options;
  const Generation first(options, "x", nullptr);
  CHECK(first.number == 1);
  const Generation second(options, "y", &first);
  CHECK(second.number == 2);
  CHECK(second.digest == "y");
}

}  // namespace
}  // namespace sheaf
