// The words of the command line that are no command's of proxy/cli/commands.h: actions, and the options of `sheaf
// doctor`. Parsing, --help, the manual page and the completions come from these rows.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/doctor/doctor.h"

namespace sheaf {

// What the program does.
enum class Action : uint8_t {
  kServe,
  kCheck,
  kDumpConfig,
  kPrintDefaultConfig,
  kPrintOptionsManual,
  kPrintAdminManual,
  kPrintManualPage,
  kPrintBashCompletion,
  kPrintZshCompletion,
  kHealthcheck,
  kDoctor,
  kAsk,   // a command asks a running Sheaf
  kShow,  // --help and --version: print a text on stdout and exit 0
  kFail,  // a wrong command line: print a text on stderr and exit 2
};

struct ActionRow {
  Action action;
  std::string_view flags;
  std::string_view doc;
  bool for_builders = false;  // who builds Sheaf asks for it; --help has no room
};

inline constexpr std::array kActionRows = {
    ActionRow{Action::kCheck, "-t,--check", "say whether the configuration is valid: exit 0 or 1"},
    ActionRow{Action::kDumpConfig, "--dump-config", "the configuration in effect, and whence each value"},
    ActionRow{Action::kPrintDefaultConfig, "--print-default-config", "a conf file with every option, explained"},
    ActionRow{Action::kPrintOptionsManual, "--print-options-manual", "the manual of the options (Markdown)"},
    ActionRow{Action::kPrintAdminManual, "--print-admin-manual", "the manual of the admin listener (Markdown)", true},
    ActionRow{Action::kPrintManualPage, "--print-manual-page", "the manual page (mdoc)", true},
    ActionRow{Action::kPrintBashCompletion, "--print-bash-completion", "the completions for bash", true},
    ActionRow{Action::kPrintZshCompletion, "--print-zsh-completion", "the completions for zsh", true},
    ActionRow{Action::kHealthcheck, "--healthcheck", "ask a running Sheaf's /readyz: exit 0 if it is ready"},
};

// What stands before any of these, and behind any command.
struct ProgramOption {
  std::string_view flags;
  std::string_view value;
  std::string_view doc;
};
inline constexpr std::array kProgramOptions = {
    ProgramOption{"-c,--config", "FILE", "the conf file (TOML)"},
    ProgramOption{"--set", "SECTION.KEY=VALUE", "set an option; may be given many times"},
};
inline constexpr ProgramOption kVersionFlag = {"--version", "", "the version, its commit and the libraries"};
inline constexpr ProgramOption kHelpFlag = {"-h,--help", "", "this"};

struct DoctorOption {
  std::string_view name;
  std::string_view value;
  std::string doctor::Wishes::*slot;  // nullptr: doctor::Wishes::fields, once for each time it is given
  std::string_view doc;
};
inline constexpr std::string_view kDoctorCommand = "doctor";
inline constexpr std::string_view kDoctorDoc =
    "Compare the backend with and without Sheaf, and name the option that mends what differs";
inline constexpr std::array kDoctorOptions = {
    DoctorOption{"--http-path", "PATH", &doctor::Wishes::http_path, "What to GET"},
    DoctorOption{"--path", "PATH", &doctor::Wishes::websocket_path, "Where to open a WebSocket"},
    DoctorOption{"--socketio-path", "PATH", &doctor::Wishes::socketio_path, "Where to open Socket.IO"},
    DoctorOption{"--host", "HOST", &doctor::Wishes::host,
                 "The Host to ask for; by itself that of the Origin, or listen.address"},
    DoctorOption{"--origin", "ORIGIN", &doctor::Wishes::origin,
                 "The Origin to come from; by itself the first of websocket.allowed_origins, or the Host. With https "
                 "over plain text X-Forwarded-Proto is sent, as an ingress does"},
    DoctorOption{"--subprotocol", "A,B", &doctor::Wishes::subprotocols, "The WebSocket subprotocols to offer"},
    DoctorOption{"--header", "'NAME: VALUE'", nullptr, "A field to send in all requests; may be given many times"},
};

}  // namespace sheaf
