#include "proxy/wire/field_lines.h"

namespace sheaf::wire {

std::optional<std::string_view> FieldLines::Find(std::string_view name) const {
  std::optional<std::string_view> found;
  ForEach([&](const Field& field) {
    if (!found && EqualsIgnoreCase(field.name, name)) found = field.value;
  });
  return found;
}

std::string FieldLines::Join(std::string_view name) const {
  std::string all;
  ForEach([&](const Field& field) {
    if (!EqualsIgnoreCase(field.name, name)) return;
    if (!all.empty()) all.append(", ");
    all.append(field.value);
  });
  return all;
}

}  // namespace sheaf::wire
