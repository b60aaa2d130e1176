#include <doctest/doctest.h>

#include "proxy/config/aliases.h"
#include "tests/unit/proxy/config_loading.h"

namespace sheaf {
namespace {

TEST_CASE("an old name is taken for the new option, with a warning that tells how to write it now") {
  struct Row {
    std::string file;
    Extra extra;
    Underscores meant;
    std::string warning;
  };
  const Row rows[] = {
      {"[limits]\nallow_underscores = true\n",
       {},
       Underscores::kPass,
       "a.conf:2:21: limits.allow_underscores is now limits.underscores: write underscores = \"pass\""},
      {"[limits]\nallow_underscores = false\n",
       {},
       Underscores::kRefuse,
       "a.conf:2:21: limits.allow_underscores is now limits.underscores: write underscores = \"refuse\""},
      {"",
       {{"SHEAF_LIMITS_ALLOW_UNDERSCORES=false"}, {}},
       Underscores::kRefuse,
       "environment variable SHEAF_LIMITS_ALLOW_UNDERSCORES: limits.allow_underscores is now limits.underscores: write "
       "underscores = \"refuse\""},
      {"",
       {{}, {"limits.allow_underscores=false"}},
       Underscores::kRefuse,
       "--set limits.allow_underscores: limits.allow_underscores is now limits.underscores: write underscores = "
       "\"refuse\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.warning);
    const Result<Configuration> configuration = Load(row.file, row.extra);
    REQUIRE(configuration.ok());
    CHECK(configuration.value().options.limits.underscores == row.meant);
    CHECK(configuration.value().warnings == std::vector<std::string>{row.warning});
  }
  CHECK(Load("[limits]\nunderscores = \"drop\"\n").value().warnings.empty());
  CHECK(ErrorOf("[limits]\nallow_underscores = \"maybe\"\n") ==
        "a.conf:2:21: limits.underscores must be \"pass\", \"drop\" or \"refuse\", not \"maybe\"");
}

}  // namespace
}  // namespace sheaf
