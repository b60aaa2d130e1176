// Random bytes that nobody can foresee (the kernel's), for masking keys and request ids. Any thread.
#pragma once

#include <cstdint>
#include <span>

namespace sheaf {

// Fills `bytes`, at most 64 of them, from a buffer of the thread's own: one system call serves many.
void FillRandom(std::span<uint8_t> bytes);

// A fraction in [0, 1), for jitter.
double RandomFraction();

}  // namespace sheaf
