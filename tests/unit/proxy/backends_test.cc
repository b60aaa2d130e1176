// Where backends are, across generations: fixed addresses, names that are looked up, and what is forgotten when.
#include "proxy/backends.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/base/log.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/staged_names.h"

namespace sheaf {
namespace {

struct Fixture final : public BackendEvents {
  Fixture() { SetLogLevel(LogLevel::kError); }

  void OnAddresses(const BackendRef& backend, const std::vector<net::Address>& addresses) override {
    told.push_back(backend->endpoint().url().host + " " + addresses.front().ToString());
  }
  void OnNoAddress(const BackendRef& backend) override { told.push_back(backend->endpoint().url().host + " none"); }

  static BackendRef Make(const std::string& url) {
    Options options;
    options.upstream.url = url;
    return pool::Backend::Make(options.upstream, options.pool).value();
  }
  bool Prepare(const BackendRef& backend) { return backends.Prepare(backend, Options().upstream).ok(); }

  LoopDriver driver;
  std::shared_ptr<StagedNames> names = std::make_shared<StagedNames>();
  std::vector<std::string> told;
  Backends backends{driver.loop(), names->Lookup(), *this};
};

}  // namespace

TEST_CASE("an address is known at once, and nobody is told of it") {
  Fixture it;
  const BackendRef backend = Fixture::Make("http://127.0.0.1:9000");
  REQUIRE(it.Prepare(backend));
  CHECK(it.backends.known(*backend));
  CHECK(it.backends.targets(*backend).current().ToString() == "127.0.0.1:9000");
  it.driver.Settle();
  CHECK(it.told.empty());
}

TEST_CASE("of two names each has its own answers") {
  Fixture it;
  const BackendRef one = Fixture::Make("http://one:80");
  REQUIRE(it.Prepare(one));
  CHECK_FALSE(it.backends.known(*one));
  it.names->Stage({{Ip("127.0.0.1:80")}});
  it.driver.Until([&] { return it.told.size() == 1; });
  const BackendRef other = Fixture::Make("http://other:80");
  it.names->Stage({{Ip("127.0.0.2:80")}});
  REQUIRE(it.Prepare(other));
  it.driver.Until([&] { return it.told.size() == 2; });
  CHECK(it.told == std::vector<std::string>{"one 127.0.0.1:80", "other 127.0.0.2:80"});
  CHECK(it.backends.targets(*one).current().ToString() == "127.0.0.1:80");
  CHECK(it.backends.known(*other));
}

TEST_CASE("one that a reload takes over is not looked up anew") {
  Fixture it;
  it.names->Stage({{Ip("127.0.0.1:80")}});
  const BackendRef backend = Fixture::Make("http://one:80");
  REQUIRE(it.Prepare(backend));
  it.driver.Until([&] { return it.told.size() == 1; });
  REQUIRE(it.Prepare(backend));
  CHECK(it.backends.known(*backend));
  CHECK(it.backends.size() == 1);
}

TEST_CASE("what nobody refers to any more is forgotten, with the look-up that is under way") {
  Fixture it;
  BackendRef gone = Fixture::Make("http://one:80");
  const BackendRef stays = Fixture::Make("http://127.0.0.1:9000");
  REQUIRE(it.Prepare(gone));
  REQUIRE(it.Prepare(stays));
  it.backends.ForgetUnused();
  CHECK(it.backends.size() == 2);
  gone.reset();
  it.backends.ForgetUnused();
  CHECK(it.backends.size() == 1);
  it.names->Stage({{Ip("127.0.0.1:80")}});
  it.driver.Settle();
  CHECK(it.told.empty());
  CHECK(it.backends.known(*stays));
}

}  // namespace sheaf
