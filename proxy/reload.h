// A configuration replaced while everything runs: read and checked as at start, made a generation, and taken up by all
// threads; or, when anything in it is wrong, told of and forgotten.
//
//   Reloader reloader(loop, read, target, metrics.process());
//   reloader.Ask({.by = "SIGHUP"});
//
// One at a time. Who asks while one is under way has the next one, with everybody else who does: what was changed after
// the file was read is read once more.
//
// Owned by the Server; the main thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/base/reload_answer.h"
#include "proxy/base/status.h"
#include "proxy/net/loop.h"
#include "proxy/plan/generation.h"

namespace sheaf {

// What a reading of the conf file, the environment and the command line gave.
struct ConfigRead {
  Options options;
  std::string file;                   // its path; empty: there is no file
  std::string digest;                 // of the file: SHA-256 in hexadecimal; empty: there is no file
  std::vector<std::string> warnings;  // for the log
};
using ReadConfig = std::function<Result<ConfigRead>()>;

// Who runs what is replaced.
class ReloadTarget {
 public:
  // Opens what is new. Nothing has changed when it fails.
  virtual Result<std::shared_ptr<const Generation>> Prepare(ConfigRead read) = 0;
  // Takes the generation up. Has `done` called in the main thread, later, when all workers have.
  virtual void Adopt(std::shared_ptr<const Generation> next, std::function<void()> done) = 0;
  virtual std::shared_ptr<const Generation> in_force() const = 0;
  // A reload is under way, and over, whatever came of it.
  virtual void OnReloadBegins() = 0;
  virtual void OnReloadEnds(const ReloadAnswer& answer) = 0;
  // A sentence why nothing is taken up any more, which is no failure of the configuration; empty while it is.
  virtual std::string_view refusal() const = 0;

 protected:
  ~ReloadTarget() = default;
};

class Reloader final : public net::DeadlineHandler {
 public:
  struct Asked {
    std::string_view by;  // for the log; a constant
    // Called once, maybe at once.
    std::function<void(const ReloadAnswer&)> answer = [](const ReloadAnswer&) {};
    // What may pass (Error::may_pass) is looked at again for so long: of a certificate and its key one may be replaced
    // before the other.
    Duration patience = Duration::zero();
  };

  // `metrics`: nobody else counts reloads in it. All references outlive the object.
  Reloader(net::Loop& loop, ReadConfig read, ReloadTarget& target, WorkerMetrics& metrics);

  void Ask(Asked asked);

  bool under_way() const { return !askers_.empty(); }

  void OnDeadline(net::Deadline& deadline) override;

 private:
  static constexpr Duration kTryAgain = std::chrono::milliseconds(500);

  void Begin();
  void Try();
  void Fail(ReloadAnswer answer, std::string error, bool may_pass);
  void Finish(const ReloadAnswer& answer);
  void Answer(const ReloadAnswer& answer);
  void End(const ReloadAnswer& answer);
  std::string Askers() const;
  void Tell(const ReloadAnswer& answer) const;
  void Count(const ReloadAnswer& answer);

  net::Loop& loop_;
  const ReadConfig read_;
  ReloadTarget& target_;
  WorkerMetrics& metrics_;
  net::Deadline try_again_;
  std::vector<Asked> askers_;  // who have the reload that is under way
  std::vector<Asked> next_;    // who have asked since it began
  TimePoint began_{};
};

// The files that a configuration comes from and names: whoever changes one of them changes it. `conf`: may be empty.
std::vector<std::string> FilesOf(const std::string& conf, const Options& options);

// Options that differ and that a running process cannot change, by name. In `after` they get back the values that are
// in force.
std::vector<std::string> KeepWhatNeedsRestart(const Options& before, Options& after);

}  // namespace sheaf
