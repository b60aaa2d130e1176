#include <doctest/doctest.h>

#include "proxy/config/names.h"
#include "tests/unit/proxy/config_loading.h"

namespace sheaf {
namespace {

TEST_CASE("unknown names are told with the nearest right one") {
  const ErrorRow rows[] = {
      {"worker = 1\n", "a.conf:1:1: unknown key \"worker\" at the top of the file; did you mean \"workers\"?"},
      {"\n[pool]\n  min_sise = 1\n", "a.conf:3:3: unknown key \"min_sise\" in [pool]; did you mean \"min_size\"?"},
      {"[pool]\nimn_size = 1\n", "a.conf:2:1: unknown key \"imn_size\" in [pool]; did you mean \"min_size\"?"},
      {"[pool]\nbacklog = 1\n", "a.conf:2:1: unknown key \"backlog\" in [pool]; did you mean \"listen.backlog\"?"},
      {"min_size = 1\n",
       "a.conf:1:1: unknown key \"min_size\" at the top of the file; did you mean \"pool.min_size\"?"},
      {"[pool]\nsomething_else = 1\n",
       "a.conf:2:1: unknown key \"something_else\" in [pool]; --print-default-config shows all there are"},
      {"[pol]\n", "a.conf:1:2: unknown section [pol]; did you mean [pool]?"},
      {"pol.min_size = 1\n", "a.conf:1:1: unknown section [pol]; did you mean [pool]?"},
      {"[[routes]]\npath = \"/\"\n", "a.conf:1:1: unknown section [routes]; did you mean [[route]]?"},
      {"[webhooks]\n", "a.conf:1:2: unknown section [webhooks]; --print-default-config shows all there are"},
      {"[[route]]\npath = \"/\"\nmaxbody = 1\n",
       "a.conf:3:1: unknown key \"maxbody\" in [[route]]; did you mean \"max_body\"?"},
  };
  for (const ErrorRow& row : rows) CHECK(ErrorOf(row.text) == row.error);
}

TEST_CASE("sections, routes and keys are not taken for one another") {
  const ErrorRow rows[] = {
      {"pool = 1\n", "a.conf:1:1: \"pool\" is a section: write [pool]"},
      {"route = 1\n", "a.conf:1:1: \"route\" is a section: write [[route]]"},
      {"[[pool]]\n", "a.conf:1:1: [[pool]] is no list: write [pool]"},
      {"[route]\npath = \"/\"\n", "a.conf:1:2: a route is written [[route]], in double brackets"},
      {"[pool.max_size]\n", "a.conf:1:1: pool.max_size must be a number, without quotes, not a section"},
  };
  for (const ErrorRow& row : rows) CHECK(ErrorOf(row.text) == row.error);
}

}  // namespace
}  // namespace sheaf
