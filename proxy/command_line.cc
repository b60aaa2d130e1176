#include "proxy/command_line.h"

#include <CLI/CLI.hpp>
#include <array>
#include <string_view>

namespace sheaf {
namespace {

using Action = CommandLine::Action;

struct ActionRow {
  Action action;
  const char* flags;
  const char* doc;
};
constexpr std::array kActionRows = {
    ActionRow{Action::kCheck, "-t,--check", "Say whether the configuration is valid, and exit with 0 or 1"},
    ActionRow{Action::kDumpConfig, "--dump-config", "Print the configuration in effect and where each value came from"},
    ActionRow{Action::kPrintDefaultConfig, "--print-default-config", "Print a conf file with every option, explained"},
    ActionRow{Action::kPrintOptionsManual, "--print-options-manual", "Print the manual of the options (Markdown)"},
    ActionRow{Action::kHealthcheck, "--healthcheck", "Ask a running Sheaf's /readyz, and exit with 0 if it is ready"},
};

constexpr const char* kFooter =
    "\nWithout any of them, Sheaf serves. Values are taken from --set, else from the environment\n"
    "(SHEAF_SECTION_KEY), else from the file, else they are the defaults.";

}  // namespace

CommandLine ParseCommandLine(int argc, const char* const* argv, const std::string& version) {
  CommandLine line;
  CLI::App app("Sheaf, a WebSocket reverse proxy and sidecar", "sheaf");
  app.footer(kFooter);
  app.set_version_flag("--version", "sheaf " + version, "Print the version and exit");
  app.add_option("-c,--config", line.config_file, "The conf file")->type_name("FILE");
  app.add_option("--set", line.settings, "Set an option; may be given many times")
      ->type_name("SECTION.KEY=VALUE")
      ->type_size(1)
      ->allow_extra_args(false);
  // Of the actions, at most one.
  CLI::Option_group* actions = app.add_option_group("Instead of serving");
  for (const ActionRow& row : kActionRows) {
    actions->add_flag_callback(
        row.flags, [&line, &row] { line.action = row.action; }, row.doc);
  }
  actions->require_option(0, 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    line.action = Action::kShow;
    line.text = app.help();
  } catch (const CLI::CallForVersion& version_text) {
    line.action = Action::kShow;
    line.text = std::string(version_text.what()) + "\n";
  } catch (const CLI::ParseError& error) {
    line.action = Action::kFail;
    line.text = std::string("sheaf: ") + error.what() + "\nsheaf --help shows what there is\n";
  }
  return line;
}

}  // namespace sheaf
