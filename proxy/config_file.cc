#include "proxy/config_file.h"

#include <toml++/toml.h>

#include <algorithm>

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

}  // namespace

ConfigFile ParseConfigFile(std::string_view text) {
  ConfigFile file;
  try {
    const toml::table root = toml::parse(text);
    file.sections.emplace_back();
    for (const auto& [key, node] : root) AddTop(key.str(), PositionOf(key.source()), node, file);
  } catch (const toml::parse_error& error) {
    file.problems.push_back({PositionOf(error.source()), std::string(error.description())});
  }
  return file;
}

}  // namespace sheaf
