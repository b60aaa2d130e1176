#include "proxy/config/words.h"

#include "proxy/base/option_table.h"
#include "proxy/cli/commands.h"
#include "proxy/config/actions.h"

namespace sheaf {
namespace {

// "-c,--config"
std::vector<std::string> NamesOf(std::string_view flags) {
  const size_t comma = flags.find(',');
  if (comma == std::string_view::npos) return {std::string(flags)};
  return {std::string(flags.substr(0, comma)), std::string(flags.substr(comma + 1))};
}

Word WordOf(const ProgramOption& row) {
  return {.names = NamesOf(row.flags), .value = std::string(row.value), .doc = std::string(row.doc), .values = {}};
}

Word WordOf(const cli::ArgumentRow& row) {
  return {.names = {std::string(row.name)},
          .value = std::string(row.value),
          .doc = std::string(row.doc),
          .values = {row.words.begin(), row.words.end()},
          .has_place = row.has_place(),
          .must = row.group == cli::Group::kMust};
}

Word WordOf(const DoctorOption& row) {
  return {.names = {std::string(row.name)},
          .value = std::string(row.value),
          .doc = std::string(row.doc),
          .values = {},
          .repeats = row.slot == nullptr};
}

template <typename Rows>
std::vector<Word> WordsOf(const Rows& rows) {
  std::vector<Word> words;
  for (const auto& row : rows) words.push_back(WordOf(row));
  return words;
}

}  // namespace

std::vector<Word> ProgramWords() {
  std::vector<Word> words = WordsOf(kProgramOptions);
  words.back().repeats = true;
  for (const ActionRow& row : kActionRows) words.push_back(WordOf(ProgramOption{row.flags, "", row.doc}));
  words.push_back(WordOf(kVersionFlag));
  words.push_back(WordOf(kHelpFlag));
  return words;
}

std::vector<Word> CommonWords() {
  return WordsOf(cli::CommonArguments());
}

std::vector<Command> AskingCommands() {
  std::vector<Command> commands;
  for (const cli::CommandRow& row : cli::Commands()) {
    commands.push_back({std::string(row.name), std::string(row.doc), WordsOf(row.arguments)});
  }
  return commands;
}

Command DoctorCommand() {
  return {std::string(kDoctorCommand), std::string(kDoctorDoc), WordsOf(kDoctorOptions)};
}

std::vector<std::string> OptionNames() {
  std::vector<std::string> names;
  for (const OptionRow& row : OptionRows()) names.push_back(row.FullName());
  return names;
}

std::string Spaced(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : " ").append(word);
  return text;
}

}  // namespace sheaf
