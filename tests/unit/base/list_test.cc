#include "proxy/base/list.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "proxy/base/graveyard.h"
#include "proxy/base/owning_list.h"

namespace sheaf {
namespace {

struct Item {
  explicit Item(char item_name, std::string* destroyed = nullptr) : name(item_name), log(destroyed) {}
  ~Item() {
    if (log != nullptr) log->push_back(name);
  }

  char name;
  std::string* log;
  ListHook hook;
  ListHook other_hook;
};

using Items = List<Item, &Item::hook>;

template <typename AnyList>
std::string NamesOf(AnyList& list) {
  std::string names;
  list.ForEach([&names](Item& item) { names.push_back(item.name); });
  return names;
}

void Empty(Items& list) {
  while (!list.empty()) list.PopFront();
}

}  // namespace

TEST_CASE("a list keeps the order in which members joined and knows its length") {
  Items list;
  Item a('a'), b('b'), c('c');
  CHECK(list.empty());
  list.PushBack(b);
  list.PushBack(c);
  list.PushFront(a);
  CHECK_EQ(NamesOf(list), "abc");
  CHECK_EQ(list.size(), 3);
  CHECK_EQ(list.front().name, 'a');
  CHECK_EQ(list.back().name, 'c');
  Empty(list);
}

TEST_CASE("a member may leave from anywhere and join again") {
  Items list;
  Item a('a'), b('b'), c('c');
  for (Item* item : {&a, &b, &c}) list.PushBack(*item);
  list.Remove(b);
  CHECK_FALSE(b.hook.linked());
  CHECK_EQ(NamesOf(list), "ac");
  list.Remove(a);
  list.PushBack(a);
  CHECK_EQ(NamesOf(list), "ca");
  CHECK_EQ(list.PopFront().name, 'c');
  CHECK_EQ(list.PopFront().name, 'a');
  CHECK(list.empty());
  CHECK_FALSE(a.hook.linked());
}

TEST_CASE("a visitor may remove the member it is given") {
  Items list;
  Item a('a'), b('b'), c('c');
  for (Item* item : {&a, &b, &c}) list.PushBack(*item);
  list.ForEach([&list](Item& item) {
    if (item.name != 'b') list.Remove(item);
  });
  CHECK_EQ(NamesOf(list), "b");
  CHECK_EQ(list.size(), 1);
  Empty(list);
}

TEST_CASE("an object may be in two lists through two hooks") {
  Items list;
  List<Item, &Item::other_hook> others;
  Item a('a'), b('b');
  list.PushBack(a);
  list.PushBack(b);
  others.PushBack(b);
  others.PushBack(a);
  CHECK_EQ(NamesOf(list), "ab");
  CHECK_EQ(NamesOf(others), "ba");
  list.Remove(a);
  CHECK_EQ(NamesOf(others), "ba");
  Empty(list);
  while (!others.empty()) others.PopFront();
}

TEST_CASE("an owning list destroys what is left in it, and hands over what is released") {
  std::string destroyed;
  std::unique_ptr<Item> released;
  {
    OwningList<Item, &Item::hook> list;
    Item& a = list.Adopt(std::make_unique<Item>('a', &destroyed));
    list.Adopt(std::make_unique<Item>('b', &destroyed));
    list.Adopt(std::make_unique<Item>('c', &destroyed));
    CHECK_EQ(NamesOf(list), "abc");
    released = list.Release(a);
    CHECK_EQ(list.size(), 2);
    CHECK_EQ(destroyed, "");
  }
  CHECK_EQ(destroyed, "bc");
  CHECK_FALSE(released->hook.linked());
  released.reset();
  CHECK_EQ(destroyed, "bca");
}

TEST_CASE("the retired are destroyed in order, and not before it is time") {
  std::string destroyed;
  Graveyard graveyard;
  graveyard.Retire(std::make_unique<Item>('a', &destroyed));
  graveyard.Retire(std::make_unique<Item>('b', &destroyed));
  graveyard.Retire(std::unique_ptr<Item>());
  CHECK_EQ(graveyard.size(), 2);
  CHECK_EQ(destroyed, "");
  graveyard.DestroyAll();
  CHECK_EQ(destroyed, "ab");
  CHECK_EQ(graveyard.size(), 0);
}

TEST_CASE("a destructor may retire more, which is destroyed in the same go") {
  struct Parent {
    Parent(Graveyard& parent_graveyard, std::unique_ptr<Item> parent_child)
        : graveyard(parent_graveyard), child(std::move(parent_child)) {}
    ~Parent() { graveyard.Retire(std::move(child)); }

    Graveyard& graveyard;
    std::unique_ptr<Item> child;
  };
  std::string destroyed;
  Graveyard graveyard;
  for (const char name : {'a', 'b', 'c'}) {
    graveyard.Retire(std::make_unique<Parent>(graveyard, std::make_unique<Item>(name, &destroyed)));
  }
  graveyard.DestroyAll();
  CHECK_EQ(destroyed, "abc");
  CHECK_EQ(graveyard.size(), 0);
}

TEST_CASE("a member of an owning list can be made the newest one") {
  OwningList<Item, &Item::hook> list;
  Item& a = list.Adopt(std::make_unique<Item>('a'));
  for (const char name : {'b', 'c'}) list.Adopt(std::make_unique<Item>(name));
  list.MoveToBack(a);
  CHECK_EQ(NamesOf(list), "bca");
  list.MoveToBack(a);
  CHECK_EQ(NamesOf(list), "bca");
  CHECK_EQ(list.size(), 3);
}

TEST_CASE("a visit ends where the visitor says so, and a member may be moved while it is visited") {
  OwningList<Item, &Item::hook> list;
  for (const char name : {'a', 'b', 'c'}) list.Adopt(std::make_unique<Item>(name));
  std::string seen;
  list.ForEachWhile([&](Item& item) {
    seen.push_back(item.name);
    return item.name != 'b';
  });
  CHECK_EQ(seen, "ab");
  seen.clear();
  list.ForEachWhile([&](Item& item) {
    seen.push_back(item.name);
    if (item.name == 'a' && seen.size() == 1) list.MoveToBack(item);
    return true;
  });
  CHECK_EQ(seen, "abca");
}

}  // namespace sheaf
