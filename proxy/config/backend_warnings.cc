#include "proxy/config/backend_warnings.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "proxy/config/backend_section.h"

namespace sheaf {
namespace {

// A key that says nothing unless another one has the right value.
struct Companion {
  std::string_view key;
  std::string_view of;
  std::string_view word;  // as the conf file writes it
};
constexpr Companion kCompanions[] = {
    {"balance_key", "balance", "\"hash\""}, {"token", "mode", "\"mux\""}, {"token_file", "mode", "\"mux\""}};

// What can be guessed is no secret.
constexpr size_t kShortToken = 16;

const BackendRow& RowOf(std::string_view key) {
  const auto rows = BackendRows();
  return *std::find_if(rows.begin(), rows.end(), [key](const BackendRow& row) { return row.name == key; });
}

// As the conf file writes it.
std::string ValueOf(std::string_view key, BackendOptions backend) {
  const BackendRow& row = RowOf(key);
  return FormatValue(*row.inherits, row.slot(backend));
}

class WarningFinder {
 public:
  explicit WarningFinder(const Configuration& configuration)
      : configuration_(configuration),
        backends_(configuration.options.backends),
        origins_(configuration.backend_origins) {}

  std::vector<std::string> Find() {
    for (const Companion& companion : kCompanions) {
      if (InheritedForNothing(companion)) AddOf(companion, 0);
    }
    AddShortToken(0);
    for (size_t i = 1; i < backends_.size(); ++i) {
      if (!HasRoute(configuration_.options, backends_[i].name)) AddUnused(i);
      for (const Companion& companion : kCompanions) {
        if (Sets(i, companion.key) && !Uses(i, companion)) AddOf(companion, i);
      }
      if (Sets(i, "token") || Sets(i, "token_file")) AddShortToken(i);
    }
    return std::move(warnings_);
  }

 private:
  void Add(const Origin& origin, const OptionRow& row, const std::string& text) {
    warnings_.push_back(DescribeOrigin(origin, row, configuration_.file_name) + ": " + text);
  }

  // The first backend is that of [upstream], whose keys are options.
  const Origin& OriginOf(size_t backend, std::string_view key) const {
    return backend == 0 ? sheaf::OriginOf(configuration_, *RowOf(key).inherits) : OriginOfKey(origins_[backend], key);
  }

  // The default says nothing, written or not.
  bool Sets(size_t backend, std::string_view key) const {
    return OriginOf(backend, key).source != Source::kDefault &&
           ValueOf(key, backends_[backend]) != ValueOf(key, BackendOptions{});
  }
  bool Uses(size_t backend, const Companion& companion) const {
    return ValueOf(companion.of, backends_[backend]) == companion.word;
  }

  // [upstream]'s key is the one of each [[backend]] that has none of its own, too.
  bool InheritedForNothing(const Companion& companion) const {
    if (!Sets(0, companion.key)) return false;
    for (size_t i = 0; i < backends_.size(); ++i) {
      const bool inherits = OriginOfKey(origins_[i], companion.key).source == Source::kDefault;
      if (inherits && Uses(i, companion)) return false;
    }
    return true;
  }

  static std::string Name(size_t backend, std::string_view key) {
    return std::string(backend == 0 ? "upstream." : "backend.").append(key);
  }

  void AddOf(const Companion& companion, size_t backend) {
    Add(OriginOf(backend, companion.key), *RowOf(companion.key).inherits,
        Name(backend, companion.key) + " is for " + std::string(companion.of) + " = " + std::string(companion.word) +
            ", and " + std::string(companion.of) + " is " + ValueOf(companion.of, backends_[backend]) +
            ": set that too, or remove it");
  }

  void AddShortToken(size_t backend) {
    const BackendOptions& options = backends_[backend];
    if (options.token.empty() || options.token.size() >= kShortToken) return;
    const std::string_view key = options.token_file.empty() ? "token" : "token_file";
    Add(OriginOf(backend, key), *RowOf(key).inherits,
        Name(backend, key) + " has a token of fewer than " + std::to_string(kShortToken) +
            " characters, which can be guessed: write a longer one, such as `openssl rand -hex 24` prints");
  }

  void AddUnused(size_t backend) {
    Add({Source::kFile, origins_[backend].name}, OptionRows().front(),
        "no [[route]] leads to the backend " + QuoteToml(backends_[backend].name) +
            ": write backend = " + QuoteToml(backends_[backend].name) + " in one, or remove it");
  }

  const Configuration& configuration_;
  const std::vector<BackendOptions>& backends_;
  const std::vector<BackendOrigins>& origins_;
  std::vector<std::string> warnings_;
};

}  // namespace

std::vector<std::string> WarningsOfBackends(const Configuration& configuration) {
  return WarningFinder(configuration).Find();
}

}  // namespace sheaf
