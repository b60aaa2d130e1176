// An operator new that fails when the test says so. For one source of a test program: the replacements are global.
//
//   FailingNew::Fail(3);                        // the third allocation from now on
//   ...
//   const bool failed = FailingNew::Never();    // it has
//
// Those that ask for nullptr instead of an exception are counted apart: FailNothrow().
#pragma once

#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

namespace sheaf {

class FailingNew {
 public:
  static void Fail(size_t nth) { left_ = nth; }
  static void FailNothrow(size_t nth) { left_nothrow_ = nth; }
  static bool Never() {
    const bool nothrow = std::exchange(left_nothrow_, kNever) == 0;
    return std::exchange(left_, kNever) == 0 || nothrow;
  }
  static void* Allocate(size_t size) {
    if (left_ != kNever && left_ > 0 && --left_ == 0) throw std::bad_alloc();
    if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
    throw std::bad_alloc();
  }
  static void* AllocateOrNull(size_t size) {
    if (left_nothrow_ != kNever && left_nothrow_ > 0 && --left_nothrow_ == 0) return nullptr;
    return std::malloc(size == 0 ? 1 : size);
  }

 private:
  static constexpr size_t kNever = std::numeric_limits<size_t>::max();
  static inline size_t left_ = kNever;
  static inline size_t left_nothrow_ = kNever;
};

}  // namespace sheaf

// Out of line: inlined, malloc and free look like the wrong partners of delete and new to the compiler.
[[gnu::noinline]] void* operator new(size_t size) {
  return sheaf::FailingNew::Allocate(size);
}
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return sheaf::FailingNew::AllocateOrNull(size);
}
// Those of arrays lead to that of an object, as in libstdc++; a sanitizer's own would not.
[[gnu::noinline]] void* operator new[](size_t size) {
  return sheaf::FailingNew::Allocate(size);
}
[[gnu::noinline]] void* operator new[](size_t size, const std::nothrow_t& /*tag*/) noexcept {
  try {
    return sheaf::FailingNew::Allocate(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
[[gnu::noinline]] void operator delete(void* block) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete[](void* block) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete[](void* block, size_t /*size*/) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, size_t /*size*/) noexcept {
  std::free(block);
}
