#include "proxy/config/syntax.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "proxy/base/ascii.h"
#include "proxy/base/option_table.h"
#include "proxy/base/printable.h"
#include "proxy/config/excerpt.h"
#include "proxy/config/line.h"
#include "proxy/config/names.h"
#include "proxy/config/scan.h"

namespace sheaf {
namespace {

constexpr std::string_view kToml = ", and a conf file is TOML: [section] on a line of its own, under it key = value";
constexpr std::string_view kDigits = "0123456789";

std::string On(Position place) {
  return "on line " + std::to_string(place.line);
}

std::string Bracketed(std::string_view name) {
  return std::string("[").append(name).append("]");
}

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [word](std::string_view one) { return EqualsIgnoreCase(word, one); });
}

bool IsBareKey(std::string_view key) {
  if (key.starts_with('.') || key.ends_with('.')) return false;
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos;
}

// One file with one error. Every Explain... answers with what is wrong and the remedy, or with an empty string when it
// is something else; place_ may be moved to where the mistake begins.
class Explainer {
 public:
  Explainer(std::string_view text, const SyntaxError& error)
      : text_(text),
        error_(error),
        place_(error.position),
        line_text_(LineOf(text, place_.line)),
        line_(TakeApart(line_text_)),
        open_(FindOpenParts(text, place_)) {
    begin_ = open_.empty() ? Position{place_.line, 1} : open_.front().begin;
    secret_ = NamesSecret(LinesOf(text, begin_.line, place_.line));
    const auto before = static_cast<size_t>(line_text_.data() - text.data());
    section_ = SectionAtEnd(text.substr(0, before));
  }

  FileProblem Explain() {
    using Step = std::string (Explainer::*)();
    static constexpr std::array kSteps = {
        &Explainer::ExplainEncoding, &Explainer::ExplainRepetition, &Explainer::ExplainCharacter,
        &Explainer::ExplainOpenText, &Explainer::ExplainEscape,     &Explainer::ExplainHeader,
        &Explainer::ExplainOpenPart, &Explainer::ExplainForeign,    &Explainer::ExplainKey,
        &Explainer::ExplainEnd,      &Explainer::ExplainNumber,     &Explainer::ExplainBareValue};
    static_assert(std::is_same_v<const Step, const decltype(kSteps)::value_type>);
    std::string what;
    for (const Step step : kSteps) {
      what = (this->*step)();
      if (!what.empty()) break;
    }
    if (what.empty()) what = Fallback();
    return {place_, what, Excerpt(text_, begin_.line < place_.line ? begin_ : Position{place_.line, 1}, place_)};
  }

 private:
  // The character at the place, with those behind it.
  std::string_view Here() const {
    std::string_view rest = line_text_;
    for (uint32_t column = 1; column < place_.column && !rest.empty(); ++column) {
      rest.remove_prefix(1);
      while (!rest.empty() && (static_cast<unsigned char>(rest.front()) & 0xC0) == 0x80) rest.remove_prefix(1);
    }
    return rest;
  }

  std::string_view Value() const { return line_.value; }
  void MoveToValue() { place_.column = static_cast<uint32_t>(line_.value_column); }
  void MoveToLine() {
    place_.column = static_cast<uint32_t>(std::min(line_text_.find_first_not_of(" \t"), line_text_.size())) + 1;
  }

  const OptionRow* Row() const {
    const size_t dot = line_.key.find('.');
    if (section_.empty() && dot != std::string_view::npos) {
      return FindOption(line_.key.substr(0, dot), line_.key.substr(dot + 1));
    }
    return FindInherited(section_, line_.key);
  }

  // timeout = "50ms": how it is to be written. What is secret is left out, what quotes alone do not mend, and what is
  // longer than a line.
  std::string Quoted(std::string_view key, std::string_view value) const {
    const bool plain = !secret_ && value.size() <= 80 && value.find_first_of("\"\\'") == std::string_view::npos;
    return std::string(key) + " = " + (plain ? QuoteToml(Printable(value)) : "\"...\"");
  }
  std::string Written(std::string_view key, std::string_view value) const {
    const bool literal = IsNumber(value) || value == "true" || value == "false";
    return literal && !secret_ ? std::string(key) + " = " + std::string(value) : Quoted(key, value);
  }

  std::string ExplainEncoding() {
    if (error_.description.find("utf-8") == std::string_view::npos) return {};
    if (text_.starts_with("\xFF\xFE") || text_.starts_with("\xFE\xFF")) return "the file is UTF-16: save it as UTF-8";
    return "here is a byte that is not UTF-8: save the file as UTF-8";
  }

  std::string ExplainRepetition() {
    if (!error_.repeated) return {};
    const std::string where = error_.first ? ", " + On(*error_.first) : "";
    if (line_.text.starts_with("[")) {
      for (const std::string_view list : kListSections) {
        const std::string single = Bracketed(list);
        const std::string twice = Bracketed(single);
        if (line_.text != twice) continue;
        std::string what = "a ";
        what.append(list).append(" is written ").append(twice).append(", and ").append(single);
        return what.append(" is there already").append(where);
      }
      return Printable(line_.text) + " is there already" + where + ": write all its keys in one place";
    }
    const size_t quote = error_.description.find('\'');
    const std::string_view name = error_.description.substr(std::min(quote, error_.description.size()));
    const std::string key = name.size() > 2 ? QuoteToml(name.substr(1, name.find('\'', 1) - 1)) : "the key";
    return Printable(key) + " is there already" + where + ": keep one of them";
  }

  std::string ExplainCharacter() {
    const std::string_view here = Here();
    for (const std::string_view mark : {"\u201C", "\u201D", "\u201E", "\u2018", "\u2019", "\u201A", "\u00AB"}) {
      if (here.starts_with(mark)) return R"(these quotation marks are not TOML's: write " or ')";
    }
    for (const std::string_view blank : {"\u00A0", "\u2003", "\u2009", "\u202F", "\u3000"}) {
      if (here.starts_with(blank))
        return "this blank is none of TOML's, as happens when pages are copied: write a plain one";
    }
    const auto code = static_cast<unsigned char>(here.empty() ? '\t' : here.front());
    if (code >= 0x80) return "a character like this stands in a text in quotes, or in a comment, and nowhere else";
    if (code != '\t' && (code < 0x20 || code == 0x7F)) {
      return "here is a control character, " + Printable(here.substr(0, 1)) + ": remove it";
    }
    return {};
  }

  std::string ExplainOpenText() {
    if (open_.empty() || open_.back().kind != OpenPart::Kind::kText) return {};
    const bool over = Here().empty();
    if (!over) return {};
    place_ = open_.back().begin;
    begin_ = place_;
    return "the text that begins here is not closed: add " + std::string(open_.back().end) + " where it ends";
  }

  std::string ExplainEscape() {
    if (open_.empty() || open_.back().kind != OpenPart::Kind::kText) return {};
    return R"(in a text, \ begins an escape: write \\, or put the text in single quotes)";
  }

  std::string ExplainHeader() {
    if (!line_.text.starts_with('[') || (!open_.empty() && open_.front().kind != OpenPart::Kind::kHeader)) return {};
    const size_t begin = std::min(line_.text.find_first_not_of("[ \t"), line_.text.size());
    const size_t end = std::min(line_.text.find_first_of("] \t=", begin), line_.text.size());
    const std::string_view name = line_.text.substr(begin, end - begin);
    const size_t closed = line_.text.find(']');
    if (closed != std::string_view::npos && line_.text.find('=', closed) != std::string_view::npos) {
      return "a key stands below its section's name: begin a new line after the ]";
    }
    std::string what = "a section is written [name] on a line of its own";
    if (!IsBareKey(name)) return what;
    for (const std::string_view list : kListSections) {
      const bool plural = name.ends_with('s') && name.substr(0, name.size() - 1) == list;
      if (name == list || plural) return what + ": " + Bracketed(Bracketed(list));
    }
    return what + ": " + Bracketed(name);
  }

  std::string ExplainOpenPart() {
    if (open_.empty()) return {};
    const OpenPart& part = open_.back();
    if (part.kind == OpenPart::Kind::kTable) {
      if (Here().empty() || place_.line != part.begin.line) {
        return "what begins with { stands on one line: write all of it " + On(part.begin) + ", up to the }";
      }
      if (Here().starts_with('}')) return "there is no comma before }: remove it";
      if (Here().starts_with(':')) return "in braces, too, a key and its value have an = between them";
      return "between two keys in braces there is a comma: write one before this";
    }
    return "the list that begins " + On(part.begin) + ", column " + std::to_string(part.begin.column) +
           " is not closed, or a comma is missing: add ] or ,";
  }

  // Other languages, by what a line of theirs looks like.
  std::string ExplainForeign() {
    const std::string_view line = line_.text;
    if (line.starts_with("//") || line.starts_with(';') || line.starts_with("/*") || line.starts_with("-- ")) {
      return "a comment begins with #";
    }
    const bool value_is_plain = !line_.has_equals || !IsBareKey(line_.key);
    if (!value_is_plain) return {};
    MoveToLine();
    if (line.starts_with('<')) return "this looks like XML" + std::string(kToml);
    if (line.starts_with('{') || line.starts_with('"')) return "this looks like JSON" + std::string(kToml);
    if (line.starts_with("---") || line.starts_with("- ")) return "this looks like YAML" + std::string(kToml);
    if (line.ends_with(';') || line.ends_with('{') || line == "}") return "this looks like nginx" + std::string(kToml);
    const size_t colon = line.find(':');
    const bool yaml = colon != std::string_view::npos && IsBareKey(line.substr(0, colon)) &&
                      (colon + 1 == line.size() || line[colon + 1] == ' ');
    if (yaml) return "this looks like YAML" + std::string(kToml);
    place_ = error_.position;
    return {};
  }

  // A key that is none, or that has no value.
  std::string ExplainKey() {
    if (line_.has_equals) {
      if (line_.key.empty()) return "there is no key before the =: write KEY = VALUE";
      if (line_.key.ends_with(':')) return "between a key and its value there is one =, and nothing else";
      if (!IsBareKey(line_.key)) return "a key is one word of letters, digits, _ and -";
      if (Value().empty()) return std::string(line_.key) + " has no value: write one, or remove the line";
      if (Value().starts_with('=')) return "between a key and its value there is one =, and nothing else";
      return {};
    }
    const size_t end = line_.text.find_first_of(" \t");
    const std::string_view word = line_.text.substr(0, end);
    if (!IsBareKey(word)) return {};
    if (end == std::string_view::npos)
      return std::string(word) + " has no value: write " + std::string(word) + " = VALUE";
    return "between a key and its value there is an =: " + Written(word, TrimBlanks(line_.text.substr(end)));
  }

  // What stands behind a value.
  std::string ExplainEnd() {
    const std::string_view here = Here();
    if (here.starts_with("//") || Value().find(" //") != std::string_view::npos) return "a comment begins with #";
    if (here.starts_with(';') || Value().ends_with(';')) return "a line has no ; at its end: remove it";
    if (Value().ends_with(',')) return "a line has no , at its end: remove it";
    const bool after_text = Value().starts_with('"') || Value().starts_with('\'') || Value().starts_with('[');
    const bool another = Value().find('=') != std::string_view::npos;
    if (after_text || another) return "each key stands on a line of its own: begin a new line here";
    return {};
  }

  std::string ExplainNumber() {
    if (Value().empty()) return {};
    const OptionRow* row = Row();
    const bool is_count = row != nullptr && (row->unit == OptionUnit::kCount || row->unit == OptionUnit::kAutoCount ||
                                             row->unit == OptionUnit::kPerSecond);
    const bool of_digits = Value().find_first_not_of("0123456789_., '") == std::string_view::npos;
    if (kDigits.find(Value().front()) == std::string_view::npos) return {};
    if (!is_count && (row != nullptr || !of_digits)) return {};
    MoveToValue();
    if (IsNumber(Value()) && Value().front() == '0') return "a number does not begin with 0: remove the 0";
    if (IsNumber(Value())) return "this number is too large";
    return "a number is written in digits alone, without quotes, blanks, points, commas or a unit";
  }

  std::string ExplainBareValue() {
    if (Value().empty()) return {};
    MoveToValue();
    const OptionRow* row = Row();
    const bool is_switch = row != nullptr && row->unit == OptionUnit::kSwitch;
    const bool yes = IsOneOf(Value(), {"true", "yes", "on"});
    const bool no = IsOneOf(Value(), {"false", "no", "off"});
    if ((yes || no) && (is_switch || row == nullptr)) {
      return "a switch is true or false, in small letters: " + Written(line_.key, yes ? "true" : "false");
    }
    return "a text, and a time or a size with a unit, is written in quotes: " + Quoted(line_.key, Value());
  }

  // The parser's own words, without those that say where it was, and without anything secret.
  std::string Fallback() const {
    std::string_view description = error_.description;
    if (description.starts_with("Error while parsing ")) {
      description.remove_prefix(std::min(description.find(": "), description.size() - 2) + 2);
    }
    return secret_ ? "this is not TOML" : "this is not TOML: " + Printable(description);
  }

  const std::string_view text_;
  const SyntaxError& error_;
  Position place_;
  Position begin_;  // of the statement
  const std::string_view line_text_;
  const ConfigLine line_;
  const std::vector<OpenPart> open_;
  std::string section_;
  bool secret_ = false;
};

}  // namespace

FileProblem ExplainSyntax(std::string_view text, const SyntaxError& error) {
  return Explainer(text, error).Explain();
}

}  // namespace sheaf
