// Whether a text is JSON. Pure; any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace sheaf::batching {

// Batches hold nothing deeper: some JSON parsers recurse, and one message must not cost its siblings.
inline constexpr size_t kMaxDepth = 512;

// Whether `text` is exactly one JSON text as RFC 8259 has it, with arrays and objects at most `max_depth` deep (no more
// than twice kMaxDepth). Numbers may be of any size, names may be there twice, and an escape may be half of a surrogate
// pair: the grammar says nothing about them. That the text is UTF-8 is not checked. Nothing is allocated.
bool IsJson(std::string_view text, size_t max_depth = kMaxDepth);

}  // namespace sheaf::batching
