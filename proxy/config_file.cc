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

FileValue ListOf(const toml::array& array) {
  FileValue value;
  value.type = FileValue::Type::kList;
  value.text = "a list";
  for (const toml::node& node : array) {
    if (const auto* text = node.as_string()) {
      value.items.push_back({text->get(), PositionOf(node.source())});
    } else {
      value.only_texts = false;
    }
  }
  return value;
}

FileValue ValueOf(const toml::node& node) {
  FileValue value;
  if (const auto* array = node.as_array()) {
    value = ListOf(*array);
  } else if (const auto* text = node.as_string()) {
    value.type = FileValue::Type::kText;
    value.text = text->get();
  } else if (const auto* number = node.as_integer()) {
    value.type = FileValue::Type::kNumber;
    value.text = std::to_string(number->get());
  } else if (const auto* truth = node.as_boolean()) {
    value.type = FileValue::Type::kSwitch;
    value.text = truth->get() ? "true" : "false";
  } else {
    value.text = NameOfType(node);
  }
  value.position = PositionOf(node.source());
  return value;
}

FileSection SectionOf(std::string_view name, const toml::table& table, bool in_list) {
  FileSection section{std::string(name), in_list, PositionOf(table.source()), {}};
  for (const auto& [key, node] : table) {
    section.keys.push_back({std::string(key.str()), PositionOf(key.source()), ValueOf(node)});
  }
  return section;
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
