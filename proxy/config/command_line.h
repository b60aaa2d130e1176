// The command line of `sheaf`. Start-up code.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/doctor/doctor.h"

namespace sheaf {

struct CommandLine {
  enum class Action : uint8_t {
    kServe,
    kCheck,
    kDumpConfig,
    kPrintDefaultConfig,
    kPrintOptionsManual,
    kPrintAdminManual,
    kHealthcheck,
    kDoctor,
    kShow,  // --help and --version: print `text` on stdout and exit 0
    kFail,  // a wrong command line: print `text` on stderr and exit 2
  };

  Action action = Action::kServe;
  std::string config_file;            // -c; empty: none
  std::vector<std::string> settings;  // --set, in their order: "section.key=value"
  doctor::Wishes doctor;              // of kDoctor
  std::string text;
};

// `version`: what --version tells behind the name.
CommandLine ParseCommandLine(int argc, const char* const* argv, const std::string& version);

}  // namespace sheaf
