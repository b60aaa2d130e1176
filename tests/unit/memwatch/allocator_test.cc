#include "memwatch/allocator.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <vector>

namespace sheaf::memwatch {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOwnAllocator = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kOwnAllocator = true;
#else
constexpr bool kOwnAllocator = false;
#endif
#else
constexpr bool kOwnAllocator = false;
#endif

constexpr size_t kBlock = 1024;  // small, so that it comes from the heap and not from a mapping of its own
constexpr size_t kBlocks = 32 * 1024;

// The last block stays in use, so that what is freed lies in the middle of the heap.
std::unique_ptr<char[]> FreeAHeap() {
  std::vector<std::unique_ptr<char[]>> blocks;
  blocks.reserve(kBlocks);
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks.push_back(std::make_unique<char[]>(kBlock));
    std::memset(blocks.back().get(), 1, kBlock);
  }
  return std::move(blocks.back());
}

}  // namespace

TEST_CASE("freed memory goes back to the kernel, from the middle of the heap as well") {
  const std::unique_ptr<char[]> last = FreeAHeap();
  const uint64_t returned = ReturnFreeMemory();
  MESSAGE("gave back ", returned, " of ", kBlocks * kBlock, " bytes");
  if (kOwnAllocator) return;  // a sanitizer's allocator keeps what is freed in quarantine
  CHECK(returned > kBlocks * kBlock / 2);
}

TEST_CASE("with nothing to give back, next to nothing is given") {
  ReturnFreeMemory();
  CHECK(ReturnFreeMemory() < 1024 * 1024);
}

}  // namespace sheaf::memwatch
