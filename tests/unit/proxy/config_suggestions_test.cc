#include <doctest/doctest.h>

#include <set>
#include <string>

#include "proxy/base/option_table.h"
#include "proxy/config/names.h"
#include "proxy/config/suggestions.h"

namespace sheaf {
namespace {

TEST_CASE("every name of another program stands for an option that there is, and is not one of ours") {
  std::set<std::string_view> seen;
  for (const ForeignName& row : ForeignNames()) {
    CAPTURE(row.name);
    CHECK(FindOption(row.section, row.option) != nullptr);
    CHECK(seen.insert(row.name).second);
    // Of a name that is ours, wherever it stands, the table would never be asked.
    for (const OptionRow& option : OptionRows()) CHECK(option.name != row.name);
    CHECK_FALSE(IsSection(row.name));
    CHECK(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos);
  }
}

TEST_CASE("every section of another program stands for one that there is, and is not one of ours") {
  for (const ForeignSection& row : ForeignSections()) {
    CAPTURE(row.name);
    CHECK((IsSection(row.section) || IsListSection(row.section)));
    CHECK_FALSE(IsSection(row.name));
  }
}

TEST_CASE("every name of another program is suggested, in the file, the environment and on the command line") {
  for (const ForeignName& row : ForeignNames()) {
    CAPTURE(row.name);
    const OptionRow& option = *FindOption(row.section, row.option);
    const std::string name(row.name);
    CHECK(SuggestKey("nowhere", name).starts_with("; did you mean \"" + option.FullName() + "\""));
    CHECK(SuggestSetting(name).starts_with("; did you mean " + option.FullName()));
    std::string variable = "SHEAF_" + name;
    for (char& c : variable) c = static_cast<char>(std::toupper(c));
    CHECK(SuggestVariable(variable).starts_with("; did you mean " + option.EnvironmentName()));
    CHECK((ResemblesOption(variable) || row.origin == NameOrigin::kOtherProxy));
  }
}

TEST_CASE("a name is found in any letters, with hyphens, and behind any section") {
  for (const char* name : {"min_pool_size", "MIN_POOL_SIZE", "min-pool-size", "a.b.min_pool_size"}) {
    REQUIRE(FindForeignName(name) != nullptr);
    CHECK(FindForeignName(name)->option == "min_size");
  }
  CHECK(FindForeignName("min_size") == nullptr);
  CHECK(FindForeignName("") == nullptr);
}

TEST_CASE("what is said of a place is meant for the section that it stands in") {
  CHECK(SuggestKey("upstream", "port") == "; did you mean \"url\"?");
  CHECK(SuggestKey("upstream", "address") == "; did you mean \"url\"?");
  CHECK(SuggestKey("admin", "bind") == "; did you mean \"address\"?");
  CHECK(SuggestKey("", "port") == "; did you mean \"listen.address\"?");
  CHECK(SuggestSetting("upstream.port") == "; did you mean upstream.url?");
  CHECK(SuggestVariable("SHEAF_UPSTREAM_ADDRESS") == "; did you mean SHEAF_UPSTREAM_URL?");
  CHECK(SuggestVariable("SHEAF_LISTEN_PORT") == "; did you mean SHEAF_LISTEN_ADDRESS?");
}

TEST_CASE("where the unit was in the name, the suggestion tells that it goes with the value") {
  CHECK(SuggestKey("", "batch_timeout_ms") ==
        "; did you mean \"batching.timeout\", in quotes and with its unit (\"50ms\")?");
  CHECK(SuggestRouteKey("batch_timeout_ms") == "; did you mean \"timeout\", in quotes and with its unit (\"50ms\")?");
  CHECK(SuggestSetting("batch_timeout_ms") == "; did you mean batching.timeout, with its unit (50ms)?");
  CHECK(SuggestSetting("memory_limit_mb") == "; did you mean memory.limit, with its unit (64MiB)?");
}

TEST_CASE("what a route cannot set by itself is told to hold for all") {
  CHECK(SuggestRouteKey("maxconn") == "; did you mean \"listen.max_connections\", which holds for all routes?");
  CHECK(SuggestRouteKey("ssl_verify") == "; did you mean \"upstream.tls_verify\", or \"tls_verify\" of a [[backend]]?");
  CHECK(SuggestRouteKey("client_max_body_size") == "; did you mean \"max_body\"?");
}

TEST_CASE("a misspelt section is mended before a name is looked for elsewhere") {
  CHECK(SuggestSetting("pol.min_size") == "; did you mean pool.min_size?");
  CHECK(SuggestVariable("SHEAF_POL_MIN_SIZE") == "; did you mean SHEAF_POOL_MIN_SIZE?");
  CHECK(SuggestVariable("SHEAF_POOL_BACKLOG") == "; did you mean SHEAF_LISTEN_BACKLOG?");
  CHECK(SuggestSetting("connection_pool.max_size") == "; did you mean pool.max_size?");
}

}  // namespace
}  // namespace sheaf
