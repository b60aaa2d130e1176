// The commands of the command line that ask a running Sheaf, a row each. Parsing (config/command_line.h), requests
// (request.h), the manual page and the completions all come from the rows, so a new command is one row, its printer
// where none of those there will do, and a test.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/cli/json_reader.h"

namespace sheaf::cli {

// What becomes of an argument's value in the request.
enum class Form : uint8_t {
  kText,    // a text
  kNumber,  // a number
  kShare,   // "25%" or "0.25": the number 0.25
  kTrue,    // a flag: true
  kJson,    // JSON, which stands as it is
  kInput,   // a text; "-": what standard input has
  kFile,    // what the file has, in base64; "-": standard input
  kInPath,  // it stands behind the path: /connections/<id>
  kPost,    // a flag: POST in the place of GET
  kOwn,     // nothing: it is for the command itself
};

// Of the arguments of one group, but for kOption, one is given.
enum class Group : uint8_t { kOption, kMust, kWhom, kWhat };

struct ArgumentRow {
  std::string_view name;   // "--user"; without the dashes it is given by its place
  std::string_view value;  // what stands for its value in a manual: "USER"; empty: a flag
  std::string_view key;    // in the query of a GET, or the body of a POST
  Form form = Form::kText;
  Group group = Group::kOption;
  std::string_view doc;
  std::span<const std::string_view> words = {};  // there are no other values; empty: there are

  bool is_flag() const { return value.empty(); }
  bool has_place() const { return !name.starts_with('-'); }
};

struct CommandRow {
  std::string_view name;
  std::string_view method;
  std::string_view path;  // empty: it asks for more than one document (top.h)
  std::span<const ArgumentRow> arguments;
  std::string (*print)(const Json& answer);  // the answer for people, with line ends
  std::string_view doc;
  bool whom_may_miss = false;  // nobody named: all
  std::chrono::seconds patience{10};
};

std::span<const CommandRow> Commands();

// Those that every command has, besides -c and --set.
std::span<const ArgumentRow> CommonArguments();

inline constexpr std::string_view kJsonFlag = "--json";
inline constexpr std::string_view kAdminOption = "--admin";
inline constexpr std::string_view kTokenFileOption = "--token-file";
inline constexpr std::string_view kIntervalOption = "--interval";
inline constexpr std::string_view kOnceFlag = "--once";
inline constexpr std::string_view kSortOption = "--sort";

// A command as it was given.
struct Asking {
  struct Given {
    const ArgumentRow* argument;
    std::string value;  // empty: of a flag
  };

  const CommandRow* command = nullptr;
  std::vector<Given> given;

  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  // Empty: it was not given.
  std::string Value(std::string_view name) const { return Has(name) ? Find(name)->value : std::string(); }

 private:
  const Given* Find(std::string_view name) const {
    for (const Given& one : given) {
      if (one.argument->name == name) return &one;
    }
    return nullptr;
  }
};

}  // namespace sheaf::cli
