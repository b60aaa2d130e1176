// Metrics as text, in either form that a scraper may ask for: Prometheus' own (0.0.4) or OpenMetrics 1.0.
//
//   Exposition text(ExpositionFormat::kOpenMetrics);
//   text.Begin("sheaf_messages_total", MetricType::kCounter, "Messages.");
//   text.Add("sheaf_messages_total", Label("route", "/api"), uint64_t{3});
//   std::string body = text.Take();
//
// Pure; any thread, one at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sheaf {

enum class ExpositionFormat : uint8_t { kPrometheus, kOpenMetrics };
enum class MetricType : uint8_t { kCounter, kGauge, kHistogram, kInfo };

// Of the answer that carries the text.
std::string_view ContentTypeOf(ExpositionFormat format);

// What a scraper wants that sends these values of Accept: OpenMetrics where it names that format, in version 1.0.0 or
// in none, and prefers nothing else; else Prometheus' text, which everybody takes.
ExpositionFormat FormatFor(std::span<const std::string_view> accept);

// key="value", escaped by the rules that both formats share.
std::string Label(std::string_view key, std::string_view value);

class Exposition {
 public:
  explicit Exposition(ExpositionFormat format) : format_(format) {}

  // The heading of a family. `name`: that of its samples, so a counter's ends in _total and an info's in _info.
  void Begin(std::string_view name, MetricType type, std::string_view help);
  // A sample under the last heading. `labels`: of Label, joined by commas; may be empty.
  void Add(std::string_view name, std::string_view labels, uint64_t value);
  void Add(std::string_view name, std::string_view labels, int64_t value);
  void Add(std::string_view name, std::string_view labels, double value);
  // le="...", the shortest text that reads back as `bound`. OpenMetrics wants a point in each of them.
  std::string BoundLabel(double bound) const;

  // The whole text, ended as the format asks for. The last call.
  std::string Take();

 private:
  void AddText(std::string_view name, std::string_view labels, std::string_view value);

  const ExpositionFormat format_;
  std::string text_;
};

}  // namespace sheaf
