#include "proxy/wire/connection_options.h"

#include <algorithm>

#include "proxy/wire/http1_syntax.h"

namespace sheaf::wire {
namespace {

// An order of names in which those that differ in case alone are equal. Not the alphabet's: the length counts first.
int Compare(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    if (const int difference = ToLower(a[i]) - ToLower(b[i]); difference != 0) return difference;
  }
  return 0;
}

// What most heads say, and what names no field that would be passed on in any case.
bool IsUsual(std::string_view option) {
  return option.empty() || EqualsIgnoreCase(option, "keep-alive") || EqualsIgnoreCase(option, "close") ||
         EqualsIgnoreCase(option, "upgrade");
}

}  // namespace

ConnectionOptions::ConnectionOptions(const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    if (!EqualsIgnoreCase(field.name, "Connection")) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const std::string_view option = TakeListMember(rest);
      if (IsUsual(option)) continue;
      if (names_.empty()) NameAll(fields);
      if (const size_t place = Find(option); place < names_.size()) names_[place].listed = true;
    }
  }
}

void ConnectionOptions::NameAll(const std::vector<Field>& fields) {
  for (const Field& field : fields) names_.push_back({.name = field.name});
  std::sort(names_.begin(), names_.end(), [](const Named& a, const Named& b) { return Compare(a.name, b.name) < 0; });
  const auto end = std::unique(names_.begin(), names_.end(),
                               [](const Named& a, const Named& b) { return Compare(a.name, b.name) == 0; });
  names_.erase(end, names_.end());
}

// names_.size() where no field has that name.
size_t ConnectionOptions::Find(std::string_view name) const {
  const auto found = std::lower_bound(names_.begin(), names_.end(), name, [](const Named& named, std::string_view one) {
    return Compare(named.name, one) < 0;
  });
  const bool there = found != names_.end() && Compare(found->name, name) == 0;
  return there ? static_cast<size_t>(found - names_.begin()) : names_.size();
}

bool ConnectionOptions::List(std::string_view name) const {
  const size_t place = Find(name);
  return place < names_.size() && names_[place].listed;
}

}  // namespace sheaf::wire
