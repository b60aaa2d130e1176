// Fields that are kept beyond the read they came with: in one string, as the lines in which HTTP/1.1 writes them, since
// neither a checked name has a colon nor a checked value a line's end.
//
//   FieldLines fields("Host: a\r\nCookie: b=c\r\n");
//   fields.ForEach([](const Field& field) { ... });
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/wire/http1.h"

namespace sheaf::wire {

class FieldLines {
 public:
  FieldLines() = default;
  // `lines`: "name: value\r\n" for each.
  explicit FieldLines(std::string lines) : lines_(std::move(lines)) {}

  // Calls `visit(const Field&)` for each, in order. Views into this.
  template <typename Visitor>
  void ForEach(Visitor visit) const {
    for (std::string_view left = lines_; !left.empty();) {
      const std::string_view line = left.substr(0, left.find("\r\n"));
      const size_t colon = line.find(": ");
      visit(Field{line.substr(0, colon), line.substr(colon + 2)});
      left.remove_prefix(line.size() + 2);
    }
  }

  // The first of that name, or nullopt.
  std::optional<std::string_view> Find(std::string_view name) const;
  // The values of all of that name, joined by ", ".
  std::string Join(std::string_view name) const;

  // As they stand in a head.
  const std::string& text() const { return lines_; }

 private:
  std::string lines_;
};

}  // namespace sheaf::wire
