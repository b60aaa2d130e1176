// Route plans of one generation after another: what stays, what goes, and when.
#include "proxy/plan/route_plans.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf {
namespace {

using namespace std::chrono_literals;

struct Plans {
  // The route of "/" is always there.
  std::shared_ptr<const Generation> Adopt(const std::vector<std::string>& paths) {
    Options options = base;
    for (const std::string& path : paths) options.routes.push_back(InheritRoute(options, path));
    auto made = Generation::Make(options, "", generation.get());
    REQUIRE(made.ok());
    generation = made.value();
    plans.Adopt(*generation, {});
    return generation;
  }
  const RoutePlan& At(std::string_view path) { return plans.Match(*generation, path); }

  Options base;
  WorkerMetrics metrics;
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
    auto made = Generation::Make(options, "", it.generation.get());
    REQUIRE(made.ok());
    it.generation = made.value();
    it.plans.Adopt(*it.generation, {});
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

TEST_CASE("A generation takes over what has not changed, and makes anew what has") {
  Options options;
  options.upstream.url = "http://127.0.0.1:9000";
  const auto first = Generation::Make(options, "x", nullptr).value();
  CHECK(first->number == 1);
  const auto second = Generation::Make(options, "y", first.get()).value();
  CHECK(second->number == 2);
  CHECK(second->digest == "y");
  CHECK(second->backend == first->backend);
  options.upstream.url = "http://127.0.0.1:9001";
  const auto third = Generation::Make(options, "", second.get()).value();
  CHECK(third->backend != second->backend);
  options.upstream.url = "ftp://127.0.0.1";
  CHECK_FALSE(Generation::Make(options, "", third.get()).ok());
}

}  // namespace
}  // namespace sheaf
