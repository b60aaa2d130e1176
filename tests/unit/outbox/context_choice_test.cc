#include "proxy/outbox/context_choice.h"

#include <doctest/doctest.h>

namespace sheaf {
namespace {

constexpr size_t kLarge = 300;
constexpr size_t kSmall = 60;

void ForMany(ContextChoice& choice, int count, bool poor = false) {
  for (int i = 0; i < count; ++i) {
    choice.OnMessage(true, kSmall, true);
    choice.OnPlace(poor, false);
  }
}

void ForOne(ContextChoice& choice, int count, size_t size, bool plenty = false) {
  for (int i = 0; i < count; ++i) choice.OnMessage(false, size, plenty);
}

}  // namespace

TEST_CASE("what many get earns no context") {
  ContextChoice choice;
  ForMany(choice, 1000);
  CHECK_FALSE(choice.wanted());
}

TEST_CASE("while contexts are plenty the first message for one client alone earns one") {
  ContextChoice choice;
  ForMany(choice, 3);
  ForOne(choice, 1, kSmall, true);
  CHECK(choice.wanted());
}

TEST_CASE("when they are not, four messages in a row do, or a second large one soon after the first") {
  ContextChoice small;
  ForOne(small, 4, kSmall);
  CHECK_FALSE(small.wanted());
  ForOne(small, 1, kSmall);
  CHECK(small.wanted());
  ContextChoice large;
  ForOne(large, 1, kLarge);
  CHECK_FALSE(large.wanted());
  ForMany(large, 20);
  ForOne(large, 1, kLarge);
  CHECK(large.wanted());
  ContextChoice rare;
  for (int i = 0; i < 10; ++i) {
    ForOne(rare, 1, kLarge);
    ForMany(rare, 40);
    CHECK_FALSE(rare.wanted());
  }
}

TEST_CASE("small answers amid a broadcast earn none") {
  ContextChoice choice;
  for (int i = 0; i < 100; ++i) {
    ForMany(choice, 4);
    ForOne(choice, 1, kSmall);
    CHECK_FALSE(choice.wanted());
  }
}

TEST_CASE("it is given up 32 messages for many after the last one for this client, or once it caught up") {
  ContextChoice choice;
  ForOne(choice, 1, kLarge, true);
  ForMany(choice, 31);
  CHECK(choice.wanted());
  ForMany(choice, 1);
  CHECK_FALSE(choice.wanted());
  ForOne(choice, 5, kLarge);
  CHECK(choice.wanted());
  choice.OnMessage(true, kLarge, false);
  choice.OnPlace(false, true);
  CHECK_FALSE(choice.wanted());
}

TEST_CASE("who has little of what came before every third message earns one until that is seldom") {
  ContextChoice seldom;
  for (int i = 0; i < 100; ++i) {
    ForMany(seldom, 1, true);
    ForMany(seldom, 2);
    CHECK_FALSE(seldom.wanted());
  }
  ContextChoice choice;
  ForMany(choice, 19, true);
  CHECK_FALSE(choice.wanted());
  ForMany(choice, 1, true);
  CHECK(choice.wanted());
  ForMany(choice, 20);
  CHECK(choice.wanted());
  ForMany(choice, 1);
  CHECK_FALSE(choice.wanted());
}

}  // namespace sheaf
