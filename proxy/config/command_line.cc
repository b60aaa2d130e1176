#include "proxy/config/command_line.h"

#include <CLI/CLI.hpp>
#include <string_view>
#include <utility>

#include "proxy/config/subcommands.h"

namespace sheaf {
namespace {

void AppendFlag(const ProgramOption& row, std::string& text) {
  constexpr size_t kColumn = 28;
  const size_t begin = text.size();
  text.append("  ").append(row.flags).append(row.value.empty() ? "" : " ").append(row.value);
  if (const size_t comma = text.find(',', begin); comma != std::string::npos) text.insert(comma + 1, " ");
  text.append(begin + kColumn - text.size(), ' ').append(row.doc).append("\n");
}

// In lines of the help's width.
std::string CommandNames() {
  constexpr size_t kWidth = 80;
  std::string text;
  std::string line = "   ";
  for (const cli::CommandRow& row : cli::Commands()) {
    if (line.size() + 1 + row.name.size() > kWidth) text.append(std::exchange(line, "   ")).append("\n");
    line.append(" ").append(row.name);
  }
  return text.append(line).append("\n");
}

// By hand, since it is to fit a screen of 24 lines and 80 columns.
std::string Help() {
  std::string text =
      "Sheaf, a WebSocket reverse proxy and sidecar\n\n"
      "  sheaf [-c FILE] [--set SECTION.KEY=VALUE]... [ACTION]\n"
      "  sheaf doctor [OPTION]...  compare the backend with and without Sheaf (--help)\n"
      "  sheaf COMMAND [OPTION]... ask a running Sheaf (--help); the commands are\n" +
      CommandNames() + "\n";
  for (const ProgramOption& row : kProgramOptions) AppendFlag(row, text);
  text.append("\nActions, instead of serving:\n");
  for (const ActionRow& row : kActionRows) {
    if (!row.for_builders) AppendFlag({row.flags, "", row.doc}, text);
  }
  AppendFlag(kVersionFlag, text);
  AppendFlag(kHelpFlag, text);
  return text +
         "\nA value is taken from --set, else from the environment (SHEAF_SECTION_KEY),\n"
         "else from the file, else it is the default.\n"
         "\nSIGHUP has a running Sheaf read the file again; SIGTERM drains it.\n";
}

// What a trial of the same configuration is started with.
std::vector<std::string> ConfigurationArguments(const CommandLine& line) {
  std::vector<std::string> arguments;
  if (!line.config_file.empty()) arguments = {"-c", line.config_file};
  for (const std::string& setting : line.settings) arguments.insert(arguments.end(), {"--set", setting});
  return arguments;
}

}  // namespace

CommandLine ParseCommandLine(int argc, const char* const* argv, const std::string& version) {
  CommandLine line;
  CLI::App app("Sheaf, a WebSocket reverse proxy and sidecar", "sheaf");
  app.set_version_flag(std::string(kVersionFlag.flags), "sheaf " + version);
  app.add_option(std::string(kProgramOptions[0].flags), line.config_file);
  app.add_option(std::string(kProgramOptions[1].flags), line.settings)->type_size(1)->allow_extra_args(false);
  // Of the actions, at most one.
  CLI::Option_group* actions = app.add_option_group("actions");
  for (const ActionRow& row : kActionRows) {
    actions->add_flag_callback(std::string(row.flags), [&line, &row] { line.action = row.action; });
  }
  actions->require_option(0, 1);
  AddDoctor(app, line);
  AddCommands(app, line);
  try {
    app.parse(argc, argv);
    line.doctor.arguments = ConfigurationArguments(line);
  } catch (const CLI::CallForHelp&) {
    line.action = Action::kShow;
    line.text = app.get_subcommands().empty() ? Help() : app.help();
  } catch (const CLI::CallForVersion& version_text) {
    line.action = Action::kShow;
    line.text = std::string(version_text.what()) + "\n";
  } catch (const CLI::ParseError& error) {
    line.action = Action::kFail;
    const auto commands = app.get_subcommands();
    const std::string command = commands.empty() ? "sheaf" : "sheaf " + commands.front()->get_name();
    line.text = command + ": " + error.what() + "\n" + command + " --help shows what there is\n";
  }
  return line;
}

}  // namespace sheaf
