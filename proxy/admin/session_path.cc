#include "proxy/admin/session_path.h"

#include "proxy/wire/http1_target.h"

namespace sheaf {

std::optional<std::string> ReadSessionPath(std::string_view text) {
  if (!text.starts_with('/') || text.find_first_of("?# \t\r\n") != std::string_view::npos) return std::nullopt;
  std::optional<std::string> normal = wire::NormalizeTarget(text);
  if (normal && normal->size() > 1 && normal->ends_with('/')) normal->pop_back();
  return normal;
}

}  // namespace sheaf
