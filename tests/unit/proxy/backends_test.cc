// Where backends are, across configurations: fixed addresses, names that are looked up, and endpoints that come, go and
// come back.
#include "proxy/backends.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/base/log.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/staged_names.h"

namespace sheaf {
namespace {

using Names = std::vector<std::string>;
using namespace std::chrono_literals;

struct Fixture final : public BackendEvents {
  Fixture() { SetLogLevel(LogLevel::kError); }

  void OnEndpoints(const pool::Backend& backend) override {
    ++told;
    told_last = NamesOf(backend);
  }
  void OnNoAddress(std::string_view /*backend*/) override { ++misses; }

  static Names NamesOf(const pool::Backend& backend) {
    Names names;
    for (const pool::EndpointRef& one : backend.endpoints) names.push_back(one->name());
    return names;
  }
  Names Now() const { return NamesOf(backends.all().front()); }

  Result<Backends::Change> Prepare(const std::vector<std::string>& urls) {
    options.backends = {InheritBackend(options, "default", urls)};
    options.backends.front().resolve_interval = 50ms;
    return backends.Prepare(options);
  }
  void Load(const std::vector<std::string>& urls) {
    auto change = Prepare(urls);
    REQUIRE(change.ok());
    backends.Apply(std::move(change.value()));
  }
  void Lead(const std::vector<std::string>& addresses) {
    std::vector<net::Address> all;
    for (const std::string& one : addresses) all.push_back(Ip(one));
    names->Stage(all);
    const int before = told;
    driver.Until([&] { return told > before; });
  }

  LoopDriver driver;
  std::shared_ptr<StagedNames> names = std::make_shared<StagedNames>();
  EndpointTable table;
  Options options;
  int told = 0;
  int misses = 0;
  Names told_last;
  Backends backends{driver.loop(), names->Lookup(), table, *this};
};

}  // namespace

TEST_CASE("an address is known at once, and nobody is told of it") {
  Fixture it;
  it.Load({"http://127.0.0.1:9000", "unix:/run/app.sock"});
  CHECK(it.Now() == Names{"127.0.0.1:9000", "unix:/run/app.sock"});
  CHECK(it.backends.all().front().endpoints[0]->addresses().front().ToString() == "127.0.0.1:9000");
  it.driver.Settle();
  CHECK(it.told == 0);
}

TEST_CASE("localhost is one endpoint, at either of its addresses") {
  Fixture it;
  it.Load({"http://localhost:9000"});
  CHECK(it.Now() == Names{"localhost:9000"});
  CHECK(it.backends.all().front().endpoints[0]->addresses().size() == 2);
}

TEST_CASE("a name is one endpoint without an address, then one for each that it leads to") {
  Fixture it;
  it.Load({"http://one:80"});
  CHECK(it.Now() == Names{"one:80"});
  CHECK(it.backends.all().front().endpoints[0]->addresses().empty());
  it.Lead({"127.0.0.1:80", "127.0.0.2:80", "127.0.0.3:80"});
  CHECK(it.told_last == Names{"127.0.0.1:80", "127.0.0.2:80", "127.0.0.3:80"});
  CHECK(it.Now() == it.told_last);
}

TEST_CASE("one address of each family is one process, and of more the family counts that has more") {
  Fixture it;
  it.Load({"http://one:80"});
  it.Lead({"127.0.0.1:80", "[::1]:80"});
  CHECK(it.Now() == Names{"127.0.0.1:80"});
  CHECK(it.backends.all().front().endpoints[0]->addresses().size() == 2);
  it.Lead({"127.0.0.1:80", "127.0.0.2:80", "[::1]:80", "[::2]:80"});
  CHECK(it.Now() == Names{"127.0.0.1:80", "127.0.0.2:80"});
  it.Lead({"127.0.0.1:80", "[::1]:80", "[::2]:80"});
  CHECK(it.Now() == Names{"[::1]:80", "[::2]:80"});
}

TEST_CASE("the same address stays the same endpoint, and one that comes back is the one that somebody kept") {
  Fixture it;
  it.Load({"http://one:80"});
  it.Lead({"127.0.0.1:80", "127.0.0.2:80"});
  const pool::EndpointList both = it.backends.all().front().endpoints;
  it.Lead({"127.0.0.2:80"});
  REQUIRE(it.backends.all().front().endpoints == pool::EndpointList{both[1]});
  CHECK(both[0]->counters().unlisted.load());
  CHECK_FALSE(both[0]->leaving());
  it.Lead({"127.0.0.1:80", "127.0.0.2:80"});
  CHECK(it.backends.all().front().endpoints == both);
  CHECK_FALSE(both[0]->counters().unlisted.load());
}

TEST_CASE("a failed or empty look-up removes nothing") {
  Fixture it;
  it.Load({"http://one:80"});
  it.Lead({"127.0.0.1:80"});
  const int before = it.names->ended();
  it.names->Stage(std::vector<net::Address>());
  it.driver.Until([&] { return it.names->ended() >= before + 2; });
  it.names->Stage(Error{"'one' has no address"});
  it.driver.Until([&] { return it.names->ended() >= before + 4; });
  it.driver.Settle();
  CHECK(it.told == 1);
  CHECK(it.misses == 0);
  CHECK(it.Now() == Names{"127.0.0.1:80"});
}

TEST_CASE("what a reload takes over stays, with its look-up; what it leaves out is leaving, until it is named again") {
  Fixture it;
  it.Load({"http://one:80", "http://127.0.0.1:9000"});
  it.Lead({"127.0.0.1:80"});
  const pool::EndpointList before = it.backends.all().front().endpoints;
  it.Load({"http://one:80", "http://127.0.0.1:9001"});
  CHECK(it.Now() == Names{"127.0.0.1:80", "127.0.0.1:9001"});
  CHECK(it.backends.all().front().endpoints[0] == before[0]);
  CHECK(before[1]->leaving());
  it.Load({"http://127.0.0.1:9000", "http://one:80"});
  CHECK(it.backends.all().front().endpoints == pool::EndpointList{before[1], before[0]});
  CHECK_FALSE(before[1]->leaving());
}

TEST_CASE("an endpoint that is new counts as up while one of the backend was") {
  Fixture it;
  it.Load({"http://127.0.0.1:9000"});
  const pool::EndpointRef first = it.backends.all().front().endpoints[0];
  it.Load({"http://127.0.0.1:9001"});
  CHECK_FALSE(it.backends.all().front().endpoints[0]->up());
  it.backends.all().front().endpoints[0]->SetUp(TimePoint{});
  it.Load({"http://127.0.0.1:9002"});
  CHECK(it.backends.all().front().endpoints[0]->up());
  CHECK_FALSE(first->up());
}

TEST_CASE("one that joins others that serve comes up as one that has come back, and the first ones do not") {
  Fixture it;
  const TimePoint now = it.driver.loop().now();
  it.Load({"http://127.0.0.1:9000"});
  const pool::EndpointRef first = it.backends.all().front().endpoints[0];
  first->SetUp(now);
  CHECK_FALSE(first->IsNew(now, 30s));
  it.Load({"http://127.0.0.1:9000", "http://127.0.0.1:9001"});
  const pool::EndpointRef second = it.backends.all().front().endpoints[1];
  CHECK_FALSE(second->up());
  second->SetUp(now);
  CHECK(second->IsNew(now + 29s, 30s));
  CHECK_FALSE(second->IsNew(now + 30s, 30s));
  first->Fail(now, "gone", 1);
  first->SetUp(now);
  CHECK(first->IsNew(now, 30s));
}

TEST_CASE("a preparation that is not applied changes nothing, and a bad one says why") {
  Fixture it;
  it.Load({"http://127.0.0.1:9000"});
  CHECK(it.Prepare({"http://127.0.0.1:9001"}).ok());
  CHECK(it.Now() == Names{"127.0.0.1:9000"});
  const auto bad = it.Prepare({"ftp://127.0.0.1"});
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().starts_with("upstream.url: "));
}

TEST_CASE("a name that is not asked for any more is not looked up, and a late answer goes nowhere") {
  Fixture it;
  it.Load({"http://one:80"});
  it.driver.Until([&] { return it.names->begun() == 1; });
  it.Load({"http://127.0.0.1:9000"});
  it.names->Stage(std::vector{Ip("127.0.0.1:80")});
  it.driver.Settle();
  CHECK(it.told == 0);
  CHECK(it.Now() == Names{"127.0.0.1:9000"});
}

}  // namespace sheaf
