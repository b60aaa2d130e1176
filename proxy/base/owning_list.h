// An intrusive list that owns its members, for objects that leave by themselves in O(1): sessions, clients, links.
// One thread only.
#pragma once

#include <memory>
#include <utility>

#include "proxy/base/list.h"

namespace sheaf {

template <typename T, ListHook T::*kHook>
class OwningList {
 public:
  ~OwningList() {
    while (!list_.empty()) Release(list_.front());
  }

  size_t size() const { return list_.size(); }
  bool empty() const { return list_.empty(); }
  T& front() { return list_.front(); }  // the oldest; not when empty

  T& Adopt(std::unique_ptr<T> object) {
    T& member = *object.release();
    list_.PushBack(member);
    return member;
  }

  // Makes `member` the newest one.
  void MoveToBack(T& member) {
    list_.Remove(member);
    list_.PushBack(member);
  }

  // Takes `member` out of the list and hands over its ownership.
  std::unique_ptr<T> Release(T& member) {
    list_.Remove(member);
    return std::unique_ptr<T>(&member);
  }

  // Calls `visit(T&)` for each member, oldest first. The visitor may release the member it is given, and no other.
  template <typename Visitor>
  void ForEach(Visitor visit) {
    list_.ForEach(std::move(visit));
  }
  // ForEach, until `visit` returns false.
  template <typename Visitor>
  void ForEachWhile(Visitor visit) {
    list_.ForEachWhile(std::move(visit));
  }

 private:
  List<T, kHook> list_;
};

}  // namespace sheaf
