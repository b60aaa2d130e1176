#include "proxy/config/line.h"

#include <algorithm>

namespace sheaf {
namespace {

// The first of `characters` that is not in quotes; the text's size when there is none.
size_t FindUnquoted(std::string_view text, std::string_view characters) {
  char quote = '\0';
  for (size_t i = 0; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (quote != '\0') {
      if (text[i] == quote) quote = '\0';
    } else if (characters.find(text[i]) != std::string_view::npos) {
      return i;
    } else if (text[i] == '"' || text[i] == '\'') {
      quote = text[i];
    }
  }
  return text.size();
}

}  // namespace

std::string_view TrimBlanks(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(" \t\r"), text.size());
  const size_t end = text.find_last_not_of(" \t\r") + 1;
  return text.substr(begin, end > begin ? end - begin : 0);
}

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

ConfigLine TakeApart(std::string_view line) {
  ConfigLine parts;
  const std::string_view code = line.substr(0, FindUnquoted(line, "#"));
  parts.text = TrimBlanks(code);
  const size_t equals = FindUnquoted(code, "=");
  parts.key = TrimBlanks(code.substr(0, equals));
  if (equals == code.size()) return parts;
  parts.has_equals = true;
  parts.value = TrimBlanks(code.substr(equals + 1));
  const auto before = static_cast<size_t>(parts.value.data() - line.data());
  parts.value_column = CountCharacters(line.substr(0, parts.value.empty() ? equals + 1 : before)) + 1;
  return parts;
}

std::string SectionAtEnd(std::string_view beginning) {
  if (beginning.starts_with("\xEF\xBB\xBF")) beginning.remove_prefix(3);
  while (!beginning.empty()) {
    if (beginning.ends_with('\n')) beginning.remove_suffix(1);
    const size_t before = beginning.rfind('\n');
    const std::string_view line = TakeApart(beginning.substr(before + 1)).text;
    const size_t name = line.find_first_not_of('[');
    const size_t end = line.find(']');
    if (line.starts_with('[') && end != std::string_view::npos && name < end) {
      return std::string(TrimBlanks(line.substr(name, end - name)));
    }
    beginning = before == std::string_view::npos ? std::string_view() : beginning.substr(0, before);
  }
  return {};
}

}  // namespace sheaf
