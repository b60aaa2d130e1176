#include "proxy/config/excerpt.h"

#include <algorithm>
#include <vector>

#include "proxy/base/ascii.h"
#include "proxy/base/option_table.h"
#include "proxy/base/printable.h"

namespace sheaf {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kHidden = "<redacted>";
constexpr std::string_view kIndent = "    ";
// So many characters of a line are shown, half of them before the caret.
constexpr size_t kMostShown = 72;

// One element a character of `line`; a tab is a blank, so that the caret stands right.
std::vector<std::string> ShowEach(std::string_view line) {
  std::string text(line);
  std::replace(text.begin(), text.end(), '\t', ' ');
  return PrintableEach(text);
}

// The end of the last secret's name in `text`; npos: there is none.
size_t EndOfSecretName(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return ToLower(c); });
  std::vector<std::string_view> names = {"secret", "passw", "credential", "authorization", "api_key", "apikey"};
  for (const OptionRow& row : OptionRows()) {
    if (row.secret) names.push_back(row.name);
  }
  size_t end = std::string::npos;
  for (const std::string_view name : names) {
    // The first: all that follows is hidden.
    if (const size_t at = lower.find(name); at != std::string::npos) end = std::min(end, at + name.size());
  }
  return end;
}

std::string WithCaret(const std::string& line, size_t blanks) {
  return std::string(kIndent) + line + "\n" + std::string(kIndent) + std::string(blanks, ' ') + "^";
}

std::string RedactedExcerpt(std::string_view line) {
  const size_t end = EndOfSecretName(line);
  std::string shown;
  if (end != std::string_view::npos) {
    for (const std::string& one : ShowEach(line.substr(0, end))) shown += one;
    shown += " ";
  }
  // A name this long is none.
  if (shown.size() > kMostShown) shown.clear();
  const size_t blanks = shown.size();
  return WithCaret(shown + std::string(kHidden), blanks);
}

}  // namespace

std::string_view LinesOf(std::string_view text, uint32_t first, uint32_t last) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  size_t begin = 0;
  for (uint32_t line = 1; line < first && begin != std::string_view::npos; ++line) {
    begin = text.find('\n', begin);
    if (begin != std::string_view::npos) ++begin;
  }
  if (begin == std::string_view::npos) return text.substr(text.size());
  size_t end = text.find('\n', begin);
  for (uint32_t line = first; line < last && end != std::string_view::npos; ++line) end = text.find('\n', end + 1);
  std::string_view lines = text.substr(begin, end == std::string_view::npos ? end : end - begin);
  if (lines.ends_with('\r')) lines.remove_suffix(1);
  return lines;
}

std::string_view LineOf(std::string_view text, uint32_t number) {
  return LinesOf(text, number, number);
}

bool NamesSecret(std::string_view lines) {
  return EndOfSecretName(lines) != std::string_view::npos;
}

std::string Excerpt(std::string_view text, Position begin, Position place) {
  const std::string_view line = LineOf(text, place.line);
  if (NamesSecret(LinesOf(text, begin.line, place.line))) return RedactedExcerpt(line);
  const std::vector<std::string> shown = ShowEach(line);
  const size_t caret = std::min<size_t>(place.column == 0 ? 0 : place.column - 1, shown.size());
  size_t first = 0;
  size_t last = shown.size();
  if (shown.size() > kMostShown) {
    first = caret > kMostShown / 2 ? std::min(caret - kMostShown / 2, shown.size() - kMostShown) : 0;
    last = first + kMostShown;
  }
  std::string part = first > 0 ? "..." : "";
  size_t blanks = part.size();
  for (size_t i = first; i < last; ++i) {
    if (i < caret) blanks += WidthOf(shown[i]);
    part += shown[i];
  }
  if (last < shown.size()) part += "...";
  return WithCaret(part, blanks);
}

}  // namespace sheaf
