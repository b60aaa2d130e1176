#include "proxy/reload.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "proxy/base/events.h"
#include "proxy/wire/sha256.h"

namespace sheaf {
namespace {

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : ",").append(word);
  return text;
}

// What was there before was not: nobody means all defaults by that.
bool BecameEmpty(const Generation& before, const ConfigRead& read) {
  static const std::string kOfNothing = wire::Sha256Hex("");
  return read.digest == kOfNothing && before.digest != kOfNothing && !before.digest.empty();
}

int64_t SecondsSince1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

std::vector<std::string> FilesOf(const std::string& conf, const Options& options) {
  std::vector<std::string> files = {conf, options.admin.token_file};
  for (const BackendOptions& backend : options.backends) {
    files.push_back(backend.tls_ca);
    files.push_back(backend.token_file);
  }
  for (const ListenerOptions& listener : options.listeners) {
    files.push_back(listener.tls_certificate);
    files.push_back(listener.tls_key);
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  if (!files.empty() && files.front().empty()) files.erase(files.begin());
  return files;
}

std::vector<std::string> KeepWhatNeedsRestart(const Options& before, Options& after) {
  std::vector<std::string> names;
  Options in_force = before;  // slots lead to values that may be changed
  for (const OptionRow& row : OptionRows()) {
    if (row.takes != Takes::kRestart) continue;
    if (FormatValue(row, row.slot(in_force)) == FormatValue(row, row.slot(after))) continue;
    names.push_back(row.FullName());
    CopyValue(row.slot(in_force), row.slot(after));
  }
  return names;
}

Reloader::Reloader(net::Loop& loop, ReadConfig read, ReloadTarget& target, WorkerMetrics& metrics)
    : loop_(loop), read_(std::move(read)), target_(target), metrics_(metrics), try_again_(*this) {
  metrics_.generation.Set(1);
  metrics_.reload_succeeded.Set(1);
  metrics_.reload_success_timestamp.Set(SecondsSince1970());
}

void Reloader::Ask(Asked asked) {
  if (try_again_.set()) {
    // Between two tries: this one's is now, and those who wait have it too.
    loop_.CancelDeadline(try_again_);
    askers_.push_back(std::move(asked));
    return Try();
  }
  next_.push_back(std::move(asked));
  if (!under_way()) Begin();
}

void Reloader::Begin() {
  askers_ = std::exchange(next_, {});
  began_ = loop_.now();
  target_.OnReloadBegins();
  Try();
}

void Reloader::Try() {
  const std::shared_ptr<const Generation> before = target_.in_force();
  ReloadAnswer answer{.generation = before->number, .digest = before->digest, .error = {}, .needs_restart = {}};
  if (const std::string_view refusal = target_.refusal(); !refusal.empty()) {
    answer.error = refusal;
    Announce(EventKind::kReload, LogLevel::kInfo, "no reload", {{"by", Askers()}, {"reason", refusal}});
    return Answer(answer);
  }
  Result<ConfigRead> read = read_();
  if (!read.ok()) return Fail(std::move(answer), read.error(), read.may_pass());
  if (BecameEmpty(*before, read.value())) {
    return Fail(std::move(answer),
                read.value().file + " is empty, as it is amid being written: a restart goes back to the defaults",
                true);
  }
  const std::vector<std::string> warnings = std::move(read.value().warnings);
  answer.needs_restart = KeepWhatNeedsRestart(before->options, read.value().options);
  const Result<std::shared_ptr<const Generation>> made = target_.Prepare(std::move(read.value()));
  if (!made.ok()) return Fail(std::move(answer), made.error(), true);
  for (const std::string& warning : warnings) Announce(EventKind::kReload, LogLevel::kWarning, warning);
  answer.taken = true;
  answer.generation = made.value()->number;
  answer.digest = made.value()->digest;
  target_.Adopt(made.value(), [this, answer] { Finish(answer); });
}

// Those who have patience wait for the next try, the others have failed.
void Reloader::Fail(ReloadAnswer answer, std::string error, bool may_pass) {
  answer.error = std::move(error);
  answer.needs_restart.clear();
  const Duration waited = loop_.now() - began_;
  const auto patient = std::stable_partition(askers_.begin(), askers_.end(),
                                             [=](const Asked& asked) { return !may_pass || waited >= asked.patience; });
  std::vector<Asked> waiting(std::make_move_iterator(patient), std::make_move_iterator(askers_.end()));
  askers_.erase(patient, askers_.end());
  if (!waiting.empty()) loop_.SetDeadline(try_again_, kTryAgain);
  if (askers_.empty()) {
    askers_ = std::move(waiting);
    return;
  }
  Tell(answer);
  Count(answer);
  const std::vector<Asked> failed = std::exchange(askers_, std::move(waiting));
  for (const Asked& asked : failed) asked.answer(answer);
  End(answer);
}

void Reloader::OnDeadline(net::Deadline& /*deadline*/) {
  Try();
}

void Reloader::Finish(const ReloadAnswer& answer) {
  Tell(answer);
  Count(answer);
  Answer(answer);
}

void Reloader::Answer(const ReloadAnswer& answer) {
  for (const Asked& asked : std::exchange(askers_, {})) asked.answer(answer);
  End(answer);
}

// Unless there are some who have patience, or one that asked anew.
void Reloader::End(const ReloadAnswer& answer) {
  if (under_way()) return;
  target_.OnReloadEnds(answer);
  if (!next_.empty()) Begin();
}

std::string Reloader::Askers() const {
  std::string by;
  for (const Asked& asked : askers_) by.append(by.empty() ? "" : ",").append(asked.by);
  return by;
}

void Reloader::Tell(const ReloadAnswer& answer) const {
  const std::string by = Askers();
  if (!answer.taken) {
    return Announce(EventKind::kReload, LogLevel::kError, "reload failed, everything stays as it was",
                    {{"by", by}, {"error", answer.error}});
  }
  Announce(EventKind::kReload, LogLevel::kInfo, "reloaded",
           {{"by", by}, {"generation", answer.generation}, {"sha256", answer.digest}});
  if (answer.needs_restart.empty()) return;
  Announce(EventKind::kReload, LogLevel::kWarning, "options have changed that a restart alone can take up",
           {{"options", Joined(answer.needs_restart)}});
}

void Reloader::Count(const ReloadAnswer& answer) {
  metrics_.reload_succeeded.Set(answer.taken ? 1 : 0);
  if (!answer.taken) return metrics_.reload_failed_total.Add();
  metrics_.reload_total.Add();
  metrics_.generation.Set(static_cast<int64_t>(answer.generation));
  metrics_.reload_success_timestamp.Set(SecondsSince1970());
}

}  // namespace sheaf
