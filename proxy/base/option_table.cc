#include "proxy/base/option_table.h"

#include <algorithm>
#include <utility>

#include "proxy/base/ascii.h"

namespace sheaf {
namespace {

template <typename T>
OptionSlot SlotOf(T& value) {
  if constexpr (std::is_enum_v<T>) {
    static_assert(std::is_same_v<std::underlying_type_t<T>, uint8_t>);
    return WordSlot{reinterpret_cast<uint8_t*>(&value), option_internal::Names(T{})};
  } else {
    return &value;
  }
}

enum Flags : uint8_t { kSecret = 1, kUnwritten = 2 };

std::vector<OptionRow> MakeOptionRows() {
  std::vector<OptionRow> rows;
  // Where::In leads from an Options to the section whose rows are being added; each section has its own.
  constexpr std::string_view kSection;
  struct Where {
    static Options& In(Options& options) { return options; }
  };
#define SHEAF_BEGIN(Struct, section, doc)                                      \
  {                                                                            \
    constexpr std::string_view kSection = #section;                            \
    struct Where {                                                             \
      static Options::Struct& In(Options& options) { return options.section; } \
    };
#define SHEAF_OPTION(type, name, fallback, least, most, unit, takes, flags, doc)                                  \
  rows.push_back({kSection, #name, fallback, least, most, OptionUnit::unit, Takes::takes, ((flags)&kSecret) != 0, \
                  ((flags)&kUnwritten) != 0, doc, [](Options& options) { return SlotOf(Where::In(options).name); }});
#define SHEAF_END(section) }
  SHEAF_OPTIONS(SHEAF_BEGIN, SHEAF_OPTION, SHEAF_END)
#undef SHEAF_BEGIN
#undef SHEAF_OPTION
#undef SHEAF_END
  return rows;
}

char ToUpper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

constexpr bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

// In letters of any case, and with hyphens for underscores or the other way round.
bool IsSameWord(std::string_view a, std::string_view b) {
  const auto plain = [](char c) { return c == '_' ? '-' : ToLower(c); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return plain(x) == plain(y); });
}

// What other programs call it.
std::string_view OurWordFor(std::string_view word) {
  return IsSameWord(word, "warn") ? "warning" : word;
}

std::string Range(const OptionRow& row) {
  return "from " + std::string(row.least) + " to " + std::string(row.most);
}

std::string Not(std::string_view text) {
  return ", not " + QuoteToml(text);
}

std::string Set(const OptionRow& row, uint32_t* value, std::string_view text) {
  const bool may_be_auto = row.unit == OptionUnit::kAutoCount;
  if (may_be_auto && IsSameWord(text, "auto")) {
    *value = kAuto;
    return {};
  }
  const std::optional<uint64_t> number = ParseNumber(text);
  if (!number || *number < ParseNumber(row.least) || *number > ParseNumber(row.most)) {
    return std::string("must be ") + (may_be_auto ? "\"auto\" or " : "") + "a number " + Range(row) + Not(text);
  }
  *value = static_cast<uint32_t>(*number);
  return {};
}

std::string Set(const OptionRow& row, uint64_t* value, std::string_view text) {
  const std::optional<uint64_t> bytes = ParseBytes(text);
  if (!bytes || *bytes < ParseBytes(row.least) || *bytes > ParseBytes(row.most)) {
    return "must be a size " + Range(row) + ", such as 4096, \"64KiB\" or \"16MiB\"" + Not(text);
  }
  *value = *bytes;
  return {};
}

std::string Set(const OptionRow& row, std::chrono::milliseconds* value, std::string_view text) {
  const std::optional<std::chrono::milliseconds> time = ParseDuration(text);
  if (!time || *time < ParseDuration(row.least) || *time > ParseDuration(row.most)) {
    return "must be a time " + Range(row) + ", such as \"50ms\", \"5s\", \"10m\" or \"1h\"" + Not(text);
  }
  *value = *time;
  return {};
}

std::string Set(const OptionRow& /*row*/, bool* value, std::string_view text) {
  const auto is_one_of = [text](std::span<const std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [text](std::string_view word) { return IsSameWord(text, word); });
  };
  static constexpr std::string_view kYes[] = {"true", "yes", "on", "1"};
  static constexpr std::string_view kNo[] = {"false", "no", "off", "0"};
  const bool yes = is_one_of(kYes);
  if (!yes && !is_one_of(kNo)) return "must be true or false" + Not(text);
  *value = yes;
  return {};
}

std::string Set(const OptionRow& /*row*/, std::string* value, std::string_view text) {
  *value = text;
  return {};
}

std::string Set(const OptionRow& /*row*/, std::vector<std::string>* value, std::string_view text) {
  value->clear();
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    if (const std::string_view item = Trim(text.substr(0, comma)); !item.empty()) value->emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return {};
}

std::string Set(const OptionRow& /*row*/, const WordSlot& slot, std::string_view text) {
  std::string allowed;
  for (size_t i = 0; i < slot.names.size(); ++i) {
    if (IsSameWord(slot.names[i], OurWordFor(text))) {
      *slot.value = static_cast<uint8_t>(i);
      return {};
    }
    if (i > 0) allowed += i + 1 == slot.names.size() ? " or " : ", ";
    allowed += QuoteToml(slot.names[i]);
  }
  return "must be " + allowed + Not(text);
}

std::string QuoteList(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) {
    if (list.size() > 1) list += ", ";
    list += QuoteToml(text);
  }
  return list + "]";
}

}  // namespace

std::string OptionRow::FullName() const {
  return section.empty() ? std::string(name) : std::string(section).append(".").append(name);
}

std::string OptionRow::EnvironmentName() const {
  std::string variable = "SHEAF_" + FullName();
  std::transform(variable.begin(), variable.end(), variable.begin(),
                 [](char c) { return c == '.' ? '_' : ToUpper(c); });
  return variable;
}

RouteOptions InheritRoute(const Options& options, std::string path) {
  RouteOptions route;
  route.path = std::move(path);
#define SHEAF_ROW(name, section, option) route.name = options.section.option;
  SHEAF_ROUTE_OPTIONS(SHEAF_ROW)
#undef SHEAF_ROW
  return route;
}

BackendOptions InheritBackend(const Options& options, std::string name, std::vector<std::string> urls) {
  BackendOptions backend;
  backend.name = std::move(name);
  backend.urls = std::move(urls);
#define SHEAF_ROW(name, section, option) backend.name = options.section.option;
  SHEAF_BACKEND_OPTIONS(SHEAF_ROW)
#undef SHEAF_ROW
  return backend;
}

BackendOptions DefaultBackend(const Options& options) {
  const bool several = !options.upstream.urls.empty();
  return InheritBackend(options, std::string(kDefaultBackend),
                        several ? options.upstream.urls : std::vector{options.upstream.url});
}

ListenerOptions InheritListener(const Options& options, std::string address) {
  ListenerOptions listener;
  listener.address = std::move(address);
#define SHEAF_ROW(name) listener.name = options.listen.name;
  SHEAF_LISTENER_OPTIONS(SHEAF_ROW)
#undef SHEAF_ROW
  return listener;
}

std::optional<Envelope> EnvelopeNamed(std::string_view name) {
  const auto& names = option_internal::kEnvelopeNames;
  const auto* const found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Envelope>(found - names.begin());
}

std::span<const OptionRow> OptionRows() {
  static const std::vector<OptionRow> rows = MakeOptionRows();
  return rows;
}

std::span<const SectionRow> SectionRows() {
  static constexpr SectionRow kRows[] = {
#define SHEAF_BEGIN(Struct, section, doc) SectionRow{#section, doc},
#define SHEAF_OPTION(type, name, fallback, least, most, unit, takes, flags, doc)
#define SHEAF_END(section)
      SHEAF_OPTIONS(SHEAF_BEGIN, SHEAF_OPTION, SHEAF_END)
#undef SHEAF_BEGIN
#undef SHEAF_OPTION
#undef SHEAF_END
  };
  return kRows;
}

std::span<const RouteRow> RouteRows() {
  static const std::vector<RouteRow> rows = {
#define SHEAF_ROW(name, section, option) \
  RouteRow{#name, FindOption(#section, #option), [](RouteOptions& route) { return SlotOf(route.name); }},
      SHEAF_ROUTE_OPTIONS(SHEAF_ROW)
#undef SHEAF_ROW
  };
  return rows;
}

std::span<const ListenerRow> ListenerRows() {
  static const std::vector<ListenerRow> rows = {
#define SHEAF_ROW(name) \
  ListenerRow{#name, FindOption("listen", #name), [](ListenerOptions& listener) { return SlotOf(listener.name); }},
      SHEAF_LISTENER_OPTIONS(SHEAF_ROW)
#undef SHEAF_ROW
  };
  return rows;
}

std::span<const BackendRow> BackendRows() {
  static const std::vector<BackendRow> rows = {
#define SHEAF_ROW(name, section, option) \
  BackendRow{#name, FindOption(#section, #option), [](BackendOptions& backend) { return SlotOf(backend.name); }},
      SHEAF_BACKEND_OPTIONS(SHEAF_ROW)
#undef SHEAF_ROW
  };
  return rows;
}

const OptionRow* FindOption(std::string_view section, std::string_view name) {
  for (const OptionRow& row : OptionRows()) {
    if (row.section == section && row.name == name) return &row;
  }
  return nullptr;
}

std::string SetFromText(const OptionRow& row, const OptionSlot& slot, std::string_view text) {
  // A text is the operator's own; in what is read as something else blanks mean nothing.
  if (row.unit != OptionUnit::kText) text = Trim(text);
  return std::visit([&](const auto& value) { return Set(row, value, text); }, slot);
}

void CopyValue(const OptionSlot& from, const OptionSlot& to) {
  std::visit(
      [&to](const auto& value) {
        using Slot = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Slot, WordSlot>) {
          *std::get<WordSlot>(to).value = *value.value;
        } else {
          *std::get<Slot>(to) = *value;
        }
      },
      from);
}

std::string FormatValue(const OptionRow& row, const OptionSlot& slot) {
  struct Format {
    const OptionRow& row;
    std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
    std::string operator()(const uint32_t* value) const {
      return row.unit == OptionUnit::kAutoCount && *value == kAuto ? "\"auto\"" : std::to_string(*value);
    }
    std::string operator()(const uint64_t* value) const {
      const std::string text = FormatBytes(*value);
      return text.ends_with('B') ? QuoteToml(text) : text;
    }
    std::string operator()(const std::chrono::milliseconds* value) const { return QuoteToml(FormatDuration(*value)); }
    std::string operator()(const std::string* value) const { return QuoteToml(*value); }
    std::string operator()(const std::vector<std::string>* value) const {
      const bool alone = row.unit == OptionUnit::kOneOrList && value->size() == 1;
      return alone ? QuoteToml(value->front()) : QuoteList(*value);
    }
    std::string operator()(const WordSlot& word) const { return QuoteToml(word.names[*word.value]); }
  };
  return std::visit(Format{row}, slot);
}

std::string QuoteToml(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted.append({'\\', c});
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted.append("\\u00").append({kHex[byte >> 4], kHex[byte & 15]});
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "\"";
}

}  // namespace sheaf
