#include "proxy/config/dump.h"

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "proxy/config/rules.h"

namespace sheaf {
namespace {

// `from_file`: the option has its value, if it is a secret, from a file of its own (admin.token_file), and none to
// show.
std::string ShownValue(const OptionRow& row, const OptionSlot& slot, bool from_file) {
  std::string value = FormatValue(row, slot);
  if (!row.secret || value == "\"\"") return value;
  return from_file ? "\"\"" : "\"<redacted>\"";
}

std::string DumpRow(const OptionRow& row, const Configuration& configuration) {
  // Slots are made for writing; the copy is what they may write to.
  Options options = configuration.options;
  const OptionSlot slot = row.slot(options);
  const size_t index = static_cast<size_t>(&row - OptionRows().data());
  const bool by_default = configuration.origins[index].source == Source::kDefault;
  const std::string value = ShownValue(row, slot, by_default);
  const bool replaced = row.FullName() == "upstream.url" && !options.upstream.urls.empty();
  const bool left_out = by_default && (row.unwritten || replaced);
  return (left_out ? "# " : "") + std::string(row.name) + " = " + value + "  # " +
         DescribeOrigin(configuration.origins[index], row, configuration.file_name) + "\n";
}

// `section`: "" for the options at the top.
std::string DumpSection(std::string_view section, const Configuration& configuration) {
  std::string text;
  for (const OptionRow& row : OptionRows()) {
    if (row.section == section) text += DumpRow(row, configuration);
  }
  return text;
}

// What a section of a list sets or inherits. `origins`: for each of `rows`. `from_file`: as of ShownValue.
template <typename Row, typename Owner>
std::string DumpOwnKeys(std::span<const Row> rows, Owner& owner, const std::vector<Origin>& origins,
                        const std::string& file_name, bool from_file = false) {
  std::string text;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    const std::string origin = origins[i].source == Source::kDefault
                                   ? row.inherits->FullName()
                                   : DescribeOrigin(origins[i], *row.inherits, file_name);
    text.append(row.name).append(" = ").append(ShownValue(*row.inherits, row.slot(owner), from_file));
    text.append("  # ").append(origin).append("\n");
  }
  return text;
}

// One address of a [[listener]], with all that holds there.
std::string DumpListener(ListenerOptions listener, const ListenerOrigins& origins, const std::string& file_name) {
  // Of a list with a Unix socket in it, say: by itself it would be a mistake.
  if (!listener.is_unix()) listener.socket_mode.clear();
  const OptionRow& address = *FindOption("listen", "address");
  std::string text = "\n[[listener]]\naddress = " + QuoteToml(listener.address) + "  # " +
                     DescribeOrigin(origins.address, address, file_name) + "\n";
  return text + DumpOwnKeys(ListenerRows(), listener, origins.keys, file_name);
}

std::string DumpBackend(BackendOptions backend, const BackendOrigins& origins, const std::string& file_name) {
  const OptionRow& urls = *FindOption("upstream", "urls");
  std::string text = "\n[[backend]]\nname = " + QuoteToml(backend.name) + "  # " +
                     DescribeOrigin({Source::kFile, origins.name}, urls, file_name) +
                     "\nurls = " + FormatValue(urls, &backend.urls) + "  # " +
                     DescribeOrigin(origins.urls.front(), urls, file_name) + "\n";
  return text + DumpOwnKeys(BackendRows(), backend, origins.keys, file_name, !backend.token_file.empty());
}

// A list of rules, a line each, that loads again.
std::string DumpRules(RuleList list, const std::vector<RuleOptions>& rules, const std::string& origin) {
  std::string text = std::string(NameOf(list)) + " = [" + (rules.empty() ? "]" : "") + "  # " + origin + "\n";
  for (const RuleOptions& rule : rules) text += "  " + FormatRule(list, rule) + ",\n";
  return text + (rules.empty() ? "" : "]\n");
}

std::string DumpRoute(RouteOptions route, const RouteOrigins& origins, const std::string& file_name) {
  // Rules and backends come from the file or are not there, so no option is named.
  const auto describe = [&file_name](const Origin& origin) {
    return DescribeOrigin(origin, OptionRows().front(), file_name);
  };
  std::string text = "\n[[route]]\npath = " + QuoteToml(route.path) + "\nbackend = " + QuoteToml(route.backend) +
                     "  # " + describe(origins.backend) + "\n" +
                     DumpOwnKeys(RouteRows(), route, origins.keys, file_name);
  text += DumpRules(RuleList::kCritical, route.critical, describe(origins.critical));
  return text + DumpRules(RuleList::kConflate, route.conflate, describe(origins.conflate));
}

}  // namespace

std::string DumpConfiguration(const Configuration& configuration) {
  std::string text = DumpSection("", configuration);
  for (const SectionRow& section : SectionRows()) {
    text += "\n[" + std::string(section.name) + "]\n" + DumpSection(section.name, configuration);
  }
  for (size_t i = 0; i < configuration.options.listeners.size(); ++i) {
    const ListenerOrigins& origins = configuration.listener_origins[i];
    if (origins.section.line == 0) continue;  // of [listen]
    text += DumpListener(configuration.options.listeners[i], origins, configuration.file_name);
  }
  for (size_t i = 0; i < configuration.options.backends.size(); ++i) {
    const BackendOrigins& origins = configuration.backend_origins[i];
    if (origins.section.line == 0) continue;  // of [upstream]
    text += DumpBackend(configuration.options.backends[i], origins, configuration.file_name);
  }
  for (size_t i = 0; i < configuration.options.routes.size(); ++i) {
    text += DumpRoute(configuration.options.routes[i], configuration.route_origins[i], configuration.file_name);
  }
  return text;
}

}  // namespace sheaf
