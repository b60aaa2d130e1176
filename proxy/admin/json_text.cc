#include "proxy/admin/json_text.h"

#include <algorithm>

#include "proxy/base/bytes.h"
#include "proxy/wire/utf8.h"

namespace sheaf {
namespace {

constexpr size_t kLongestCharacter = 4;

// Of the character that `bytes` begin with; 0: of none.
size_t CharacterSize(std::string_view bytes) {
  for (size_t size = 1; size <= std::min(bytes.size(), kLongestCharacter); ++size) {
    if (IsUtf8(bytes.substr(0, size))) return size;
  }
  return 0;
}

}  // namespace

bool IsUtf8(std::string_view bytes) {
  wire::Utf8Checker checker;
  return checker.Feed(AsBytes(bytes)) && checker.complete();
}

std::string ToUtf8(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string text;
  while (!bytes.empty()) {
    const size_t size = CharacterSize(bytes);
    if (size == 0) {
      const auto byte = static_cast<unsigned char>(bytes.front());
      text.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
    } else {
      text.append(bytes.substr(0, size));
    }
    bytes.remove_prefix(std::max<size_t>(size, 1));
  }
  return text;
}

}  // namespace sheaf
