#include "proxy/config_docs.h"

#include <algorithm>
#include <string_view>

namespace sheaf {
namespace {

constexpr std::string_view kConfigHead =
    R"(# Sheaf: every option with its meaning and its default.
# Generated from the option table (proxy/base/option_table.h).
#
# A file needs only what differs from the defaults. The environment variable SHEAF_SECTION_KEY goes before the file, and
# --set section.key=value before both. `sheaf --check -c FILE` says whether a file is right, and
# `sheaf --dump-config -c FILE` what is in effect and why. Times are written "50ms", "5s", "10m", "1h"; sizes 4096,
# "64KiB", "16MiB", "1GiB".
)";

constexpr std::string_view kManualHead =
    R"(# Options

Generated from the option table (`proxy/base/option_table.h`); `sheaf.conf` beside it is the same as a file to start
from.

A value is taken from the command line (`--set pool.min_size=5`), else from the environment (`SHEAF_POOL_MIN_SIZE=5`),
else from the file (`sheaf -c FILE`, TOML syntax), else it is the default. Times are a number and `ms`, `s`, `m` or `h`,
in quotes in the file; sizes are a number of bytes, or a text with `KiB`, `MiB`, `GiB` or `TiB`; lists in the
environment and on the command line are separated by commas. An unknown name or a faulty value is an error with file,
line and column, and nothing starts.

"Reload" marks what a reload is meant to change without a restart. This version has no reload yet: restart it.
)";

constexpr std::string_view kRoutesDoc =
    "Requests whose path begins with `path`, up to the end of one of its segments, have values of their own; the "
    "longest "
    "path\nwins. What a route does not set, it inherits.";

std::string FallbackToml(const OptionRow& row) {
  const bool bare = row.unit == OptionUnit::kSwitch || row.unit == OptionUnit::kList || ParseNumber(row.fallback);
  return bare ? std::string(row.fallback) : QuoteToml(row.fallback);
}

// "1 to 65535; SHEAF_LISTEN_BACKLOG".
std::string RangeOf(const OptionRow& row) {
  if (!row.least.empty()) return std::string(row.least) + " to " + std::string(row.most);
  if (row.unit != OptionUnit::kWord) return {};
  Options options;
  std::string words;
  const OptionSlot slot = row.slot(options);
  for (const std::string_view name : std::get<WordSlot>(slot).names) {
    words.append(words.empty() ? "" : ", ").append(name);
  }
  return words;
}

std::string ToMarkdown(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '*' || c == '|' || c == '<') escaped.push_back('\\');
    escaped.push_back(c);
  }
  return escaped;
}

// The rows of one section, "" for those at the top, through `format`.
template <typename Format>
std::string ForRowsOf(std::string_view section, Format format) {
  std::string text;
  for (const OptionRow& row : OptionRows()) {
    if (row.section == section) text += format(row);
  }
  return text;
}

std::string DefaultLine(const OptionRow& row) {
  const std::string range = RangeOf(row);
  std::string text = "# " + std::string(row.doc) + "\n";
  if (!range.empty()) text += "# (" + range + ")\n";
  return text + std::string(row.name) + " = " + FallbackToml(row) + "\n";
}

std::string ManualLine(const OptionRow& row) {
  return "| `" + row.FullName() + "` | `" + FallbackToml(row) + "` | " + RangeOf(row) + " | " +
         (row.reloadable ? "yes" : "") + " | " + ToMarkdown(row.doc) + " |\n";
}

constexpr std::string_view kManualTable =
    "\n| Option | Default | Range | Reload | Meaning |\n| --- | --- | --- | --- | --- |\n";

std::string DumpRow(const OptionRow& row, const Configuration& configuration) {
  // Slots are made for writing; the copy is what they may write to.
  Options options = configuration.options;
  const OptionSlot slot = row.slot(options);
  const size_t index = static_cast<size_t>(&row - OptionRows().data());
  const std::string value = row.secret && FormatValue(row, slot) != "\"\"" ? "\"<redacted>\"" : FormatValue(row, slot);
  return std::string(row.name) + " = " + value + "  # " +
         DescribeOrigin(configuration.origins[index], row, configuration.file_name) + "\n";
}

std::string DumpRoute(RouteOptions route, const std::vector<Origin>& origins, const std::string& file_name) {
  std::string text = "\n[[route]]\npath = " + QuoteToml(route.path) + "\n";
  for (size_t i = 0; i < RouteRows().size(); ++i) {
    const RouteRow& row = RouteRows()[i];
    const std::string origin = origins[i].source == Source::kDefault
                                   ? row.inherits->FullName()
                                   : DescribeOrigin(origins[i], *row.inherits, file_name);
    text += std::string(row.name) + " = " + FormatValue(*row.inherits, row.slot(route)) + "  # " + origin + "\n";
  }
  return text;
}

}  // namespace

std::string DefaultConfig() {
  std::string text(kConfigHead);
  text += "\n" + ForRowsOf("", DefaultLine);
  for (const SectionRow& section : SectionRows()) {
    text += "\n# " + std::string(section.doc) + "\n[" + std::string(section.name) + "]\n" +
            ForRowsOf(section.name, DefaultLine);
  }
  text +=
      "\n# A path prefix with values of its own; the longest prefix wins. Each key may be left out but path, and is "
      "then\n"
      "# inherited from the option named beside it.\n"
      "#\n# [[route]]\n# path = \"/api\"\n";
  for (const RouteRow& row : RouteRows()) {
    text +=
        "# " + std::string(row.name) + " = " + FallbackToml(*row.inherits) + "  # " + row.inherits->FullName() + "\n";
  }
  return text;
}

std::string OptionsManual() {
  std::string text(kManualHead);
  text += std::string(kManualTable) + ForRowsOf("", ManualLine);
  for (const SectionRow& section : SectionRows()) {
    text += "\n## [" + std::string(section.name) + "]\n" + std::string(section.doc) + "\n" + std::string(kManualTable) +
            ForRowsOf(section.name, ManualLine);
  }
  text += "\n## [[route]]\n" + std::string(kRoutesDoc) +
          "\n\n| Key | Inherits |\n| --- | --- |\n| `path` | must be set |\n";
  for (const RouteRow& row : RouteRows()) {
    text += "| `" + std::string(row.name) + "` | `" + row.inherits->FullName() + "` |\n";
  }
  return text;
}

std::string DumpConfiguration(const Configuration& configuration) {
  const auto dump = [&configuration](const OptionRow& row) { return DumpRow(row, configuration); };
  std::string text = ForRowsOf("", dump);
  for (const SectionRow& section : SectionRows()) {
    text += "\n[" + std::string(section.name) + "]\n" + ForRowsOf(section.name, dump);
  }
  for (size_t i = 0; i < configuration.options.routes.size(); ++i) {
    text += DumpRoute(configuration.options.routes[i], configuration.route_origins[i], configuration.file_name);
  }
  return text;
}

std::string Summarize(const Options& options) {
  std::string paths;
  for (const RouteOptions& route : options.routes) paths += (paths.empty() ? "" : ", ") + route.path;
  return "clients:  " + options.listen.address + (options.listen.tls_certificate.empty() ? "" : " (TLS)") +
         "\nupstream: " + options.upstream.url + ", " + std::to_string(options.pool.min_size) + " to " +
         std::to_string(options.pool.max_size) + " connections" +
         "\nadmin:    " + (options.admin.address.empty() ? "off" : options.admin.address) + "\nroutes:   " + paths +
         "\n";
}

}  // namespace sheaf
