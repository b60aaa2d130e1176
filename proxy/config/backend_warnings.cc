#include "proxy/config/backend_warnings.h"

#include <algorithm>
#include <string_view>

#include "proxy/config/backend_section.h"

namespace sheaf {
namespace {

size_t IndexOf(std::string_view key) {
  const auto rows = BackendRows();
  const auto row = std::find_if(rows.begin(), rows.end(), [key](const BackendRow& r) { return r.name == key; });
  return static_cast<size_t>(row - rows.begin());
}

class WarningFinder {
 public:
  explicit WarningFinder(const Configuration& configuration)
      : configuration_(configuration),
        backends_(configuration.options.backends),
        origins_(configuration.backend_origins) {}

  std::vector<std::string> Find() {
    if (InheritsUnusedKey()) {
      const OptionRow& row = *FindOption("upstream", "balance_key");
      AddOfKey(OriginOf(configuration_, row), "upstream", backends_.front());
    }
    for (size_t i = 0; i < backends_.size(); ++i) {
      if (origins_[i].section.line == 0) continue;
      if (!HasRoute(configuration_.options, backends_[i].name)) AddUnused(i);
      if (SetsKey(i) && !UsesKey(i)) AddOfKey(origins_[i].keys[kKey], "backend", backends_[i]);
    }
    return std::move(warnings_);
  }

 private:
  void Add(const Origin& origin, const OptionRow& row, const std::string& text) {
    warnings_.push_back(DescribeOrigin(origin, row, configuration_.file_name) + ": " + text);
  }

  // The default says nothing, written or not.
  bool SetsKey(size_t backend) const {
    return origins_[backend].keys[kKey].source != Source::kDefault &&
           backends_[backend].balance_key != Options{}.upstream.balance_key;
  }
  bool UsesKey(size_t backend) const { return backends_[backend].balance == Balance::kHash; }

  // [upstream]'s key is the one of each [[backend]] that has none of its own, too.
  bool InheritsUnusedKey() const {
    if (configuration_.options.upstream.balance_key == Options{}.upstream.balance_key) return false;
    for (size_t i = 0; i < backends_.size(); ++i) {
      if (origins_[i].keys[kKey].source == Source::kDefault && UsesKey(i)) return false;
    }
    return true;
  }

  void AddOfKey(const Origin& origin, const std::string& section, BackendOptions backend) {
    const BackendRow& balance = BackendRows()[IndexOf("balance")];
    Add(origin, *FindOption("upstream", "balance_key"),
        section + ".balance_key is for balance = \"hash\", and balance is " +
            FormatValue(*balance.inherits, balance.slot(backend)) + ": set that too, or remove it");
  }

  void AddUnused(size_t backend) {
    Add({Source::kFile, origins_[backend].name}, OptionRows().front(),
        "no [[route]] leads to the backend " + QuoteToml(backends_[backend].name) +
            ": write backend = " + QuoteToml(backends_[backend].name) + " in one, or remove it");
  }

  const size_t kKey = IndexOf("balance_key");
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
