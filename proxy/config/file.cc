#include "proxy/config/file.h"

#include <toml++/toml.h>

#include <optional>
#include <string>

#include "proxy/config/excerpt.h"
#include "proxy/config/line.h"
#include "proxy/config/scan.h"
#include "proxy/config/syntax.h"

namespace sheaf {
namespace {

Position PositionOf(const toml::source_region& source) {
  return {source.begin.line, source.begin.column};
}

std::string_view NameOfType(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a section";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a number";
    case toml::node_type::floating_point:
      return "a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or a time of day";
  }
}

FileValue ValueOf(const toml::node& node);

std::vector<FileKey> KeysOf(const toml::table& table) {
  std::vector<FileKey> keys;
  for (const auto& [key, node] : table) {
    keys.push_back({std::string(key.str()), PositionOf(key.source()), ValueOf(node)});
  }
  return keys;
}

FileValue ValueOf(const toml::node& node) {
  FileValue value;
  value.text = NameOfType(node);
  value.position = PositionOf(node.source());
  if (const auto* array = node.as_array()) {
    value.type = FileValue::Type::kList;
    for (const toml::node& item : *array) value.items.push_back(ValueOf(item));
  } else if (const auto* table = node.as_table()) {
    value.type = FileValue::Type::kTable;
    value.keys = KeysOf(*table);
  } else if (const auto* text = node.as_string()) {
    value.type = FileValue::Type::kText;
    value.text = text->get();
  } else if (const auto* number = node.as_integer()) {
    value.type = FileValue::Type::kNumber;
    value.text = std::to_string(number->get());
  } else if (const auto* truth = node.as_boolean()) {
    value.type = FileValue::Type::kSwitch;
    value.text = truth->get() ? "true" : "false";
  }
  return value;
}

FileSection SectionOf(std::string_view name, const toml::table& table, bool in_list) {
  return {std::string(name), in_list, PositionOf(table.source()), KeysOf(table)};
}

void AddTop(std::string_view name, Position position, const toml::node& node, ConfigFile& file) {
  if (const toml::table* table = node.as_table()) {
    file.sections.push_back(SectionOf(name, *table, false));
    file.sections.back().position = position;
  } else if (const toml::array* array = node.as_array(); array != nullptr && array->is_array_of_tables()) {
    for (const toml::node& item : *array) file.sections.push_back(SectionOf(name, *item.as_table(), true));
  } else {
    file.sections.front().keys.push_back({std::string(name), position, ValueOf(node)});
  }
}

std::optional<toml::table> TryParse(std::string_view text) {
  try {
    return toml::parse(WithoutForeignCharacters(text));
  } catch (const toml::parse_error&) {
    return std::nullopt;
  }
}

// What a key or a section must be followed through: of a list of tables, as what comes next belongs to, the last.
const toml::table* TableOf(const toml::node& node) {
  const toml::array* array = node.as_array();
  if (array == nullptr || array->empty()) return node.as_table();
  return array->back().as_table();
}

// Where `whole` has the only key of `repeated`, or what is in its way. nullopt: nowhere.
std::optional<Position> PlaceOf(const toml::table& whole, const toml::table& repeated) {
  const toml::table* of_whole = &whole;
  const toml::table* of_repeated = &repeated;
  std::optional<Position> place;
  while (of_whole != nullptr && of_repeated != nullptr && !of_repeated->empty()) {
    const auto [key, node] = *of_repeated->cbegin();
    const auto found = of_whole->find(key.str());
    if (found == of_whole->cend()) return std::nullopt;
    place = PositionOf(found->first.source());
    of_whole = TableOf(found->second);
    of_repeated = TableOf(node);
  }
  return place;
}

// The last section's name, in its brackets, in a file that ends with `text`.
std::string LastHeader(std::string_view text, uint32_t line) {
  for (; line >= 1; --line) {
    std::string header(LineOf(text, line));
    if (header.find_first_not_of(" \t") == header.find('[') && TryParse(header + "\n")) return header;
  }
  return {};
}

// Where that stands already what line `number` repeats: what is before the line is parsed by itself, and then looked
// through. nullopt, too, within a list or a table of many lines.
std::optional<Position> FindFirst(std::string_view text, uint32_t number) {
  const std::string_view line = LineOf(text, number);
  const std::string_view before = text.substr(0, static_cast<size_t>(line.data() - text.data()));
  const ConfigLine parts = TakeApart(line);
  const bool is_header = parts.text.starts_with('[');
  // Whatever the value is, it may go on below.
  const std::string repeated =
      is_header ? std::string(parts.text) : LastHeader(before, number - 1) + "\n" + std::string(parts.key) + " = 0";
  const std::optional<toml::table> whole = TryParse(before);
  const std::optional<toml::table> alone = TryParse(repeated + "\n");
  if (!whole || !alone) return std::nullopt;
  return PlaceOf(*whole, *alone);
}

FileProblem Explain(std::string_view text, const toml::parse_error& error) {
  SyntaxError syntax{.position = PositionOf(error.source()), .description = error.description()};
  syntax.repeated = syntax.description.find("cannot redefine existing") != std::string_view::npos;
  if (syntax.repeated) syntax.first = FindFirst(text, syntax.position.line);
  return ExplainSyntax(text, syntax);
}

}  // namespace

ConfigFile ParseConfigFile(std::string_view text) {
  ConfigFile file;
  try {
    const toml::table root = toml::parse(WithoutForeignCharacters(text));
    file.sections.emplace_back();
    for (const auto& [key, node] : root) AddTop(key.str(), PositionOf(key.source()), node, file);
  } catch (const toml::parse_error& error) {
    file.problems.push_back(Explain(text, error));
  }
  return file;
}

}  // namespace sheaf
