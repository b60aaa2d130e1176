// The commands of the command line, `sheaf doctor` and those that ask a running Sheaf, as CLI11 has to know them.
// Start-up code.
#pragma once

namespace CLI {
class App;
}

namespace sheaf {

struct CommandLine;

// `line` is filled when `app` parses; both outlive it.
void AddDoctor(CLI::App& app, CommandLine& line);
void AddCommands(CLI::App& app, CommandLine& line);

}  // namespace sheaf
