// The first few of many, against sorting them all.
#include "proxy/base/best_few.h"

#include <doctest/doctest.h>

#include <functional>
#include <random>
#include <vector>

namespace sheaf {

TEST_CASE("The first few are those that sorting all of them puts first, in any order of coming") {
  std::mt19937 random(1);
  for (size_t most = 1; most < 40; ++most) {
    for (const size_t count : {size_t{0}, most - 1, most, most + 1, 2 * most, 5 * most + 3}) {
      std::vector<int> numbers(count);
      for (size_t i = 0; i < count; ++i) numbers[i] = static_cast<int>(i);
      std::shuffle(numbers.begin(), numbers.end(), random);
      BestFew<int, std::greater<int>> best(most);
      for (const int number : numbers) best.Add(number);
      std::sort(numbers.begin(), numbers.end(), std::greater<int>());
      numbers.resize(std::min(most, count));
      CHECK(best.Take() == numbers);
      CHECK(best.Take().empty());
    }
  }
}

TEST_CASE("No more than twice as many are held") {
  int alive = 0;
  struct Counted {
    int number;
    int* alive;
    Counted(int n, int* a) : number(n), alive(a) { ++*alive; }
    Counted(const Counted& other) : number(other.number), alive(other.alive) { ++*alive; }
    Counted& operator=(const Counted& other) = default;
    ~Counted() { --*alive; }
  };
  const auto before = [](const Counted& a, const Counted& b) { return a.number > b.number; };
  BestFew<Counted, decltype(before)> best(10, before);
  for (int i = 0; i < 1000; ++i) {
    best.Add({i, &alive});
    CHECK(alive <= 20);
  }
  CHECK(best.Take().front().number == 999);
}

}  // namespace sheaf
