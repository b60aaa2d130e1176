#include "proxy/config/command_line.h"

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
    ActionRow{Action::kCheck, "-t,--check", "say whether the configuration is valid: exit 0 or 1"},
    ActionRow{Action::kDumpConfig, "--dump-config", "the configuration in effect, and whence each value"},
    ActionRow{Action::kPrintDefaultConfig, "--print-default-config", "a conf file with every option, explained"},
    ActionRow{Action::kPrintOptionsManual, "--print-options-manual", "the manual of the options (Markdown)"},
    ActionRow{Action::kPrintAdminManual, "--print-admin-manual", "the manual of the admin listener (Markdown)"},
    ActionRow{Action::kHealthcheck, "--healthcheck", "ask a running Sheaf's /readyz: exit 0 if it is ready"},
};
constexpr const char* kConfigFlags = "-c,--config";
constexpr const char* kVersionFlags = "--version";

void AppendFlag(std::string_view flags, std::string_view doc, std::string& text) {
  constexpr size_t kColumn = 28;
  const size_t begin = text.size();
  text.append("  ").append(flags);
  if (const size_t comma = text.find(',', begin); comma != std::string::npos) text.insert(comma + 1, " ");
  text.append(begin + kColumn - text.size(), ' ').append(doc).append("\n");
}

// By hand, since it is to fit a screen of 24 lines and 80 columns.
std::string Help() {
  std::string text =
      "Sheaf, a WebSocket reverse proxy and sidecar\n\n"
      "  sheaf [-c FILE] [--set SECTION.KEY=VALUE]... [ACTION]\n"
      "  sheaf doctor [OPTION]...  compare the backend with and without Sheaf (--help)\n\n";
  AppendFlag(std::string(kConfigFlags) + " FILE", "the conf file (TOML)", text);
  AppendFlag("--set SECTION.KEY=VALUE", "set an option; may be given many times", text);
  text.append("\nActions, instead of serving:\n");
  for (const ActionRow& row : kActionRows) AppendFlag(row.flags, row.doc, text);
  AppendFlag(kVersionFlags, "the version, its commit and the libraries", text);
  AppendFlag("-h,--help", "this", text);
  return text +
         "\nA value is taken from --set, else from the environment (SHEAF_SECTION_KEY),\n"
         "else from the file, else it is the default.\n"
         "\nSIGHUP has a running Sheaf read the file again; SIGTERM drains it.\n";
}

// `sheaf doctor`. Options that are not its own, -c and --set, are the program's.
void AddDoctor(CLI::App& app, CommandLine& line) {
  doctor::Wishes& wishes = line.doctor;
  CLI::App* doctor = app.add_subcommand(
      "doctor", "Compare the backend with and without Sheaf, and name the option that mends what differs");
  doctor->fallthrough();
  doctor->footer(
      "\nExits with 0 where nothing that matters differs, 1 where something does, 2 where it could not run.");
  const auto add = [doctor](const char* name, std::string& value, const char* doc) {
    return doctor->add_option(name, value, doc)->capture_default_str()->take_last();
  };
  add("--http-path", wishes.http_path, "What to GET")->type_name("PATH");
  add("--path", wishes.websocket_path, "Where to open a WebSocket")->type_name("PATH");
  add("--socketio-path", wishes.socketio_path, "Where to open Socket.IO")->type_name("PATH");
  add("--host", wishes.host, "The Host to ask for; by itself that of the Origin, or listen.address")->type_name("HOST");
  add("--origin", wishes.origin,
      "The Origin to come from; by itself the first of websocket.allowed_origins, or the Host. With https "
      "over plain text X-Forwarded-Proto is sent, as an ingress does")
      ->type_name("ORIGIN");
  add("--subprotocol", wishes.subprotocols, "The WebSocket subprotocols to offer")->type_name("A,B");
  doctor->add_option("--header", wishes.fields, "A field to send in all requests; may be given many times")
      ->type_name("'NAME: VALUE'")
      ->type_size(1)
      ->allow_extra_args(false);
  doctor->callback([&line] {
    if (line.action != Action::kServe) throw CLI::ExcludesError("doctor", "the other actions");
    line.action = Action::kDoctor;
  });
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
  app.set_version_flag(kVersionFlags, "sheaf " + version);
  app.add_option(kConfigFlags, line.config_file);
  app.add_option("--set", line.settings)->type_size(1)->allow_extra_args(false);
  // Of the actions, at most one.
  CLI::Option_group* actions = app.add_option_group("actions");
  for (const ActionRow& row : kActionRows) {
    actions->add_flag_callback(row.flags, [&line, &row] { line.action = row.action; });
  }
  actions->require_option(0, 1);
  AddDoctor(app, line);
  try {
    app.parse(argc, argv);
    line.doctor.arguments = ConfigurationArguments(line);
  } catch (const CLI::CallForHelp&) {
    line.action = Action::kShow;
    line.text = app.got_subcommand("doctor") ? app.help() : Help();
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
