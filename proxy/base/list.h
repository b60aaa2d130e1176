// Intrusive doubly linked list: joining and leaving are O(1), nothing is allocated, and the length is always known.
//
//   struct Link { ListHook hook; };
//   List<Link, &Link::hook> idle;
//   idle.PushBack(link);      // the link must be in no list through this hook
//   idle.Remove(link);
//
// A state that is a list (upstream links, sessions) is counted by asking the list for its length. The list owns
// nothing. One thread only.
#pragma once

#include <cassert>
#include <cstddef>

namespace sheaf {

// Membership of one object in at most one list. Destroying a hook that is still in a list is a bug.
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { assert(!linked()); }

  bool linked() const { return next_ != nullptr; }

 private:
  template <typename T, ListHook T::*kHook>
  friend class List;

  ListHook* next_ = nullptr;
  ListHook* previous_ = nullptr;
};

template <typename T, ListHook T::*kHook>
class List {
 public:
  List() { head_.next_ = head_.previous_ = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() {
    assert(size_ == 0);
    head_.next_ = head_.previous_ = nullptr;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Oldest and newest member. The list must not be empty.
  T& front() { return *ToObject(head_.next_); }
  T& back() { return *ToObject(head_.previous_); }

  void PushBack(T& object) { InsertBefore(head_, object.*kHook); }
  void PushFront(T& object) { InsertBefore(*head_.next_, object.*kHook); }

  // `object` must be in this list.
  void Remove(T& object) {
    ListHook& hook = object.*kHook;
    assert(hook.linked() && size_ > 0);
    hook.previous_->next_ = hook.next_;
    hook.next_->previous_ = hook.previous_;
    hook.next_ = hook.previous_ = nullptr;
    --size_;
  }

  // Takes the oldest member out. The list must not be empty.
  T& PopFront() {
    T& object = front();
    Remove(object);
    return object;
  }

  // Calls `visit(T&)` for each member, oldest first. The visitor may remove the member it is given, and no other.
  template <typename Visitor>
  void ForEach(Visitor visit) {
    for (ListHook* hook = head_.next_; hook != &head_;) {
      ListHook* next = hook->next_;
      visit(*ToObject(hook));
      hook = next;
    }
  }

  // ForEach, until `visit` returns false.
  template <typename Visitor>
  void ForEachWhile(Visitor visit) {
    for (ListHook* hook = head_.next_; hook != &head_;) {
      ListHook* next = hook->next_;
      if (!visit(*ToObject(hook))) return;
      hook = next;
    }
  }

 private:
  void InsertBefore(ListHook& place, ListHook& hook) {
    assert(!hook.linked());
    hook.next_ = &place;
    hook.previous_ = place.previous_;
    place.previous_->next_ = &hook;
    place.previous_ = &hook;
    ++size_;
  }

  // The offset of the hook within T, measured on a pointer that is never followed.
  static T* ToObject(ListHook* hook) {
    alignas(T) static char probe[sizeof(T)];
    const auto* object = reinterpret_cast<const T*>(probe);
    const auto offset = reinterpret_cast<const char*>(&(object->*kHook)) - probe;
    return reinterpret_cast<T*>(reinterpret_cast<char*>(hook) - offset);
  }

  ListHook head_;
  size_t size_ = 0;
};

}  // namespace sheaf
