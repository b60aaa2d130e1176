#include "proxy/config/completions.h"

#include <string_view>
#include <vector>

#include "proxy/config/words.h"

namespace sheaf {
namespace {

// Each command with all its words; that of the program has no name.
std::vector<Command> AllCommands() {
  std::vector<Command> commands = {{"", "", ProgramWords()}};
  for (Command& command : AskingCommands()) {
    for (Word& word : CommonWords()) command.words.push_back(std::move(word));
    commands.push_back(std::move(command));
  }
  commands.push_back(DoctorCommand());
  return commands;
}

// ---- bash

constexpr std::string_view kBashHead = R"(# Completions of sheaf for bash. Written by sheaf --print-bash-completion.
_sheaf() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command="" i
  COMPREPLY=()
  # --option=value are three words here.
  if [[ $current == = ]]; then
    current=""
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
)";

// "connections:--state) offer "active ..." ;;": how a word's value is completed.
std::string BashValueOf(const Command& command, const Word& word, const std::string& name) {
  if (word.value.empty() || word.has_place) return {};
  const std::string any = command.name.empty() ? "*" : command.name;
  std::string offer;
  if (word.is_file()) {
    offer = "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$current\")";
  } else if (!word.values.empty()) {
    offer = "mapfile -t COMPREPLY < <(compgen -W '" + Spaced(word.values) + "' -- \"$current\")";
  } else if (name == "--set") {
    offer = "compopt -o nospace 2>/dev/null; mapfile -t COMPREPLY < <(compgen -S = -W '" + Spaced(OptionNames()) +
            "' -- \"$current\")";
  }
  return "    " + any + ":" + name + ") " + offer + (offer.empty() ? "" : "; ") + "return ;;\n";
}

// The words that may stand there; values of a place are among them.
std::string BashWordsOf(const Command& command) {
  std::string all;
  for (const Word& word : command.words) {
    const std::vector<std::string>& offered = word.has_place ? word.values : word.names;
    if (!offered.empty()) all.append(all.empty() ? "" : " ").append(Spaced(offered));
  }
  return all;
}

std::string NamesOf(const std::vector<Command>& commands, std::string_view between) {
  std::string names;
  for (const Command& command : commands) {
    if (!command.name.empty()) names.append(names.empty() ? "" : between).append(command.name);
  }
  return names;
}

// ---- zsh

// In single quotes, for _arguments, which takes colons and brackets for its own.
std::string ZshEscaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\'') {
      escaped += "'\\''";
      continue;
    }
    if (c == ':' || c == '[' || c == ']' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string ZshValueOf(const Word& word) {
  if (word.value.empty()) return {};
  std::string offer = " ";
  if (word.is_file()) offer = "_files";
  if (!word.values.empty()) offer = "(" + Spaced(word.values) + ")";
  if (word.names.back() == "--set") offer = "_sheaf_options";
  return ":" + ZshEscaped(word.value) + ":" + offer;
}

std::string ZshSpecOf(const Word& word) {
  if (word.has_place) return "':" + ZshEscaped(word.doc) + ":" + ZshValueOf(word).substr(word.value.size() + 2) + "'";
  const std::string tail = "[" + ZshEscaped(word.doc) + "]" + ZshValueOf(word) + "'";
  if (word.names.size() == 1) return (word.repeats ? "'*" : "'") + word.names.front() + tail;
  return "'(" + Spaced(word.names) + ")'{" + word.names[0] + "," + word.names[1] + "}'" + tail;
}

std::string ZshArgumentsOf(const std::vector<Word>& words, const std::string& indent) {
  std::string text;
  for (const Word& word : words) text += " \\\n" + indent + ZshSpecOf(word);
  return text;
}

}  // namespace

std::string BashCompletion() {
  const std::vector<Command> commands = AllCommands();
  std::string values;
  std::string words;
  std::string skipped;
  for (const Command& command : commands) {
    for (const Word& word : command.words) {
      for (const std::string& name : word.names) values += BashValueOf(command, word, name);
      if (!command.name.empty() || word.value.empty()) continue;
      for (const std::string& name : word.names) skipped.append(skipped.empty() ? "" : "|").append(name);
    }
    const std::string own = command.name.empty() ? NamesOf(commands, " ") + " " : "-c --config --set --help ";
    words += "    '" + command.name + "') words='" + own + BashWordsOf(command) + "' ;;\n";
  }
  return std::string(kBashHead) + "    case ${COMP_WORDS[i]} in\n      " + skipped + ") ((++i)) ;;\n      " +
         NamesOf(commands, "|") + ") command=${COMP_WORDS[i]}; break ;;\n    esac\n  done\n" +
         "  case $command:$before in\n" + values + "  esac\n  local words\n  case $command in\n" + words +
         "  esac\n  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n}\ncomplete -F _sheaf sheaf\n";
}

std::string ZshCompletion() {
  std::string text =
      "#compdef sheaf\n# Completions of sheaf for zsh. Written by sheaf --print-zsh-completion.\n\n"
      "_sheaf_options() {\n  compadd -S = -- " +
      Spaced(OptionNames()) + "\n}\n\n_sheaf_commands() {\n  local -a commands\n  commands=(\n";
  const std::vector<Command> commands = AllCommands();
  for (const Command& command : commands) {
    if (!command.name.empty()) text += "    '" + command.name + ":" + ZshEscaped(command.doc) + "'\n";
  }
  text +=
      "  )\n  _describe command commands\n}\n\n_sheaf() {\n  local context state state_descr line\n"
      "  typeset -A opt_args\n  _arguments -C" +
      ZshArgumentsOf(commands.front().words, "    ") +
      " \\\n    '1: :_sheaf_commands' \\\n    '*:: :->arguments'\n  [[ $state == arguments ]] || return\n"
      "  local -a program\n  program=(" +
      ZshArgumentsOf({commands.front().words[0], commands.front().words[1]}, "    ") +
      " \\\n    '(-h --help)'{-h,--help}'[its options]')\n  case $words[1] in\n";
  for (const Command& command : commands) {
    if (command.name.empty()) continue;
    text += "    " + command.name + ")\n      _arguments $program" + ZshArgumentsOf(command.words, "        ") +
            "\n      ;;\n";
  }
  return text + "  esac\n}\n\n_sheaf \"$@\"\n";
}

}  // namespace sheaf
