#include "memwatch/allocator.h"

#include <malloc.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>

// jemalloc's control function: there only if the program, or LD_PRELOAD, has put jemalloc in the place of malloc.
extern "C" int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value, size_t new_size)
    __attribute__((weak));

namespace sheaf::memwatch {
namespace {

// MALLCTL_ARENAS_ALL is 4096 in every jemalloc from 5.0 on; its headers are not needed to build Sheaf.
constexpr const char* kPurgeAll = "arena.4096.purge";

uint64_t ResidentMemory() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long size = 0;
  unsigned long resident = 0;
  const bool read = std::fscanf(file, "%lu %lu", &size, &resident) == 2;
  std::fclose(file);
  return read ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

void Purge() {
  if (mallctl != nullptr) {
    mallctl(kPurgeAll, nullptr, nullptr, nullptr, 0);
    return;
  }
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace

uint64_t ReturnFreeMemory() {
  const uint64_t before = ResidentMemory();
  Purge();
  const uint64_t after = ResidentMemory();
  return before > after ? before - after : 0;
}

}  // namespace sheaf::memwatch
