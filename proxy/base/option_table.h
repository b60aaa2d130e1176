// The option table: one row an option (option_rows.h). The structs below, parsing, checks, defaults,
// --print-default-config, conf/sheaf.conf, conf/OPTIONS.md, the environment variables (SHEAF_SECTION_KEY) and --set all
// come from the rows, so a new option is one row, its use, and a test.
//
//   Options options;                                // the defaults
//   if (options.timeouts.head > 5s) ...             // a section is a nested struct, a key is a member
//
// proxy/config/config.h fills an Options from a file, the environment and the command line. After that it is read only,
// by any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/base/option_rows.h"
#include "proxy/base/option_types.h"
#include "proxy/base/rule.h"

namespace sheaf {

struct RouteOptions;
struct ListenerOptions;
struct BackendOptions;

struct Options {
#define SHEAF_BEGIN(Struct, section, doc) struct Struct {
#define SHEAF_OPTION(type, name, fallback, least, most, unit, takes, flags, doc) \
  type name = option_internal::Default(option_internal::Type<type>{}, fallback);
#define SHEAF_END(section) \
  }                        \
  section;
  SHEAF_OPTIONS(SHEAF_BEGIN, SHEAF_OPTION, SHEAF_END)
#undef SHEAF_BEGIN
#undef SHEAF_OPTION
#undef SHEAF_END

  // In the order of the file. A loaded configuration always has one with the path "/".
  std::vector<RouteOptions> routes;
  // A listener for each address: those of listen.address first, then those of each [[listener]], in the order of the
  // file. A loaded configuration always has one.
  std::vector<ListenerOptions> listeners;
  // That of [upstream] first, then each [[backend]], in the order of the file. A loaded configuration always has one.
  std::vector<BackendOptions> backends;
  // forwarded.trusted_proxies was written by the operator, not left out.
  bool proxies_named = false;
};

// Where clients connect, one address, and what holds there, inherited values included.
struct ListenerOptions {
  std::string address = ":8080";
#define SHEAF_ROW(name) decltype(Options::Listen::name) name = Options::Listen{}.name;
  SHEAF_LISTENER_OPTIONS(SHEAF_ROW)
#undef SHEAF_ROW

  bool is_unix() const {
    return address.starts_with("unix:");
  }
  bool is_tls() const {
    return !tls_certificate.empty();
  }
};

// The name of [upstream]'s.
inline constexpr std::string_view kDefaultBackend = "default";

// A backend: the endpoints that serve the same, and how they are reached, inherited values included.
struct BackendOptions {
  std::string name{kDefaultBackend};
  std::vector<std::string> urls;
#define SHEAF_ROW(name, section, option) decltype(Options::section.option) name = decltype(Options::section){}.option;
  SHEAF_BACKEND_OPTIONS(SHEAF_ROW)
#undef SHEAF_ROW
};

// A path prefix and what holds for requests under it, inherited values included. A default-made one has the defaults;
// use InheritRoute for one that has the values of an Options.
struct RouteOptions {
  std::string path = "/";
#define SHEAF_ROW(name, section, option) decltype(Options::section.option) name = Options{}.section.option;
  SHEAF_ROUTE_OPTIONS(SHEAF_ROW)
#undef SHEAF_ROW
  std::string backend{kDefaultBackend};  // its name
  std::vector<RuleOptions> critical;
  std::vector<RuleOptions> conflate;

  bool operator==(const RouteOptions&) const = default;
};

// A listener that sets nothing but its address by itself.
ListenerOptions InheritListener(const Options& options, std::string address);

// The backend of [upstream].
BackendOptions DefaultBackend(const Options& options);

// A backend that sets nothing by itself.
BackendOptions InheritBackend(const Options& options, std::string name, std::vector<std::string> urls);

// A route that sets nothing by itself.
RouteOptions InheritRoute(const Options& options, std::string path);

// Where a value lives. The names of an enumeration are indexed by its value.
struct WordSlot {
  uint8_t* value;
  std::span<const std::string_view> names;
};
using OptionSlot = std::variant<bool*, uint32_t*, uint64_t*, std::chrono::milliseconds*, std::string*,
                                std::vector<std::string>*, WordSlot>;

// A row of the table at run time.
struct OptionRow {
  std::string_view section;  // empty: a key at the top of the file
  std::string_view name;
  std::string_view fallback;  // the default, as written
  std::string_view least;
  std::string_view most;
  OptionUnit unit;
  Takes takes;
  bool secret;
  bool unwritten;
  std::string_view doc;
  OptionSlot (*slot)(Options&);

  // "pool.min_size", "workers".
  std::string FullName() const;
  // "SHEAF_POOL_MIN_SIZE", "SHEAF_WORKERS".
  std::string EnvironmentName() const;
};

struct SectionRow {
  std::string_view name;
  std::string_view doc;
};

struct RouteRow {
  std::string_view name;
  const OptionRow* inherits;
  OptionSlot (*slot)(RouteOptions&);
};

struct ListenerRow {
  std::string_view name;
  const OptionRow* inherits;
  OptionSlot (*slot)(ListenerOptions&);
};

struct BackendRow {
  std::string_view name;
  const OptionRow* inherits;
  OptionSlot (*slot)(BackendOptions&);
};

// Every option, in the order of the table; every section; every key of a route but path, of a listener but address,
// and of a backend but name, url and urls.
std::span<const OptionRow> OptionRows();
std::span<const SectionRow> SectionRows();
std::span<const RouteRow> RouteRows();
std::span<const ListenerRow> ListenerRows();
std::span<const BackendRow> BackendRows();

// nullptr when there is none. `section` is empty for a key at the top.
const OptionRow* FindOption(std::string_view section, std::string_view name);

// Reads `text` as the row's unit says, checks the bounds, and stores it in `slot`. Returns what is wrong and how to
// mend it, or an empty string. The same for all sources: lists are separated by commas, with or without blanks; words
// may be written in letters of any case ("INFO", "warn"), and true as yes, on or 1. Any thread.
[[nodiscard]] std::string SetFromText(const OptionRow& row, const OptionSlot& slot, std::string_view text);

// Copies an option's value. Both slots are of one row.
void CopyValue(const OptionSlot& from, const OptionSlot& to);

// The value as the conf file writes it, quoted where TOML asks for it; secrets as they are.
std::string FormatValue(const OptionRow& row, const OptionSlot& slot);

// `text` as a TOML basic string with its quotes.
std::string QuoteToml(std::string_view text);

}  // namespace sheaf
