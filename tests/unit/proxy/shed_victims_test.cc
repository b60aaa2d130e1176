// Who is cut off first when memory is critically short.
#include "proxy/shed_victims.h"

#include <doctest/doctest.h>

namespace sheaf {
namespace {

Victim Holding(size_t held, Reads reads) {
  return {.reads = reads, .held = held, .memory = held, .shed = [] {}};
}

// The bytes held by those that are kept, in order.
std::vector<size_t> Kept(std::vector<Victim> victims, size_t most) {
  KeepCostliest(victims, most);
  std::vector<size_t> held;
  for (const Victim& one : victims) held.push_back(one.held);
  return held;
}

using Bytes = std::vector<size_t>;

TEST_CASE("who reads nothing goes before who holds more") {
  CHECK(Kept({Holding(900, Reads::kSteadily), Holding(1, Reads::kNothing)}, 1) == Bytes{1});
}

TEST_CASE("of those who read alike, the one who holds most goes first") {
  const std::vector<Victim> victims = {Holding(1, Reads::kNothing), Holding(3, Reads::kNothing),
                                       Holding(2, Reads::kNothing)};
  CHECK(Kept(victims, 2) == Bytes{3, 2});
  CHECK(Kept(victims, 9) == Bytes{3, 2, 1});
}

TEST_CASE("who reads is left alone while others do not, however many may be cut off") {
  const Victim steady = Holding(900, Reads::kSteadily);
  CHECK(Kept({steady, Holding(1, Reads::kNothing), Holding(5, Reads::kHaltingly)}, 9) == Bytes{1});
  CHECK(Kept({steady, Holding(5, Reads::kHaltingly)}, 9) == Bytes{5});
  CHECK(Kept({steady}, 9) == Bytes{900});
}

TEST_CASE("nobody is found where nobody is") {
  CHECK(Kept({}, 9).empty());
  CHECK(Kept({Holding(1, Reads::kNothing)}, 0).empty());
}

}  // namespace
}  // namespace sheaf
