#include "proxy/wire/http1_target.h"

#include <algorithm>

#include "proxy/wire/http1_syntax.h"

namespace sheaf::wire {
namespace {

constexpr std::string_view kUpperHex = "0123456789ABCDEF";

bool IsUnreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// Escapes of unreserved characters decoded, the others with upper-case digits (RFC 3986 6.2.2.1 and 6.2.2.2).
std::optional<std::string> NormalizeEscapes(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out.push_back(path[i]);
      continue;
    }
    if (path.size() - i < 3) return std::nullopt;
    const int high = HexValue(path[i + 1]);
    const int low = HexValue(path[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    if (const auto decoded = static_cast<char>(high * 16 + low); IsUnreserved(decoded)) {
      out.push_back(decoded);
    } else {
      out.append({'%', kUpperHex[static_cast<size_t>(high)], kUpperHex[static_cast<size_t>(low)]});
    }
    i += 2;
  }
  return out;
}

// Takes the last segment off `path`, and with it the empty ones at its end: a backend that merges slashes and one that
// does not must see the same parent. Returns false at the root.
bool RemoveLastSegment(std::string& path) {
  while (path.ends_with('/')) path.pop_back();
  if (path.empty()) return false;
  path.resize(path.rfind('/'));
  return true;
}

// "." and ".." resolved (RFC 3986 5.2.4).
std::optional<std::string> ResolveDots(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  while (!path.empty()) {
    const size_t end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(1, end - 1);
    path.remove_prefix(end);
    if (segment == "..") {
      if (!RemoveLastSegment(out)) return std::nullopt;
    } else if (segment != ".") {
      out.append("/").append(segment);
      continue;
    }
    if (path.empty()) out.push_back('/');
  }
  return out;
}

// As the most lenient backend may read a normal path: every escape decoded, slashes merged, then dots resolved.
std::string Loosened(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '%' && path.size() - i >= 3) {
      c = static_cast<char>(HexValue(path[i + 1]) * 16 + HexValue(path[i + 2]));
      i += 2;
    }
    if (c != '/' || !out.ends_with('/')) out.push_back(c);
  }
  return out.find("/.") == std::string::npos ? out : ResolveDots(out).value_or(out);
}

}  // namespace

bool MayBeTakenFor(std::string_view path, std::string_view reserved) {
  return path == reserved || Loosened(path) == Loosened(reserved);
}

std::optional<std::string> NormalizeTarget(std::string_view origin_form) {
  if (origin_form == "*") return std::string(origin_form);
  const size_t query = std::min(origin_form.find('?'), origin_form.size());
  const std::string_view path = origin_form.substr(0, query);
  if (!path.starts_with('/')) return std::nullopt;

  auto normal = NormalizeEscapes(path);
  if (normal && normal->find("/.") != std::string::npos) normal = ResolveDots(*normal);
  if (normal) normal->append(origin_form.substr(query));
  return normal;
}

}  // namespace sheaf::wire
