// Who is cut off first when memory is critically short.
#include "proxy/shed_victims.h"

#include <doctest/doctest.h>

namespace sheaf {
namespace {

Victim Costing(size_t cost, Reads reads) {
  return {.reads = reads, .cost = cost, .memory = cost, .shed = [] {}};
}

// What those that are kept cost, in order.
std::vector<size_t> Kept(std::vector<Victim> victims, size_t most) {
  KeepCostliest(victims, most);
  std::vector<size_t> costs;
  for (const Victim& one : victims) costs.push_back(one.cost);
  return costs;
}

using Bytes = std::vector<size_t>;

TEST_CASE("who reads nothing goes before who costs more") {
  CHECK(Kept({Costing(900, Reads::kSteadily), Costing(1, Reads::kNothing)}, 1) == Bytes{1});
}

TEST_CASE("of those who read alike, the one who costs most goes first") {
  const std::vector<Victim> victims = {Costing(1, Reads::kNothing), Costing(3, Reads::kNothing),
                                       Costing(2, Reads::kNothing)};
  CHECK(Kept(victims, 2) == Bytes{3, 2});
  CHECK(Kept(victims, 9) == Bytes{3, 2, 1});
}

TEST_CASE("who reads is left alone while others do not, however many may be cut off") {
  const Victim steady = Costing(900, Reads::kSteadily);
  CHECK(Kept({steady, Costing(1, Reads::kNothing), Costing(5, Reads::kHaltingly)}, 9) == Bytes{1});
  CHECK(Kept({steady, Costing(5, Reads::kHaltingly)}, 9) == Bytes{5});
  CHECK(Kept({steady}, 9) == Bytes{900});
}

TEST_CASE("nobody is found where nobody is") {
  CHECK(Kept({}, 9).empty());
  CHECK(Kept({Costing(1, Reads::kNothing)}, 0).empty());
}

}  // namespace
}  // namespace sheaf
