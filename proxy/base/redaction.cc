#include "proxy/base/redaction.h"

#include <algorithm>
#include <array>

#include "proxy/base/ascii.h"

namespace sheaf {
namespace {

// Stands for what is not shown.
constexpr char kHidden = '-';

// A longer name is hardly one.
constexpr size_t kMostOfName = 64;

// So much of what is neither, to tell what it is.
constexpr size_t kMostOfScrap = 16;

// Takes what stands before the first character that `ends`, or all, off the front of `rest`.
template <typename Ends>
std::string_view CutBefore(std::string_view& rest, Ends ends) {
  const auto end = static_cast<size_t>(std::find_if(rest.begin(), rest.end(), ends) - rest.begin());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end);
  return part;
}

constexpr bool EndsPath(char c) {
  return c == '?' || c == '#';
}
// Semicolons, and second question marks: clients write "?token=..." behind whatever they have.
constexpr bool EndsParameter(char c) {
  return c == '&' || c == ';' || EndsPath(c);
}
constexpr bool EndsAuthority(char c) {
  return c == '/' || EndsPath(c);
}
constexpr bool EndsLine(char c) {
  return c == '\n';
}

// Compared as written: a name that is spelt otherwise, with escapes say, is not on any list.
bool IsShown(const Options::Log& log, std::string_view name) {
  static constexpr std::array<std::string_view, 3> kHarmless = {"EIO", "transport", "sheaf"};
  return std::find(kHarmless.begin(), kHarmless.end(), name) != kHarmless.end() ||
         std::find(log.query_shown.begin(), log.query_shown.end(), name) != log.query_shown.end();
}

// What has no value may be one itself ("?<token>"), and the end of a token in base64 looks like a name without a value.
bool IsName(std::string_view name, std::string_view value) {
  const bool has_value = value.find_first_not_of('=') != std::string_view::npos;
  const bool escapes_an_equals_sign =
      name.find("%3D") != std::string_view::npos || name.find("%3d") != std::string_view::npos;
  return has_value && !name.empty() && name.size() <= kMostOfName && !escapes_an_equals_sign;
}

void AppendParameter(const Options::Log& log, std::string_view parameter, std::string& shown) {
  if (parameter.empty()) return;
  const size_t equals = std::min(parameter.find('='), parameter.size());
  const std::string_view name = parameter.substr(0, equals);
  if (IsShown(log, name)) {
    shown.append(parameter);
  } else {
    if (equals < parameter.size() && IsName(name, parameter.substr(equals + 1))) shown.append(name).push_back('=');
    shown.push_back(kHidden);
  }
}

// `rest` begins with a question mark, or with the number sign of a fragment, or is empty.
void AppendQuery(const Options::Log& log, std::string_view rest, std::string& shown) {
  if (log.query == LogQuery::kFull) {
    shown.append(rest.substr(0, kMostShown));
    return;
  }
  if (log.query == LogQuery::kNone) return;
  while (!rest.empty() && shown.size() < kMostShown) {
    const char separator = rest.front();
    rest.remove_prefix(1);
    shown.push_back(separator);
    if (separator == '#') {
      shown.push_back(kHidden);
      return;
    }
    AppendParameter(log, CutBefore(rest, EndsParameter), shown);
  }
}

// The scheme of a URL that has one, with its slashes. What stands before the "@" of its authority is left out.
std::string_view CutScheme(std::string_view& rest) {
  const size_t slashes = rest.find("://");
  if (slashes == std::string_view::npos || slashes > rest.find_first_of("/?#")) return {};
  const std::string_view scheme = rest.substr(0, slashes + 3);
  rest.remove_prefix(scheme.size());
  return scheme;
}

void AppendAuthority(std::string_view authority, std::string& shown) {
  const size_t user = authority.rfind('@');
  if (user != std::string_view::npos) {
    shown.push_back(kHidden);
    authority.remove_prefix(user);
  }
  shown.append(authority.substr(0, kMostShown));
}

// `url` becomes what follows the authority: path, query and fragment. Returns whether there was a scheme.
bool AppendOrigin(std::string_view& url, std::string& shown) {
  if (url.starts_with('/')) return false;
  const std::string_view scheme = CutScheme(url);
  shown.append(scheme);
  AppendAuthority(CutBefore(url, EndsAuthority), shown);
  return !scheme.empty();
}

void AppendPath(std::string_view& rest, std::string& shown) {
  shown.append(CutBefore(rest, EndsPath).substr(0, kMostShown));
}

bool IsFraming(std::string_view name) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "Content-Length",       "Transfer-Encoding",       "Connection", "Upgrade", "Content-Type",
      "Sec-WebSocket-Accept", "Sec-WebSocket-Extensions"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [name](std::string_view one) { return EqualsIgnoreCase(name, one); });
}

void AppendFieldLine(std::string_view line, std::string& shown) {
  const size_t colon = line.find(':');
  const bool folded = line.starts_with(' ') || line.starts_with('\t');
  if (line.starts_with("HTTP/") || (colon != std::string_view::npos && IsFraming(line.substr(0, colon)))) {
    shown.append(line);
  } else if (folded) {
    shown.push_back(kHidden);
  } else if (colon == std::string_view::npos) {
    // Neither a status line nor a field: the beginning of one, or what should not be here.
    shown.append(line.substr(0, kMostOfScrap));
  } else {
    shown.append(line.substr(0, std::min(colon, kMostOfName))).append(": ").push_back(kHidden);
  }
}

}  // namespace

std::string ShownTarget(const Options::Log& log, std::string_view target, std::string_view route) {
  std::string shown;
  shown.reserve(std::min(target.size(), kMostShown));
  AppendOrigin(target, shown);
  AppendPath(target, shown);
  if (log.path == LogPath::kRoute) shown.assign(route.empty() ? std::string_view(&kHidden, 1) : route);
  AppendQuery(log, target, shown);
  shown.resize(std::min(shown.size(), kMostShown));
  return shown;
}

std::string ShownUrl(const Options::Log& log, std::string_view url) {
  std::string shown;
  shown.reserve(std::min(url.size(), kMostShown));
  const bool whole = AppendOrigin(url, shown);
  if (log.path == LogPath::kRoute) {
    if (!whole) shown.assign(1, kHidden);
  } else {
    AppendPath(url, shown);
    AppendQuery(log, url, shown);
  }
  shown.resize(std::min(shown.size(), kMostShown));
  return shown;
}

std::string WithoutUser(std::string_view url) {
  const size_t slashes = url.find("//");
  const size_t at = url.rfind('@');
  if (slashes == std::string_view::npos || at == std::string_view::npos || at < slashes) return std::string(url);
  return std::string(url.substr(0, slashes + 2)) + kHidden + std::string(url.substr(at));
}

std::string ShownFields(std::string_view head) {
  std::string shown;
  while (!head.empty() && shown.size() < kMostShown) {
    AppendFieldLine(CutBefore(head, EndsLine), shown);
    if (head.empty()) break;
    shown.push_back('\n');
    head.remove_prefix(1);
  }
  shown.resize(std::min(shown.size(), kMostShown));
  return shown;
}

}  // namespace sheaf
