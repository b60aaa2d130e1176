// The command line of `sheaf`. Start-up code.
#pragma once

#include <string>
#include <vector>

#include "proxy/cli/commands.h"
#include "proxy/config/actions.h"
#include "proxy/doctor/doctor.h"

namespace sheaf {

struct CommandLine {
  using Action = sheaf::Action;

  Action action = Action::kServe;
  std::string config_file;            // -c; empty: none
  std::vector<std::string> settings;  // --set, in their order: "section.key=value"
  doctor::Wishes doctor;              // of kDoctor
  cli::Asking asking;                 // of kAsk
  std::string text;                   // of kShow and kFail
};

// `version`: what --version tells behind the name.
CommandLine ParseCommandLine(int argc, const char* const* argv, const std::string& version);

}  // namespace sheaf
