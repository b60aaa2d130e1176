#include "proxy/cli/top.h"

#include <memory>
#include <optional>
#include <ostream>
#include <thread>
#include <utility>

#include "proxy/base/printable.h"
#include "proxy/base/units.h"
#include "proxy/cli/figures.h"
#include "proxy/cli/look.h"
#include "proxy/cli/refusal.h"
#include "proxy/cli/terminal.h"
#include "proxy/cli/top_figures.h"
#include "proxy/cli/top_frame.h"

namespace sheaf::cli {
namespace {

using std::chrono::steady_clock;

constexpr uint64_t kLongestInterval = 3600;

// What a key sorts by; empty: it is none of these.
std::string SortOfKey(char key) {
  switch (key) {
    case 'b':
      return "bytes";
    case 'i':
      return "idle";
    case 'r':
      return "rate";
    case 'u':
      return "queued";
    default:
      return "";
  }
}

class Top {
 public:
  Top(const Asking& asking, const AdminPlace& place, std::chrono::seconds interval, std::ostream& out,
      std::ostream& err)
      : asking_(asking), client_(place), interval_(interval), out_(out), err_(err) {
    view_.sort = asking.Has(kSortOption) ? asking.Value(kSortOption) : "bytes";
  }

  Exit Run() {
    const Exit first = LookAgain();
    if (first != Exit::kDone) return first;
    if (asking_.Has(kJsonFlag) || asking_.Has(kOnceFlag)) return PrintAgainAndAgain();
    if (std::unique_ptr<Terminal> terminal = Terminal::Open()) return Watch(*terminal);
    return PrintAgainAndAgain();
  }

 private:
  // Takes a look, and tells why there is none.
  Exit LookAgain() {
    Result<Look> look = TakeLook(client_, view_.sort);
    if (!look.ok()) return Tell(Exit::kNoAnswer, WhyNoAnswer(look.error()));
    if (!look.value().stats.why.empty()) return Tell(Exit::kFailed, look.value().stats.why);
    Take(std::move(look.value()));
    return Exit::kDone;
  }

  Exit Tell(Exit exit, const std::string& why) {
    err_ << "sheaf top: " << why << "\n";
    return exit;
  }

  void Take(Look look) {
    const bool same_process =
        look_ && look.stats.json.Number("uptime_seconds") >= look_->stats.json.Number("uptime_seconds");
    const double seconds = look_ ? std::chrono::duration<double>(look.time - look_->time).count() : 0;
    figures_ = Compare(same_process ? look_->stats.json : Json(), look.stats.json, seconds);
    look_ = std::move(look);
  }

  // For pipes and files: figures since the look before, so that the first is not shown; or each look as JSON.
  Exit PrintAgainAndAgain() {
    const bool json = asking_.Has(kJsonFlag);
    if (json) out_ << JsonOf(*look_) << std::endl;
    while (out_.good() && !(json && asking_.Has(kOnceFlag))) {
      std::this_thread::sleep_for(interval_);
      if (const Exit exit = LookAgain(); exit != Exit::kDone) return exit;
      out_ << (json ? JsonOf(*look_) : Joined(BuildFrame(*look_, figures_, view_))) << std::endl;
      if (asking_.Has(kOnceFlag)) break;
    }
    return Exit::kDone;
  }

  Exit Watch(Terminal& terminal) {
    client_.EndsBy(terminal.signals());
    view_.with_keys = true;
    next_look_ = steady_clock::now() + interval_;
    for (;;) {
      if (!view_.paused && steady_clock::now() >= next_look_) LookIn(terminal);
      const Terminal::Size size = Terminal::size();
      view_.width = size.width;
      view_.height = size.height;
      terminal.Show(BuildFrame(*look_, figures_, view_));
      const auto until = view_.paused ? steady_clock::now() + std::chrono::hours(1) : next_look_;
      const Terminal::Happened happened = terminal.Wait(until);
      if (happened.event == Terminal::Event::kEnd || happened.key == 'q') return Exit::kDone;
      Obey(happened.key);
    }
  }

  void LookIn(Terminal& terminal) {
    Result<Look> look = TakeLook(client_, view_.sort);
    if (!look.ok() && terminal.HasSignal()) return;  // which has ended the waiting
    next_look_ = steady_clock::now() + interval_;
    view_.trouble = !look.ok() ? Printable(look.error()) : look.value().stats.why;
    if (view_.trouble.empty()) Take(std::move(look.value()));
  }

  void Obey(char key) {
    if (key == ' ') view_.paused = !view_.paused;
    if (const std::string sort = SortOfKey(key); !sort.empty()) {
      view_.sort = sort;
      next_look_ = steady_clock::now();
    }
  }

  const Asking& asking_;
  AdminClient client_;
  const std::chrono::seconds interval_;
  std::ostream& out_;
  std::ostream& err_;
  TopView view_;
  std::optional<Look> look_;  // the newest
  TopFigures figures_;        // since the one before
  steady_clock::time_point next_look_;
};

}  // namespace

Exit RunTop(const Asking& asking, const AdminPlace& place, std::ostream& out, std::ostream& err) {
  const std::optional<uint64_t> seconds =
      asking.Has(kIntervalOption) ? ParseNumber(asking.Value(kIntervalOption)) : std::optional<uint64_t>(2);
  if (!seconds || *seconds == 0 || *seconds > kLongestInterval) {
    err << "sheaf top: --interval must be a number of seconds from 1 to " << kLongestInterval << "\n";
    return Exit::kUsage;
  }
  return Top(asking, place, std::chrono::seconds(*seconds), out, err).Run();
}

}  // namespace sheaf::cli
