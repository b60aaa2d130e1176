// All words that the command line takes, from the tables of actions.h and proxy/cli/commands.h, in one form for those
// who write them down: the manual page and the completions. Start-up code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sheaf {

struct Word {
  std::vector<std::string> names;   // "-c", "--config"; of what is given by its place, its name in a manual
  std::string value;                // what stands for its value; empty: a flag
  std::string doc;                  // without a point
  std::vector<std::string> values;  // there are no others; empty: there are
  bool has_place = false;           // given by its place, without its name
  bool must = false;
  bool repeats = false;

  // Where a completion offers the names of files.
  bool is_file() const { return value == "FILE"; }
};

struct Command {
  std::string name;
  std::string doc;  // without a point
  std::vector<Word> words;
};

std::vector<Word> ProgramWords();  // options and actions, which stand before any command, too
std::vector<Word> CommonWords();   // of the commands that ask a running Sheaf, besides their own
std::vector<Command> AskingCommands();
Command DoctorCommand();

// What --set takes: "admin.address", ...
std::vector<std::string> OptionNames();

// "a b c"
std::string Spaced(const std::vector<std::string>& words);

}  // namespace sheaf
