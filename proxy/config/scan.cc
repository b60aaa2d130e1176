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
};

}  // namespace

std::vector<OpenPart> FindOpenParts(std::string_view text, Position place) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return Scanner(text, place).Scan();
}

}  // namespace sheaf
