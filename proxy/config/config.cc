#include "proxy/config/config.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "proxy/base/printable.h"
#include "proxy/config/aliases.h"
#include "proxy/config/backend_section.h"
#include "proxy/config/backend_warnings.h"
#include "proxy/config/checks.h"
#include "proxy/config/environment.h"
#include "proxy/config/listener_section.h"
#include "proxy/config/listener_warnings.h"
#include "proxy/config/names.h"
#include "proxy/config/route_section.h"
#include "proxy/config/token_file.h"
#include "proxy/config/values.h"
#include "proxy/wire/sha256.h"

namespace sheaf {
namespace {

constexpr std::string_view kAdminSection = "admin";
constexpr std::string_view kAdminVariables = "SHEAF_ADMIN_";

struct Problem {
  Origin origin;
  std::string line;
};

bool operator<(const Problem& a, const Problem& b) {
  const auto key = [](const Problem& problem) {
    const Origin& origin = problem.origin;
    return std::tuple(origin.source, origin.position.line, origin.position.column);
  };
  return key(a) < key(b);
}

class Loader {
 public:
  Loader(const ConfigSources& sources, Purpose purpose) : sources_(sources), purpose_(purpose) {
    result_.file_name = sources.file_name;
    if (!sources.file_name.empty()) result_.digest = wire::Sha256Hex(sources.file_text);
    result_.origins.resize(OptionRows().size());
    failed_.resize(OptionRows().size());
  }

  Result<Configuration> Load() {
    ConfigFile file = ParseConfigFile(sources_.file_text);
    if (purpose_ == Purpose::kAsk) {
      std::erase_if(file.sections, [](const FileSection& section) { return section.name != kAdminSection; });
    }
    for (const FileProblem& problem : file.problems) {
      ReportFile(problem.position, problem.text);
      problems_.back().line += "\n" + problem.excerpt;
    }
    for (const FileSection& section : file.sections) ApplySection(section);
    for (const std::string& variable : sources_.environment) ApplyVariable(variable);
    for (const std::string& setting : sources_.settings) ApplySetting(setting);
    // Routes, listeners and backends inherit from what holds in the end, so they come last.
    AddListeners(file);
    AddBackends(file);
    AddRoutes(file);
    const bool well_written = problems_.empty();
    TakeTokenFiles();
    result_.options.proxies_named = OriginOf(*FindOption("forwarded", "trusted_proxies")).source != Source::kDefault;
    ReportContradictions();
    if (!problems_.empty()) return JoinProblems(well_written);
    for (const std::string& warning : WarningsOfListeners(result_)) result_.warnings.push_back(warning);
    for (const std::string& warning : WarningsOfBackends(result_)) result_.warnings.push_back(Printable(warning));
    return std::move(result_);
  }

 private:
  // Names and values are whatever somebody wrote, and errors are read in terminals.
  void Report(const Origin& origin, const std::string& where, const std::string& text) {
    problems_.push_back({origin, Printable(where + ": " + text)});
  }
  void ReportFile(Position position, const std::string& text) {
    const Origin origin{Source::kFile, position};
    Report(origin, DescribeOrigin(origin, OptionRows().front(), sources_.file_name), text);
  }

  void ReportAll(const std::vector<FileProblem>& problems) {
    for (const FileProblem& problem : problems) ReportFile(problem.position, problem.text);
  }

  // `may_pass`: nothing is wrong but with files that the configuration names, say.
  Error JoinProblems(bool may_pass) {
    std::stable_sort(problems_.begin(), problems_.end());
    std::string text;
    for (const Problem& problem : problems_) text += (text.empty() ? "" : "\n") + problem.line;
    return Error{text, may_pass};
  }

  static size_t IndexOf(const OptionRow& row) { return static_cast<size_t>(&row - OptionRows().data()); }

  // From here on the file.
  void ApplySection(const FileSection& section) {
    if (IsListSection(section.name)) {
      const std::string& name = section.name;
      if (!section.in_list) {
        ReportFile(section.position,
                   "a " + name + " is written [[" + name + "]], in double brackets" +
                       (name == kBackendSection ? "; where there is one alone, it is [upstream]" : ""));
      }
      return;
    }
    if (!section.name.empty() && !IsSection(section.name)) {
      return ReportFile(section.position, "unknown section [" + section.name + "]" + SuggestSection(section.name));
    }
    if (section.in_list) {
      const std::string more = section.name == "upstream" ? ", and [[backend]] for those that routes point to" : "";
      return ReportFile(section.position, "[[" + section.name + "]] is no list: write [" + section.name + "]" + more);
    }
    for (const FileKey& key : section.keys) ApplyKey(section.name, key);
  }

  void ApplyKey(const std::string& section, const FileKey& key) {
    const OptionRow* row = FindOption(section, key.name);
    if (row != nullptr) {
      const Origin origin{Source::kFile, key.value.position};
      std::vector<FileProblem> problems;
      if (StoreFileValue(*row, row->slot(result_.options), key.value, problems)) {
        result_.origins[IndexOf(*row)] = origin;
      } else {
        failed_[IndexOf(*row)] = true;
        ReportAll(problems);
      }
    } else if (section.empty() && (IsSection(key.name) || IsListSection(key.name))) {
      const std::string header = IsListSection(key.name) ? "[[" + key.name + "]]" : "[" + key.name + "]";
      ReportFile(key.position, QuoteToml(key.name) + " is a section: write " + header);
    } else if (const auto renamed = FindRenamed(section + "." + key.name, key.value.text)) {
      const Origin origin{Source::kFile, key.value.position};
      ApplyRenamed(*renamed, origin, DescribeOrigin(origin, *renamed->row, sources_.file_name));
    } else {
      const std::string place = section.empty() ? " at the top of the file" : " in [" + section + "]";
      ReportFile(key.position, "unknown key " + QuoteToml(key.name) + place + SuggestKey(section, key.name));
    }
  }

  // From here on the environment and the command line.
  void ApplyVariable(const std::string& variable) {
    if (!variable.starts_with(purpose_ == Purpose::kAsk ? kAdminVariables : kEnvironmentPrefix)) return;
    const size_t equals = std::min(variable.find('='), variable.size());
    const std::string name = variable.substr(0, equals);
    const std::string_view value = std::string_view(variable).substr(std::min(equals + 1, variable.size()));
    // Templates write NAME=${OURS:-}, so an empty one says nothing.
    if (value.empty()) return;
    for (const OptionRow& row : OptionRows()) {
      if (row.EnvironmentName() == name) return ApplyText(row, Source::kEnvironment, value);
    }
    if (const auto renamed = FindRenamed(OldNameOfVariable(name), value)) {
      return ApplyRenamed(*renamed, {Source::kEnvironment, {}}, "environment variable " + name);
    }
    switch (JudgeVariable(name, value)) {
      case Variable::kServiceLink:
        return result_.service_links.push_back(name);
      case Variable::kForeign:
        return result_.foreign_variables.push_back(name);
      case Variable::kMistake:
        return ReportVariable(name);
    }
  }

  void ReportVariable(const std::string& name) {
    std::string text = "no option has this name" + SuggestVariable(name);
    if (name.starts_with("SHEAF_ROUTE")) text = "routes are set in the file alone: unset it";
    if (name.starts_with("SHEAF_LISTENER")) text = "a [[listener]] is set in the file alone: unset it";
    if (name.starts_with("SHEAF_BACKEND")) {
      text =
          "a [[backend]] is set in the file alone: unset it (SHEAF_UPSTREAM_URL and SHEAF_UPSTREAM_URLS are "
          "[upstream]'s)";
    }
    Report({Source::kEnvironment, {}}, "environment variable " + name, text);
  }

  void ApplySetting(const std::string& setting) {
    const size_t equals = setting.find('=');
    const std::string name = setting.substr(0, equals);
    if (purpose_ == Purpose::kAsk && name.substr(0, name.find('.')) != kAdminSection) return;
    const Origin origin{Source::kCommandLine, {}};
    if (equals == std::string::npos) return Report(origin, "--set " + setting, "must be written section.key=value");
    for (const OptionRow& row : OptionRows()) {
      if (row.FullName() != name) continue;
      return ApplyText(row, Source::kCommandLine, std::string_view(setting).substr(equals + 1));
    }
    if (const auto renamed = FindRenamed(name, std::string_view(setting).substr(equals + 1))) {
      return ApplyRenamed(*renamed, origin, "--set " + name);
    }
    if (name == kRouteSection || name.starts_with("route.")) {
      return Report(origin, "--set " + name, "routes are set in the file alone");
    }
    if (name == kListenerSection || name.starts_with("listener.")) return ApplyListenerSetting(setting);
    if (name == kBackendSection || name.starts_with("backend.")) {
      return Report(origin, "--set " + name,
                    "a [[backend]] is set in the file alone; upstream.url and upstream.urls are [upstream]'s");
    }
    Report(origin, "--set " + name, "no option has this name" + SuggestSetting(name));
  }

  // One word is taken: a second Sheaf can be started with the file of a running one, at an address of its own.
  void ApplyListenerSetting(const std::string& setting) {
    if (setting == "listener=none") {
      listeners_of_file_ = false;
      return;
    }
    Report({Source::kCommandLine, {}}, "--set " + setting.substr(0, setting.find('=')),
           "a [[listener]] is set in the file alone; listener=none leaves out those of the file");
  }

  void ApplyText(const OptionRow& row, Source source, std::string_view text) {
    const Origin origin{source, {}};
    StoreOrReport(row, origin, DescribeOrigin(origin, row, sources_.file_name), text);
  }

  void ApplyRenamed(const RenamedSetting& renamed, const Origin& origin, const std::string& where) {
    result_.warnings.push_back(where + ": " + renamed.warning);
    StoreOrReport(*renamed.row, origin, where, renamed.text);
  }

  void StoreOrReport(const OptionRow& row, const Origin& origin, const std::string& where, std::string_view text) {
    const std::string problem = StoreText(row, row.slot(result_.options), text);
    if (problem.empty()) {
      result_.origins[IndexOf(row)] = origin;
    } else {
      failed_[IndexOf(row)] = true;
      Report(origin, where, row.FullName() + " " + problem);
    }
  }

  void AddListeners(const ConfigFile& file) {
    AddListenAddresses(OriginOf(*FindOption("listen", "address")), result_);
    std::vector<FileProblem> problems;
    for (const FileSection& section : file.sections) {
      const bool is_listener = section.in_list && section.name == kListenerSection;
      if (is_listener && listeners_of_file_) AddListenerSection(section, result_, problems);
    }
    ReportAll(problems);
  }

  void AddBackends(const ConfigFile& file) {
    AddDefaultBackend(result_);
    std::vector<FileProblem> problems;
    for (const FileSection& section : file.sections) {
      if (section.in_list && section.name == kBackendSection) AddBackendSection(section, result_, problems);
    }
    ReportAll(problems);
  }

  void AddRoutes(const ConfigFile& file) {
    std::vector<FileProblem> problems;
    for (const FileSection& section : file.sections) {
      if (!section.in_list || section.name != kRouteSection) continue;
      // Whether some route has conflation rules is then not known.
      if (!AddRouteSection(section, result_, problems)) failed_[IndexOf(*FindOption("batching", "slow_client"))] = true;
    }
    ReportAll(problems);
    AddRootRoute(result_);
  }

  // From here on options that belong together.
  void TakeTokenFiles() {
    Options& options = result_.options;
    TakeTokenFileOf("admin", options.admin.token_file, options.admin.token);
    TakeTokenFileOf("upstream", options.upstream.token_file, options.upstream.token);
    for (size_t i = 0; i < options.backends.size(); ++i) TakeTokenOf(options.backends[i], result_.backend_origins[i]);
  }

  void TakeTokenFileOf(std::string_view section, const std::string& file, std::string& token) {
    const OptionRow& row = *FindOption(section, "token_file");
    if (!failed_[IndexOf(row)]) TakeTokenFile(section, row, OriginOf(row), file, token);
  }

  void TakeTokenOf(BackendOptions& backend, const BackendOrigins& origins) {
    const Origin& of_file = OriginOfKey(origins, "token_file");
    if (of_file.source == Source::kDefault && OriginOfKey(origins, "token").source == Source::kDefault) {
      backend.token = result_.options.upstream.token;
      return;
    }
    TakeTokenFile(kBackendSection, *FindOption("upstream", "token_file"), of_file, backend.token_file, backend.token);
  }

  void TakeTokenFile(std::string_view section, const OptionRow& row, const Origin& origin, const std::string& file,
                     std::string& token) {
    if (file.empty()) return;
    const std::string where = DescribeOrigin(origin, row, sources_.file_name);
    const std::string name = std::string(section) + ".token_file";
    if (!token.empty()) {
      return Report(origin, where, name + " and " + std::string(section) + ".token are both set: remove one of them");
    }
    TokenFile read = ReadTokenFile(file);
    token = std::move(read.token);
    if (read.problem.empty()) return;
    const std::string text = name + ": " + read.problem;
    if (!read.of_user || purpose_ != Purpose::kCheck) return Report(origin, where, text);
    result_.notes.push_back(Printable(where + ": " + text));
  }

  void ReportContradictions() {
    for (const Contradiction& contradiction : FindContradictions(result_)) {
      const auto& rows = contradiction.options;
      // The value that stands there instead of a faulty one says nothing.
      if (std::any_of(rows.begin(), rows.end(), [this](const OptionRow* row) { return failed_[IndexOf(*row)]; }))
        continue;
      // Blamed is what was said last: of two lines the lower one, and the command line before the file.
      const OptionRow* blamed = rows.empty() ? &OptionRows().front() : rows.front();
      Origin origin = rows.empty() ? Origin{} : OriginOf(*blamed);
      for (const OptionRow* row : rows) {
        if (!(Problem{origin, {}} < Problem{OriginOf(*row), {}})) continue;
        blamed = row;
        origin = OriginOf(*row);
      }
      const Origin place{Source::kFile, contradiction.place};
      if (contradiction.place.line > 0 && Problem{origin, {}} < Problem{place, {}}) origin = place;
      const std::string where = DescribeOrigin(origin, *blamed, sources_.file_name);
      if (contradiction.of_user && purpose_ == Purpose::kCheck) {
        result_.notes.push_back(Printable(where + ": " + contradiction.text));
      } else {
        Report(origin, where, contradiction.text);
      }
    }
  }

  const Origin& OriginOf(const OptionRow& row) const { return sheaf::OriginOf(result_, row); }

  const ConfigSources& sources_;
  const Purpose purpose_;
  Configuration result_;
  std::vector<bool> failed_;  // for each of OptionRows(): some source had a faulty value
  bool listeners_of_file_ = true;
  std::vector<Problem> problems_;
};

}  // namespace

const Origin& OriginOf(const Configuration& configuration, const OptionRow& row) {
  return configuration.origins[static_cast<size_t>(&row - OptionRows().data())];
}

Result<Configuration> LoadConfiguration(const ConfigSources& sources, Purpose purpose) {
  return Loader(sources, purpose).Load();
}

}  // namespace sheaf
