#include "proxy/doctor/remedies.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "proxy/base/option_table.h"
#include "proxy/base/status.h"

namespace sheaf::doctor {
namespace {

bool IsOption(std::string_view name) {
  const size_t dot = name.find('.');
  return FindOption(name.substr(0, dot), name.substr(dot + 1)) != nullptr;
}

TEST_CASE("each remedy is for a reason that Sheaf has, once, and names an option that it has") {
  std::set<std::string_view> seen;
  for (const Remedy& remedy : RefusalRemedies()) {
    CAPTURE(remedy.sign);
    CHECK(seen.insert(remedy.sign).second);
    CHECK(std::any_of(kRefuseReasonRows.begin(), kRefuseReasonRows.end(),
                      [&remedy](const RefuseReasonRow& row) { return row.label == remedy.sign; }));
    CHECK((remedy.option.empty() || IsOption(remedy.option)));
    CHECK_FALSE(remedy.advice.empty());
  }
}

TEST_CASE("every refusal whose sentence names an option has its remedy") {
  for (const RefuseReasonRow& row : kRefuseReasonRows) {
    if (row.text.find("limits.") == std::string_view::npos) continue;
    CAPTURE(row.label);
    CHECK(RemedyForRefusal(row.label, {}).starts_with("limits."));
  }
}

TEST_CASE("a refusal without a remedy explains itself") {
  CHECK(RemedyForRefusal("bad_version", {}) == "Sheaf refuses it: the HTTP version is not supported");
  CHECK(RemedyForRefusal("of a later version", {}) == "Sheaf refuses it");
}

TEST_CASE("a full pool has two remedies: more connections, or fewer that are shared") {
  const std::string text = RemedyForRefusal("pool_exhausted", {});
  CHECK(text.starts_with("pool.max_size: "));
  CHECK(text.find("upstream.mode = \"mux\"") != std::string::npos);
}

TEST_CASE("the options that other remedies name exist") {
  for (const std::string& text :
       {RemedyForMessage(), RemedyForDelay(), RemedyForNoBackend("Connection refused", "upstream.url", false, false),
        RemedyForNoBackend("No such file or directory", "upstream.urls", false, true),
        RemedyForNoBackend("TLS failed: certificate verify failed", "upstream.urls", true, false)}) {
    CAPTURE(text);
    CHECK(IsOption(text.substr(0, text.find(':'))));
  }
}

}  // namespace
}  // namespace sheaf::doctor
