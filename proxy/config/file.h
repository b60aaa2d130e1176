// A conf file taken apart into sections, keys and values with their places. Syntax only: what a key means, and whether
// there is one of that name, config.cc says. Start-up code; the only place that knows the TOML library is
// file.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sheaf {

// Counted from 1, as editors do. Line 0: no place in a file.
struct Position {
  uint32_t line = 0;
  uint32_t column = 0;
};

struct FileKey;

struct FileValue {
  enum class Type : uint8_t { kText, kNumber, kSwitch, kList, kTable, kOther };

  Type type = Type::kOther;
  std::string text;  // kText as it is, kNumber in decimal digits, kSwitch as true or false; else what it is ("a list")
  std::vector<FileValue> items;  // kList
  std::vector<FileKey> keys;     // kTable; in the order of their names
  Position position;
};

struct FileKey {
  std::string name;
  Position position;
  FileValue value;
};

// The keys at the top have a section of their own, without a name, which comes first.
struct FileSection {
  std::string name;
  bool in_list = false;  // written [[name]]
  Position position;
  std::vector<FileKey> keys;
};

struct FileProblem {
  Position position;
  std::string text;
  std::string excerpt = {};  // the line and a caret under the place, ready for a terminal; empty: not shown
};

struct ConfigFile {
  std::vector<FileSection> sections;
  std::vector<FileProblem> problems;  // of syntax: then there are no sections
};

ConfigFile ParseConfigFile(std::string_view text);

}  // namespace sheaf
