// Intrusive hash table: members carry their link, so joining and leaving allocate nothing but the table's own places,
// four to eight bytes a member. The index owns nothing. One thread only.
//
//   struct Person { Person* next = nullptr; ... };
//   HashIndex<Person, &Person::next, &HashOf> people;     // size_t HashOf(const Person&)
//   people.Insert(person);
//   Person* found = people.Find(hash, [&](const Person& one) { return one.name == name; });
//
// A hash may be a plain count: its low bits decide.
#pragma once

#include <cassert>
#include <cstddef>
#include <memory>
#include <new>

namespace sheaf {

template <typename T, T* T::*kNext, size_t (*kHash)(const T&)>
class HashIndex {
 public:
  HashIndex() = default;
  HashIndex(const HashIndex&) = delete;
  HashIndex& operator=(const HashIndex&) = delete;

  size_t size() const { return size_; }

  // `member` must not be in it. Does not fail: where there is no memory to grow, finding takes longer.
  void Insert(T& member) {
    if (size_ >= kMostAPlace * places()) Grow();
    T*& first = PlaceOf(kHash(member));
    member.*kNext = first;
    first = &member;
    ++size_;
  }

  // `member` must be in it.
  void Remove(T& member) {
    T** link = &PlaceOf(kHash(member));
    while (*link != &member) {
      assert(*link != nullptr);
      link = &((*link)->*kNext);
    }
    *link = member.*kNext;
    member.*kNext = nullptr;
    --size_;
  }

  // A member with this hash for which `is` holds; nullptr: there is none.
  template <typename Is>
  T* Find(size_t hash, Is is) const {
    for (T* one = PlaceOf(hash); one != nullptr; one = one->*kNext) {
      if (kHash(*one) == hash && is(*one)) return one;
    }
    return nullptr;
  }

 private:
  static constexpr size_t kFirst = 16;
  static constexpr size_t kMostAPlace = 2;

  size_t places() const { return mask_ + 1; }
  T*& PlaceOf(size_t hash) const { return grown_ ? grown_[hash & mask_] : first_; }

  void Grow() {
    const size_t count = grown_ ? 2 * places() : kFirst;
    std::unique_ptr<T*[]> old(new (std::nothrow) T*[count]());
    if (!old) return;
    old.swap(grown_);
    const size_t old_count = old ? places() : 1;
    mask_ = count - 1;
    for (size_t i = 0; i < old_count; ++i) Rehash(old ? old[i] : first_);
    first_ = nullptr;
  }
  void Rehash(T* chain) {
    while (chain != nullptr) {
      T* const next = chain->*kNext;
      T*& first = PlaceOf(kHash(*chain));
      chain->*kNext = first;
      first = chain;
      chain = next;
    }
  }

  std::unique_ptr<T*[]> grown_;  // the places; nullptr: there is one, first_
  mutable T* first_ = nullptr;
  size_t mask_ = 0;
  size_t size_ = 0;
};

}  // namespace sheaf
