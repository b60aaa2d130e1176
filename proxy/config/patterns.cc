#include "proxy/config/patterns.h"

#include <algorithm>
#include <cstddef>

namespace sheaf {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// Takes what marks a regular expression, or an nginx location, off the front.
bool CutMarks(std::string_view& text) {
  bool cut = false;
  for (const std::string_view mark : {"^~ ", "~* ", "~ ", "= ", "^"}) {
    if (!text.starts_with(mark)) continue;
    text.remove_prefix(mark.size());
    cut = true;
  }
  return cut;
}

// A literal parenthesis is right in a path (OData), unless it holds what only expressions have.
bool HasGroup(std::string_view text) {
  const size_t open = text.find('(');
  if (open == kNone || text.find(')', open) == kNone) return false;
  const std::string_view group = text.substr(open + 1);
  return group.starts_with('?') || group.find_first_of("|*[\\") != kNone || group.find(".+") != kNone;
}

// "/:room", not "/v1/room:close".
size_t FindParameter(std::string_view path) {
  for (size_t at = path.find("/:"); at != kNone; at = path.find("/:", at + 1)) {
    if (at + 2 < path.size() && IsLetter(path[at + 2])) return at + 1;
  }
  return kNone;
}

// Where the pattern begins; kNone: there is none.
size_t FindSpecial(std::string_view path, bool marked) {
  size_t at = std::min({path.find_first_of("*[\\{<|"), path.find(".*"), path.find(".+"), FindParameter(path)});
  if (HasGroup(path)) at = std::min(at, path.find('('));
  if (marked) at = std::min(at, path.find_first_of("?+"));
  if (path.ends_with('$')) at = std::min(at, path.size() - 1);
  return at;
}

}  // namespace

std::optional<std::string> PathMeantBy(std::string_view path) {
  const bool marked = CutMarks(path);
  if (!path.starts_with('/')) return path == "*" || path == "**" || path == ".*" ? std::optional("/") : std::nullopt;
  const size_t special = FindSpecial(path, marked);
  if (special == kNone && !marked) return std::nullopt;
  std::string_view meant = path.substr(0, special);
  // What ends in the middle of a name: of "/ws.*" the name is meant, of "/v[12]" and "/v*/x" what is above it.
  const bool ends_there =
      special == kNone || (std::string_view("$.*(").find(path[special]) != kNone && path.find('/', special) == kNone);
  const bool has_group = special != kNone && path[special] == '(';
  if (!ends_there && !has_group) meant = meant.substr(0, meant.rfind('/') + 1);
  while (meant.size() > 1 && meant.ends_with('/')) meant.remove_suffix(1);
  return std::string(meant);
}

std::optional<std::string> BeginningMeantBy(std::string_view event) {
  const bool marked = CutMarks(event);
  size_t special = std::min({event.find('*'), event.find(".*"), event.find(".+")});
  if (HasGroup(event)) special = std::min(special, event.find('('));
  if (marked) special = std::min(special, event.find_first_of("?+[\\$"));
  if (special == kNone && !marked) return std::nullopt;
  return std::string(event.substr(0, special));
}

}  // namespace sheaf
