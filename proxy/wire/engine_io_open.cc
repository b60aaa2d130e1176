#include "proxy/wire/engine_io_open.h"

#include <algorithm>
#include <charconv>

#include "proxy/wire/http1_syntax.h"

namespace sheaf::wire {
namespace {

using Verdict = OpenScan::Verdict;

constexpr std::string_view kCall = "___eio[";
constexpr size_t kMostDigits = 10;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Takes things off the front of a text that may end anywhere.
class Reader {
 public:
  explicit Reader(std::string_view text) : left_(text) {}

  std::string_view left() const { return left_; }
  bool failed() const { return failed_; }
  bool Fail() {
    failed_ = true;
    return false;
  }

  // Of all that return false: what has to come next is something else (failed), or has not come.
  bool Take(std::string_view expected) {
    const std::string_view have = left_.substr(0, expected.size());
    if (!expected.starts_with(have)) return Fail();
    if (have.size() < expected.size()) return false;
    left_.remove_prefix(expected.size());
    return true;
  }
  bool TakeChar(char& c) {
    if (left_.empty()) return false;
    c = left_.front();
    left_.remove_prefix(1);
    return true;
  }
  // As many as there are of those that `is_digit` accepts, from one to kMostDigits, up to something else.
  template <typename Predicate>
  bool TakeDigits(Predicate is_digit) {
    for (size_t i = 0; i < left_.size(); ++i) {
      if (!is_digit(left_[i])) {
        left_.remove_prefix(i);
        return i > 0 || Fail();
      }
      if (i == kMostDigits) return Fail();
    }
    return false;
  }
  // White space of JSON, and whether something else follows.
  bool SkipSpace() {
    left_.remove_prefix(std::min(left_.find_first_not_of(" \t\r\n"), left_.size()));
    return !left_.empty();
  }
  // A JSON string; `inside` without its quotes and with its escapes.
  bool TakeString(std::string_view& inside) {
    if (!Take("\"")) return false;
    for (size_t i = 0; i < left_.size(); ++i) {
      if (left_[i] == '"') {
        inside = left_.substr(0, i);
        left_.remove_prefix(i + 1);
        return true;
      }
      if (static_cast<unsigned char>(left_[i]) < 0x20) return Fail();
      if (left_[i] == '\\') ++i;
    }
    return false;
  }
  // A number, true, false or null: up to what ends it.
  bool TakeWord(std::string_view& word) {
    const size_t end = left_.find_first_of(" \t\r\n,:\"[]{}");
    if (end == 0) return Fail();
    if (end == std::string_view::npos) return false;
    word = left_.substr(0, end);
    left_.remove_prefix(end);
    return true;
  }
  // An object or an array, by its brackets outside of strings.
  bool SkipNested() {
    size_t depth = 0;
    do {
      std::string_view ignored;
      char c = 0;
      if (left_.starts_with('"') ? !TakeString(ignored) : !TakeChar(c)) return false;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
    } while (depth > 0);
    return true;
  }

 private:
  std::string_view left_;
  bool failed_ = false;
};

void AppendUtf8(unsigned code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
    return;
  }
  if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | code >> 6));
  } else {
    out.push_back(static_cast<char>(0xE0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
  }
  out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
}

// What `\` and these characters of a JavaScript string stand for. JSON.stringify() writes surrogates as they are.
bool TakeEscape(Reader& script, std::string& out) {
  char c = 0;
  if (!script.TakeChar(c)) return false;
  if (c != 'u' && c != 'x') {
    static constexpr std::string_view kEscapes = "\"\\/'bfnrt";
    static constexpr std::string_view kMeant = "\"\\/'\b\f\n\r\t";
    const size_t at = kEscapes.find(c);
    if (at == std::string_view::npos) return script.Fail();
    out.push_back(kMeant[at]);
    return true;
  }
  unsigned code = 0;
  for (int left = c == 'u' ? 4 : 2; left > 0; --left) {
    if (!script.TakeChar(c)) return false;
    if (HexValue(c) < 0) return script.Fail();
    code = code * 16 + static_cast<unsigned>(HexValue(c));
  }
  if (code >= 0xD800 && code < 0xE000) return script.Fail();
  AppendUtf8(code, out);
  return true;
}

// The text in JSONP's call, as far as it has come and can be read. The index is what `j` had of digits.
std::string TextOfCall(Reader& script) {
  std::string text;
  if (!script.Take(kCall)) return text;
  if (!script.left().starts_with(']') && !script.TakeDigits(IsDigit)) return text;
  if (!script.Take("](\"")) return text;
  char c = 0;
  while (script.TakeChar(c) && c != '"') {
    if (c != '\\') {
      text.push_back(c);
    } else if (!TakeEscape(script, text)) {
      return text;
    }
  }
  if (c == '"') script.Fail();  // no more of it will come
  return text;
}

// Whether all before the object has been taken.
bool TakeHead(Reader& payload) {
  const std::string_view left = payload.left();
  if (left.starts_with('\0')) {
    payload.Take(std::string_view("\0", 1));
    if (!payload.TakeDigits([](char c) { return static_cast<unsigned char>(c) <= 9; }) || !payload.Take("\xFF"))
      return false;
  } else if (!left.starts_with('0') && (!payload.TakeDigits(IsDigit) || !payload.Take(":"))) {
    return false;
  }
  return payload.Take("0") && payload.Take("{");
}

void SetNumber(std::string_view word, double& value) {
  double number = 0;
  if (!IsDigit(word.front())) return;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error == std::errc() && end == word.data() + word.size()) value = number;
}

bool TakeValue(Reader& json, std::string_view name, OpenScan& scan) {
  const char first = json.left().front();
  if (first == '{' || first == '[') return json.SkipNested();
  std::string_view value;
  if (first == '"') {
    if (!json.TakeString(value)) return false;
    if (name == "sid") scan.sid = value.find('\\') == std::string_view::npos ? value : std::string_view();
    return true;
  }
  if (!json.TakeWord(value)) return false;
  if (name == "pingInterval") SetNumber(value, scan.ping_interval_ms);
  if (name == "pingTimeout") SetNumber(value, scan.ping_timeout_ms);
  return true;
}

// Behind the opening bracket: whether the object's end has been taken.
bool TakeMembers(Reader& json, OpenScan& scan) {
  char c = ',';
  while (c == ',') {
    std::string_view name;
    if (!json.SkipSpace() || !json.TakeString(name) || !json.SkipSpace() || !json.Take(":") || !json.SkipSpace() ||
        !TakeValue(json, name, scan) || !json.SkipSpace() || !json.TakeChar(c)) {
      return false;
    }
  }
  return c == '}' || json.Fail();
}

}  // namespace

OpenScan ScanOpenPacket(std::string_view body) {
  OpenScan scan;
  Reader script(body);
  std::string text;
  const bool is_call = body.starts_with('_');
  if (is_call) text = TextOfCall(script);
  Reader payload(is_call ? std::string_view(text) : body);
  if (TakeHead(payload) && TakeMembers(payload, scan)) {
    scan.verdict = Verdict::kComplete;
  } else if (payload.failed() || script.failed()) {
    scan.verdict = Verdict::kNone;
  }
  return scan;
}

}  // namespace sheaf::wire
