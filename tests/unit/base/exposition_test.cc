#include "proxy/base/exposition.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/metrics.h"

namespace sheaf {
namespace {

ExpositionFormat Ask(const std::vector<std::string_view>& accept) {
  return FormatFor(accept);
}

TEST_CASE("OpenMetrics comes to whom names it and prefers nothing else") {
  for (const std::string_view accept :
       {"application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "Application/OpenMetrics-Text;Q=0.5, text/plain;q=0.4", "text/plain, application/openmetrics-text",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
        "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"}) {
    CHECK_MESSAGE(Ask({accept}) == ExpositionFormat::kOpenMetrics, accept);
  }
  CHECK(Ask({"text/plain;q=0.5", "application/openmetrics-text"}) == ExpositionFormat::kOpenMetrics);
}

TEST_CASE("Everybody else gets Prometheus' own text") {
  for (const std::string_view accept :
       {"", "*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "text/plain", "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0.3, text/plain", "application/openmetrics-text;q=0.3, */*;q=0.5",
        "application/openmetrics-text;version=0.0.1", "application/openmetrics-text;version=2.0.0",
        "application/openmetrics-text;q=x", "application/openmetrics-text;q=nan", "application/openmetrics-text;q=-1",
        "application/openmetrics-textual", ";;,,;q", "application/vnd.google.protobuf"}) {
    CHECK_MESSAGE(Ask({accept}) == ExpositionFormat::kPrometheus, accept);
  }
  CHECK(Ask({}) == ExpositionFormat::kPrometheus);
}

std::string Bound(ExpositionFormat format, double bound) {
  return Exposition(format).BoundLabel(bound);
}

TEST_CASE("A bound is the shortest text that reads back as the same number") {
  using enum ExpositionFormat;
  CHECK(Bound(kPrometheus, 0.075) == "le=\"0.075\"");
  CHECK(Bound(kPrometheus, 0.0001) == "le=\"0.0001\"");
  CHECK(Bound(kPrometheus, 0.00001) == "le=\"1e-05\"");
  CHECK(Bound(kPrometheus, 604800) == "le=\"604800\"");
  CHECK(Bound(kOpenMetrics, 0.075) == "le=\"0.075\"");
  CHECK(Bound(kOpenMetrics, 1) == "le=\"1.0\"");
  CHECK(Bound(kOpenMetrics, 604800) == "le=\"604800.0\"");
}

template <typename Buckets>
void CheckBounds() {
  for (const uint64_t bound : Buckets::kBounds) {
    const std::string label = Bound(ExpositionFormat::kPrometheus, static_cast<double>(bound) / Buckets::kPerUnit);
    CHECK_MESSAGE(label.size() <= std::string_view("le=\"0.00025\"").size(), label);
  }
}

TEST_CASE("No bound of any histogram has the digits of a rounding") {
  CheckBounds<BatchSizeBuckets>();
  CheckBounds<BatchDelayBuckets>();
  CheckBounds<AcquireSecondsBuckets>();
  CheckBounds<RequestSecondsBuckets>();
  CheckBounds<SessionSecondsBuckets>();
}

std::string Example(ExpositionFormat format) {
  Exposition text(format);
  text.Begin("a_total", MetricType::kCounter, "Counted.");
  text.Add("a_total", Label("k", "v"), uint64_t{1} << 63);
  text.Begin("b", MetricType::kGauge, "Measured.");
  text.Add("b", {}, int64_t{-5});
  text.Add("b", {}, 0.25);
  text.Begin("c_info", MetricType::kInfo, "Known.");
  text.Add("c_info", {}, uint64_t{1});
  return text.Take();
}

TEST_CASE("Prometheus' text names families as their samples, and knows no info") {
  CHECK(Example(ExpositionFormat::kPrometheus) ==
        "# HELP a_total Counted.\n# TYPE a_total counter\na_total{k=\"v\"} 9223372036854775808\n"
        "# HELP b Measured.\n# TYPE b gauge\nb -5\nb 0.25\n"
        "# HELP c_info Known.\n# TYPE c_info gauge\nc_info 1\n");
}

TEST_CASE("OpenMetrics names families without the suffix of their samples, and has an end") {
  CHECK(Example(ExpositionFormat::kOpenMetrics) ==
        "# HELP a Counted.\n# TYPE a counter\na_total{k=\"v\"} 9223372036854775808\n"
        "# HELP b Measured.\n# TYPE b gauge\nb -5\nb 0.25\n"
        "# HELP c Known.\n# TYPE c info\nc_info 1\n# EOF\n");
}

TEST_CASE("No two families of OpenMetrics have one name") {
  MetricsRegistry registry("1.0");
  registry.AddWorker().routes.Cells({.route = "/", .critical = {"a"}, .conflated = {"b"}});
  const std::string text = registry.Render(ExpositionFormat::kOpenMetrics, {});
  std::vector<std::string> seen;
  for (size_t at = text.find("# TYPE "); at != std::string::npos; at = text.find("# TYPE ", at + 1)) {
    const std::string family = text.substr(at + 7, text.find(' ', at + 7) - at - 7);
    for (const std::string& other : seen) CHECK_MESSAGE(other != family, family);
    seen.push_back(family);
  }
  CHECK(seen.size() > 50);
}

}  // namespace
}  // namespace sheaf
