// From the command line to a running server. What happens after that is in proxy/server.h.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <utility>

#include "proxy/admin/manual.h"
#include "proxy/base/bounded_write.h"
#include "proxy/base/events.h"
#include "proxy/base/log.h"
#include "proxy/cli/cli.h"
#include "proxy/config/admin_place.h"
#include "proxy/config/command_line.h"
#include "proxy/config/completions.h"
#include "proxy/config/config.h"
#include "proxy/config/docs.h"
#include "proxy/config/dump.h"
#include "proxy/config/manual_page.h"
#include "proxy/config/report.h"
#include "proxy/doctor/doctor.h"
#include "proxy/libraries.h"
#include "proxy/logging.h"
#include "proxy/server.h"

namespace sheaf {
namespace {

constexpr int kExitConfiguration = 1;
constexpr int kExitUsage = 2;

int Ask(const CommandLine& line) {
  const Result<cli::AdminPlace> place = FindAdmin(line, environ);
  if (place.ok()) return static_cast<int>(cli::Run(line.asking, place.value(), std::cout, std::cerr));
  std::cerr << place.error() << '\n';
  return kExitConfiguration;
}

int Examine(const Options& options, const doctor::Wishes& wishes) {
  std::signal(SIGPIPE, SIG_IGN);
  return static_cast<int>(doctor::Examine(options, wishes, std::cout));
}

// With the settings of the command line, which stay as they were given.
Result<Configuration> Load(const CommandLine& line) {
  Result<ConfigSources> sources = CollectSources(line.config_file, line.settings, environ);
  if (!sources.ok()) return Error{sources.error()};
  return LoadConfiguration(sources.value(), line.action == Action::kCheck ? Purpose::kCheck : Purpose::kServe);
}

ConfigRead ToServe(Configuration configuration) {
  return {.options = std::move(configuration.options),
          .file = std::move(configuration.file_name),
          .digest = std::move(configuration.digest),
          .warnings = std::move(configuration.warnings)};
}

int Run(const CommandLine& line, Configuration configuration) {
  const auto read = [&line]() -> Result<ConfigRead> {
    Result<Configuration> loaded = Load(line);
    if (!loaded.ok()) return Error{loaded.error(), loaded.may_pass()};
    return ToServe(std::move(loaded.value()));
  };
  Server server(ToServe(std::move(configuration)), read, SHEAF_VERSION);
  return server.Run();
}

int Serve(const CommandLine& line, Configuration configuration) {
  // A peer or a reader of the log that is gone shows up as an error of the write.
  std::signal(SIGPIPE, SIG_IGN);
  SetupLogging(configuration.options);
  for (const std::string& warning : configuration.warnings) Announce(EventKind::kStart, LogLevel::kWarning, warning);
  LogIgnoredVariables(configuration);
  const int status = Run(line, std::move(configuration));
  // The log's thread still uses what exit() would destroy.
  if (!FinishLogging()) _exit(status);
  return status;
}

int RunConfigured(const CommandLine& line, Configuration configuration) {
  switch (line.action) {
    case Action::kCheck:
      std::cout << ReportOfCheck(configuration);
      return 0;
    case Action::kDumpConfig:
      std::cout << DumpConfiguration(configuration);
      return 0;
    case Action::kHealthcheck:
      return static_cast<int>(cli::Healthcheck(configuration.options.admin.address, std::cerr));
    case Action::kDoctor:
      return Examine(configuration.options, line.doctor);
    default:
      return Serve(line, std::move(configuration));
  }
}

// Started without stderr, say, the first socket would take its number, and the log would go to a client.
void OpenStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) < 0) static_cast<void>(open("/dev/null", O_RDWR));
  }
}

// Until there is a reader for them: whoever changes the file while it is read does not end the process.
void HoldHangUps() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

struct PrintedRow {
  Action action;
  std::string (*text)();
};
constexpr PrintedRow kPrintedRows[] = {
    {Action::kPrintDefaultConfig, &DefaultConfig},   {Action::kPrintOptionsManual, &OptionsManual},
    {Action::kPrintAdminManual, &AdminManual},       {Action::kPrintManualPage, &ManualPage},
    {Action::kPrintBashCompletion, &BashCompletion}, {Action::kPrintZshCompletion, &ZshCompletion}};

int Main(int argc, char** argv) {
  OpenStandardDescriptors();
  const CommandLine line = ParseCommandLine(argc, argv, VersionText(SHEAF_VERSION, BuildCommit(), Libraries()));
  for (const PrintedRow& row : kPrintedRows) {
    if (row.action != line.action) continue;
    std::cout << row.text();
    return 0;
  }
  switch (line.action) {
    case Action::kShow:
      std::cout << line.text;
      return 0;
    case Action::kFail:
      std::cerr << line.text;
      return kExitUsage;
    case Action::kAsk:
      return Ask(line);
    default:
      break;
  }
  if (line.action == Action::kServe) HoldHangUps();
  Result<Configuration> configuration = Load(line);
  if (!configuration.ok()) {
    static_cast<void>(WriteWithin(STDERR_FILENO, configuration.error() + '\n', kLogPatience));
    return line.action == Action::kDoctor ? static_cast<int>(doctor::Verdict::kCouldNotRun) : kExitConfiguration;
  }
  return RunConfigured(line, std::move(configuration.value()));
}

}  // namespace
}  // namespace sheaf

int main(int argc, char** argv) {
  return sheaf::Main(argc, argv);
}
