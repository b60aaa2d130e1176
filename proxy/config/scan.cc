#include "proxy/config/scan.h"

#include <array>
#include <cstddef>

namespace sheaf {
namespace {

using Kind = OpenPart::Kind;

constexpr std::array<std::string_view, 4> kQuotes = {"\"\"\"", "'''", "\"", "'"};

class Scanner {
 public:
  Scanner(std::string_view rest, Position place) : rest_(rest), place_(place) {}

  std::vector<OpenPart> Scan() {
    while (!rest_.empty() && IsBefore()) Step();
    return std::move(open_);
  }

  // Of lead bytes of characters beyond ASCII, how many bytes from the end they stand.
  std::vector<size_t> FindForeign() {
    while (!rest_.empty()) {
      const size_t left = rest_.size();
      const bool foreign = !InText() && (static_cast<unsigned char>(rest_.front()) & 0xC0) == 0xC0;
      Step();
      if (foreign) foreign_.push_back(left);
    }
    return std::move(foreign_);
  }

 private:
  bool IsBefore() const { return at_.line < place_.line || (at_.line == place_.line && at_.column < place_.column); }

  bool InText() const { return !open_.empty() && open_.back().kind == Kind::kText; }

  // Columns count characters, not bytes.
  void Skip(size_t bytes) {
    for (const char c : rest_.substr(0, bytes)) {
      if (c == '\n') {
        at_ = {at_.line + 1, 1};
        statement_begins_ = open_.empty();
      } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
        ++at_.column;
      }
    }
    rest_.remove_prefix(bytes);
  }

  void Step() {
    if (InText()) return StepInText();
    for (const std::string_view quote : kQuotes) {
      if (!rest_.starts_with(quote)) continue;
      open_.push_back({Kind::kText, quote, at_});
      return Skip(quote.size());
    }
    const char c = rest_.front();
    if (c == '#') return Skip(std::min(rest_.find('\n'), rest_.size()));
    if (c == '[') open_.push_back({statement_begins_ ? Kind::kHeader : Kind::kList, "]", at_});
    if (c == '{') open_.push_back({Kind::kTable, "}", at_});
    if (!open_.empty() && rest_.starts_with(open_.back().end)) open_.pop_back();
    if (c != ' ' && c != '\t') statement_begins_ = statement_begins_ && c == '[';
    Skip(1);
  }

  void StepInText() {
    const std::string_view end = open_.back().end;
    if (rest_.front() == '\\' && end.front() == '"') return Skip(std::min<size_t>(2, rest_.size()));
    if (!rest_.starts_with(end)) return Skip(1);
    Skip(end.size());
    open_.pop_back();
  }

  std::string_view rest_;
  const Position place_;
  Position at_{1, 1};
  bool statement_begins_ = true;  // nothing but blanks and brackets on the line, and nothing open before it
  std::vector<OpenPart> open_;
  std::vector<size_t> foreign_;
};

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Of the character that begins `text`; 0: it is broken, and the parser says so.
size_t SizeOfCharacter(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const size_t size = lead >= 0xF0 ? 4 : (lead >= 0xE0 ? 3 : 2);
  if (text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  }
  return size;
}

}  // namespace

std::vector<OpenPart> FindOpenParts(std::string_view text, Position place) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return Scanner(text, place).Scan();
}

std::string WithoutForeignCharacters(std::string_view text) {
  std::string clean;
  size_t copied = 0;
  if (text.starts_with(kByteOrderMark)) copied = kByteOrderMark.size();
  clean.append(text.substr(0, copied));
  for (const size_t left : Scanner(text.substr(copied), {}).FindForeign()) {
    const size_t at = text.size() - left;
    const size_t size = SizeOfCharacter(text.substr(at));
    if (size == 0) continue;
    clean.append(text.substr(copied, at - copied)).append("?");
    copied = at + size;
  }
  return clean.append(text.substr(copied));
}

}  // namespace sheaf
