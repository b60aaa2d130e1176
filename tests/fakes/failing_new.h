// An operator new that fails when the test says so. For one source of a test program: the replacements are global.
//
//   FailingNew::Fail(3);                        // the third allocation from now on
//   ...
//   const bool failed = FailingNew::Never();    // it has
#pragma once

#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

namespace sheaf {

class FailingNew {
 public:
  static void Fail(size_t nth) { left_ = nth; }
  static bool Never() { return std::exchange(left_, kNever) == 0; }
  static void* Allocate(size_t size) {
    if (left_ != kNever && left_ > 0 && --left_ == 0) throw std::bad_alloc();
    if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
    throw std::bad_alloc();
  }

 private:
  static constexpr size_t kNever = std::numeric_limits<size_t>::max();
  static inline size_t left_ = kNever;
};

}  // namespace sheaf

// Out of line: inlined, malloc and free look like the wrong partners of delete and new to the compiler.
[[gnu::noinline]] void* operator new(size_t size) {
  return sheaf::FailingNew::Allocate(size);
}
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* block) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, size_t /*size*/) noexcept {
  std::free(block);
}
