#include "proxy/wire/forwarded.h"

#include <algorithm>
#include <utility>

#include "proxy/wire/http1.h"
#include "proxy/wire/http1_syntax.h"

namespace sheaf::wire {
namespace {

// Reads elements off the front of a value.
class ForwardedReader {
 public:
  explicit ForwardedReader(std::string_view text) : rest_(text) {}

  bool Read(std::vector<std::string>& clients) {
    do {
      std::string client;
      bool empty = true;
      if (!ReadElement(client, empty)) return false;
      if (!empty) clients.push_back(std::move(client));
    } while (Take(','));
    return rest_.empty();
  }

 private:
  // Up to the comma behind it, or the end. Empty pairs and elements are allowed, as in every list.
  bool ReadElement(std::string& client, bool& empty) {
    bool has_for = false;
    do {
      SkipSpace();
      if (rest_.empty() || rest_.front() == ',' || rest_.front() == ';') continue;
      empty = false;
      std::string name;
      std::string value;
      if (!ReadPair(name, value)) return false;
      if (!EqualsIgnoreCase(name, "for")) continue;
      if (std::exchange(has_for, true)) return false;  // it cannot have come for two
      client = std::move(value);
    } while (Take(';'));
    return true;
  }

  bool ReadPair(std::string& name, std::string& value) {
    const size_t equals = rest_.find('=');
    if (equals == std::string_view::npos || !IsToken(rest_.substr(0, equals))) return false;
    name = rest_.substr(0, equals);
    rest_.remove_prefix(equals + 1);
    if (!(rest_.starts_with('"') ? ReadQuoted(value) : ReadPlain(value))) return false;
    SkipSpace();
    return true;
  }

  bool ReadPlain(std::string& value) {
    const size_t end = std::min(rest_.find_first_of(",; \t"), rest_.size());
    value = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return !value.empty() && value.find_first_of("\"\\") == std::string::npos;
  }

  bool ReadQuoted(std::string& value) {
    for (rest_.remove_prefix(1); !rest_.empty(); rest_.remove_prefix(1)) {
      if (rest_.front() == '"') {
        rest_.remove_prefix(1);
        return true;
      }
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) return false;
      value.push_back(rest_.front());
    }
    return false;
  }

  void SkipSpace() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size())); }

  bool Take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::vector<std::string>> ParseForwarded(std::string_view value) {
  std::vector<std::string> clients;
  if (!ForwardedReader(value).Read(clients)) return std::nullopt;
  return clients;
}

std::string_view NodeAddress(std::string_view node) {
  if (node.starts_with('[')) {
    const size_t end = node.find(']');
    return end == std::string_view::npos ? node : node.substr(1, end - 1);
  }
  const size_t colon = node.find(':');
  const bool has_port = colon != std::string_view::npos && node.find(':', colon + 1) == std::string_view::npos;
  return has_port ? node.substr(0, colon) : node;
}

std::string ForwardedValue(std::string_view text) {
  if (IsToken(text)) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted.append("\"");
}

}  // namespace sheaf::wire
