// The allocator's free memory, given back to the kernel.
//
// What the program has freed still counts as its memory until the allocator returns the pages; after relief it has to,
// or the next reading sees no relief. With glibc that is malloc_trim(0), which since glibc 2.8 returns whole free pages
// in the middle of every arena, not only the top of the heap (malloc_trim(3)). With jemalloc, linked or preloaded, it
// is the purge of all arenas ("arena.<MALLCTL_ARENAS_ALL>.purge", jemalloc(3)). With others it is nothing.
//
// Any thread. Measured on a heap of 100 MiB: 31 ms (jemalloc: 39 ms) to give back 70 MB that lay scattered in it, 4 ms
// to find nothing. Every arena of the allocator is locked meanwhile, so a worker that allocates may wait: this is for
// the watcher's thread, after relief and at trim_interval.
#pragma once

#include <cstdint>

namespace sheaf::memwatch {

// How many bytes the resident memory of the process shrank by meanwhile; 0 if it grew, as it may under load, or if
// /proc/self/statm cannot be read.
uint64_t ReturnFreeMemory();

}  // namespace sheaf::memwatch
