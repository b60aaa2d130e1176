#include "proxy/base/exposition.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "proxy/base/ascii.h"

namespace sheaf {
namespace {

// The shortest decimal text that reads back as the same number, in any locale.
std::string NumberText(double value, std::chars_format format) {
  std::array<char, 400> digits;  // no double is longer
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, format);
  return {digits.data(), end};
}

std::string_view NameOf(MetricType type, ExpositionFormat format) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kInfo:
      if (format == ExpositionFormat::kOpenMetrics) return "info";
      [[fallthrough]];
    case MetricType::kGauge:
      break;
  }
  return "gauge";
}

// OpenMetrics names families without the suffix that their samples have.
std::string_view FamilyOf(std::string_view name, MetricType type, ExpositionFormat format) {
  if (format == ExpositionFormat::kPrometheus) return name;
  const std::string_view suffix = type == MetricType::kCounter ? "_total" : type == MetricType::kInfo ? "_info" : "";
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : name;
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// The part of `rest` before the next `separator`, which goes from it.
std::string_view TakePart(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return Trim(part);
}

// In thousandths (RFC 9110 12.4.2); nothing where the text is no weight.
std::optional<int> ParseWeight(std::string_view text) {
  double weight = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !(weight >= 0 && weight <= 1)) return std::nullopt;
  return static_cast<int>(std::lround(weight * 1000));
}

struct MediaRange {
  std::string_view type;
  std::string_view version;
  int weight = 1000;
};

MediaRange ParseRange(std::string_view text) {
  MediaRange range{.type = TakePart(text, ';'), .version = {}};
  while (!text.empty()) {
    std::string_view value = TakePart(text, ';');
    const std::string_view key = TakePart(value, '=');
    if (EqualsIgnoreCase(key, "q")) range.weight = ParseWeight(value).value_or(0);
    if (EqualsIgnoreCase(key, "version")) range.version = value;
  }
  return range;
}

}  // namespace

std::string_view ContentTypeOf(ExpositionFormat format) {
  return format == ExpositionFormat::kOpenMetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                                  : "text/plain; version=0.0.4; charset=utf-8";
}

ExpositionFormat FormatFor(std::span<const std::string_view> accept) {
  int open_metrics = 0;
  int text = 0;
  for (std::string_view rest : accept) {
    while (!rest.empty()) {
      const MediaRange range = ParseRange(TakePart(rest, ','));
      const auto is = [&range](std::string_view type) { return EqualsIgnoreCase(range.type, type); };
      if (is("application/openmetrics-text") && (range.version.empty() || range.version == "1.0.0")) {
        open_metrics = std::max(open_metrics, range.weight);
      } else if (is("text/plain") || is("text/*") || is("*/*")) {
        text = std::max(text, range.weight);
      }
    }
  }
  return open_metrics > 0 && open_metrics >= text ? ExpositionFormat::kOpenMetrics : ExpositionFormat::kPrometheus;
}

std::string Label(std::string_view key, std::string_view value) {
  std::string text = std::string(key) + "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') text.push_back('\\');
    text.append(c == '\n' ? std::string("\\n") : std::string(1, c));
  }
  return text + "\"";
}

void Exposition::Begin(std::string_view name, MetricType type, std::string_view help) {
  const std::string_view family = FamilyOf(name, type, format_);
  text_.append("# HELP ").append(family).append(" ").append(help).append("\n");
  text_.append("# TYPE ").append(family).append(" ").append(NameOf(type, format_)).append("\n");
}

void Exposition::Add(std::string_view name, std::string_view labels, uint64_t value) {
  AddText(name, labels, std::to_string(value));
}

void Exposition::Add(std::string_view name, std::string_view labels, int64_t value) {
  AddText(name, labels, std::to_string(value));
}

void Exposition::Add(std::string_view name, std::string_view labels, double value) {
  AddText(name, labels, NumberText(value, std::chars_format::fixed));
}

// Where the client libraries change over to exponents: OpenMetrics' readers insist on their spelling of powers of ten.
std::string Exposition::BoundLabel(double bound) const {
  constexpr double kLeastPlain = 1e-4;
  constexpr double kMostPlain = 1e6;
  if (bound < kLeastPlain || bound >= kMostPlain) return Label("le", NumberText(bound, std::chars_format::scientific));
  std::string text = NumberText(bound, std::chars_format::fixed);
  if (format_ == ExpositionFormat::kOpenMetrics && text.find('.') == std::string::npos) text.append(".0");
  return Label("le", text);
}

void Exposition::AddText(std::string_view name, std::string_view labels, std::string_view value) {
  text_.append(name);
  if (!labels.empty()) text_.append("{").append(labels).append("}");
  text_.append(" ").append(value).append("\n");
}

std::string Exposition::Take() {
  if (format_ == ExpositionFormat::kOpenMetrics) text_.append("# EOF\n");
  return std::move(text_);
}

}  // namespace sheaf
