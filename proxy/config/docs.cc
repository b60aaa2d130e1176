#include "proxy/config/docs.h"

#include <span>
#include <string_view>

#include "proxy/base/option_table.h"

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

"Reload" says what a reload's new value takes hold of: `live`, all that is under way and each new connection; `new sessions`,
WebSockets and requests that begin from then on; `restart`, nothing before the next start.
)";

constexpr std::string_view kListenersDoc =
    R"(More places where clients connect, besides those of `listen.address`, with values of their own. What a listener does not set is as
in `[listen]`. Its certificate and key go together: where it sets one of them it inherits neither, and `tls_certificate = ""` is
plain text beside a `[listen]` with TLS. A reload takes new connections to the new values. Set in the file alone; `--set
listener=none` leaves out those of the file.)";

constexpr std::string_view kBackendsDoc =
    R"(A backend that routes point to by its name (`backend = "realtime"`), beside that of `[upstream]`, whose name is `default`. Its urls
are its endpoints, which serve the same; `url` is taken too, where there is one. What a backend does not set, it inherits. Set in
the file alone.

```toml
[[backend]]
name = "realtime"
urls = ["http://127.0.0.1:8001", "unix:/run/app2.sock"]

[[route]]
path = "/socket.io"
backend = "realtime"
```)";

constexpr std::string_view kRoutesDoc =
    "Requests whose path begins with `path`, up to the end of one of its segments, have values of their own; the "
    "longest "
    "path\nwins. What a route does not set, it inherits.";

// Commented out like the route around them; behind the marks they are comments still.
constexpr std::string_view kRulesConfig =
    R"(#
# # Rules are the route's own, not inherited. Of each list, the first rule that matches a message counts. A rule names
# # what must hold, all of it:
# #   event                     the Socket.IO event has this name (of binary events it never does)
# #   prefix                    the message's text begins so
# #   pointer, equals = VALUE   the value there is this one: a text, a whole number, true or false
# #   pointer, one_of = [...]   the value there is one of these
# # Pointers are JSON Pointers (RFC 6901) into the first argument of a Socket.IO event, else into the message.
# #
# # critical: the message leaves at once, with what is gathered before it; with overtake = true, ahead of that.
# critical = [
#   { event = "alert" },
#   { pointer = "/level", one_of = ["high", 3, true], overtake = true },
#   { prefix = "ALERT" },
# ]
# # conflate: the message takes the place of a gathered older one of this rule (and of the same namespace and event, with
# # Socket.IO) that has the same value at key. A message without that value, or that waits for an acknowledgement, stays.
# conflate = [
#   { event = "price_update", key = "/symbol" },
#   { pointer = "/type", equals = "quote", key = "/symbol" },
# ]
)";

constexpr std::string_view kRulesDoc =
    R"(
### Rules

`critical` and `conflate` are lists of rules. They are a route's own, not inherited, and are set in the file alone. Of each list, the
first rule that matches a message counts. A rule names what must hold, all of it:

| Key | Matches |
| --- | --- |
| `event = "alert"` | Socket.IO events of this name, binary ones excepted |
| `prefix = "ALERT"` | messages whose text begins so |
| `pointer = "/priority"`, `equals = "high"` | messages with this value at the pointer: a text, a whole number, true or false |
| `pointer = "/level"`, `one_of = ["high", 3, true]` | messages with one of these values there |

Pointers are JSON Pointers (RFC 6901). They lead into the first argument of a Socket.IO event, else into the message, which is
then JSON. Texts are compared after their escapes are resolved, numbers by value: 3 equals 3.0 and 3e0. Binary messages match
nothing.

- `critical`: the message leaves at once, with what is gathered before it, in order; with `overtake = true` it goes ahead of that.
- `conflate`: the message takes the place of a gathered older one that the same rule matched and that has the same value at `key`, a
  pointer that each rule must have. With Socket.IO, both must also be of the same namespace and event. A message without a value
  at `key` is not matched. Never replaced: what waits for an acknowledgement, binary events, and what is no JSON object, no array
  and no Socket.IO event.

```toml
[[route]]
path = "/socket.io"
critical = [
  { event = "alert" },
  { pointer = "/level", one_of = ["high", 3, true], overtake = true },
]
conflate = [
  { event = "price_update", key = "/symbol" },
  { pointer = "/type", equals = "quote", key = "/symbol" },
]
```

Conflated, critical and dropped messages are counted for each route and rule (METRICS.md). A rule that could never match, or
never be reached, is an error.
)";

std::string FallbackToml(const OptionRow& row) {
  const bool bare = row.unit == OptionUnit::kSwitch || row.unit == OptionUnit::kList ||
                    row.unit == OptionUnit::kOneOrList || ParseNumber(row.fallback);
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
  return text + (row.unwritten ? "# " : "") + std::string(row.name) + " = " + FallbackToml(row) + "\n";
}

std::string ManualLine(const OptionRow& row) {
  return "| `" + row.FullName() + "` | `" + FallbackToml(row) + "` | " + RangeOf(row) + " | " +
         std::string(NameOf(row.takes)) + " | " + ToMarkdown(row.doc) + " |\n";
}

// Commented out: each key with the default of what it inherits, which is named beside it.
template <typename Row>
std::string InheritedLines(std::span<const Row> rows) {
  std::string text;
  for (const Row& row : rows) {
    text +=
        "# " + std::string(row.name) + " = " + FallbackToml(*row.inherits) + "  # " + row.inherits->FullName() + "\n";
  }
  return text;
}

constexpr std::string_view kManualTable =
    "\n| Option | Default | Range | Reload | Meaning |\n| --- | --- | --- | --- | --- |\n";

}  // namespace

std::string DefaultConfig() {
  std::string text(kConfigHead);
  text += "\n" + ForRowsOf("", DefaultLine);
  for (const SectionRow& section : SectionRows()) {
    text += "\n# " + std::string(section.doc) + "\n[" + std::string(section.name) + "]\n" +
            ForRowsOf(section.name, DefaultLine);
  }
  text +=
      "\n# One more place where clients connect (or a list of them), with values of its own. Each key may be left out "
      "but "
      "address,\n# and is then as in [listen]; the certificate and its key go together, and tls_certificate = \"\" is "
      "plain text.\n#\n# [[listener]]\n# address = \":8443\"\n";
  for (const ListenerRow& row : ListenerRows()) {
    text += "# " + std::string(row.name) + " = " + FallbackToml(*row.inherits) + "\n";
  }
  text +=
      "\n# A backend that routes point to by its name, beside that of [upstream]; its urls are its endpoints. Each key "
      "may "
      "be left\n# out but name and urls, and is then inherited from the option named beside it.\n#\n# [[backend]]\n# "
      "name "
      "= \"realtime\"\n# urls = [\"http://127.0.0.1:8001\", \"unix:/run/app2.sock\"]\n" +
      InheritedLines(BackendRows());
  text +=
      "\n# A path prefix with values of its own; the longest prefix wins. Each key may be left out but path, and is "
      "then\n"
      "# inherited from the option named beside it.\n"
      "#\n# [[route]]\n# path = \"/api\"\n# backend = \"default\"  # the name of a [[backend]]; default: of "
      "[upstream]\n" +
      InheritedLines(RouteRows());
  return text.append(kRulesConfig);
}

std::string OptionsManual() {
  std::string text(kManualHead);
  text += std::string(kManualTable) + ForRowsOf("", ManualLine);
  for (const SectionRow& section : SectionRows()) {
    text += "\n## [" + std::string(section.name) + "]\n" + std::string(section.doc) + "\n" + std::string(kManualTable) +
            ForRowsOf(section.name, ManualLine);
  }
  text += "\n## [[listener]]\n" + std::string(kListenersDoc) +
          "\n\n| Key | Left out |\n| --- | --- |\n| `address` | must be set: one, or a list |\n";
  for (const ListenerRow& row : ListenerRows()) {
    text += "| `" + std::string(row.name) + "` | as `" + row.inherits->FullName() + "` |\n";
  }
  text += "\n## [[backend]]\n" + std::string(kBackendsDoc) +
          "\n\n| Key | Inherits |\n| --- | --- |\n| `name` | must be set: letters, digits, dots, hyphens and "
          "underscores |\n"
          "| `urls` | must be set: one, or a list |\n";
  for (const BackendRow& row : BackendRows()) {
    text += "| `" + std::string(row.name) + "` | `" + row.inherits->FullName() + "` |\n";
  }
  text += "\n## [[route]]\n" + std::string(kRoutesDoc) +
          "\n\n| Key | Inherits |\n| --- | --- |\n| `path` | must be set |\n| `backend` | `default`, that of "
          "`[upstream]`; else the name "
          "of a `[[backend]]` |\n";
  for (const RouteRow& row : RouteRows()) {
    text += "| `" + std::string(row.name) + "` | `" + row.inherits->FullName() + "` |\n";
  }
  text += "| `critical` | none: see below |\n| `conflate` | none: see below |\n";
  return text.append(kRulesDoc);
}

}  // namespace sheaf
