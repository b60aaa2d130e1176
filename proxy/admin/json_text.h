// Text for JSON from bytes of whatever origin: JSON is UTF-8 (RFC 8259 8.1), fields of a request need not be.
#pragma once

#include <string>
#include <string_view>

namespace sheaf {

bool IsUtf8(std::string_view bytes);
// Bytes that are no UTF-8 as the log writes them, "caf\\xE9"; all others as they are.
std::string ToUtf8(std::string_view bytes);

}  // namespace sheaf
