#include "proxy/http/field_twins.h"

#include <algorithm>
#include <string>
#include <tuple>

namespace sheaf {
namespace {

using wire::Field;

// Names that are set, believed or removed by their exact spelling; with a hyphen, for others have no twin.
constexpr std::string_view kOwnNames[] = {
    "content-length",   "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "sheaf-batch",    "x-real-ip",  "x-request-id",       "transfer-encoding"};
constexpr std::string_view kOwnPrefixes[] = {"sec-websocket-", "x-forwarded-"};

bool HasUnderscore(const Field& field) {
  return field.name.find('_') != std::string_view::npos;
}

char Fold(char c) {
  if (c == '_') return '-';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string Folded(std::string_view name) {
  std::string folded(name);
  std::transform(folded.begin(), folded.end(), folded.begin(), Fold);
  return folded;
}

bool IsOwn(std::string_view folded, std::string_view user_header) {
  return std::find(std::begin(kOwnNames), std::end(kOwnNames), folded) != std::end(kOwnNames) ||
         std::any_of(std::begin(kOwnPrefixes), std::end(kOwnPrefixes),
                     [folded](std::string_view prefix) { return folded.starts_with(prefix); }) ||
         wire::EqualsIgnoreCase(folded, user_header);
}

struct Spelling {
  std::string folded;
  size_t underscores;
  size_t index;  // in the request

  std::string_view NameIn(const std::vector<Field>& fields) const { return fields[index].name; }
};

std::vector<Spelling> SortedSpellings(const std::vector<Field>& fields) {
  std::vector<Spelling> spellings;
  spellings.reserve(fields.size());
  for (size_t i = 0; i < fields.size(); ++i) {
    const std::string_view name = fields[i].name;
    spellings.push_back({Folded(name), static_cast<size_t>(std::count(name.begin(), name.end(), '_')), i});
  }
  std::sort(spellings.begin(), spellings.end(), [](const Spelling& a, const Spelling& b) {
    return std::tie(a.folded, a.underscores, a.index) < std::tie(b.folded, b.underscores, b.index);
  });
  return spellings;
}

// Marks those of one folded name, [first, end), that must go: all but the spelling with the fewest underscores, and
// that one too if another has as few.
template <typename Iterator>
void MarkGroup(Iterator first, Iterator end, const std::vector<Field>& fields, std::string_view user_header,
               std::vector<bool>& gone) {
  const bool own = IsOwn(first->folded, user_header);
  const bool disputed = std::any_of(first, end, [&](const Spelling& one) {
    return one.underscores == first->underscores && !wire::EqualsIgnoreCase(one.NameIn(fields), first->NameIn(fields));
  });
  std::for_each(first, end, [&](const Spelling& one) {
    if (one.underscores > 0 && (own || disputed || one.underscores > first->underscores)) gone[one.index] = true;
  });
}

std::vector<bool> FindTwins(const std::vector<Field>& fields, std::string_view user_header) {
  std::vector<bool> gone(fields.size());
  const std::vector<Spelling> spellings = SortedSpellings(fields);
  for (auto first = spellings.begin(); first != spellings.end();) {
    const auto end = std::find_if(first, spellings.end(), [&](const Spelling& s) { return s.folded != first->folded; });
    MarkGroup(first, end, fields, user_header, gone);
    first = end;
  }
  return gone;
}

}  // namespace

size_t RemoveTwins(std::vector<Field>& fields, Underscores underscores, std::string_view user_header) {
  if (std::none_of(fields.begin(), fields.end(), HasUnderscore)) return 0;
  if (underscores == Underscores::kDrop) return std::erase_if(fields, HasUnderscore);
  const std::vector<bool> gone = FindTwins(fields, user_header);
  const size_t before = fields.size();
  size_t kept = 0;
  for (size_t i = 0; i < before; ++i) {
    if (!gone[i]) fields[kept++] = fields[i];
  }
  fields.resize(kept);
  return before - kept;
}

}  // namespace sheaf
