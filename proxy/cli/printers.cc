#include "proxy/cli/printers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "proxy/cli/figures.h"

namespace sheaf::cli {
namespace {

using Fields = std::vector<std::pair<std::string, Json>>;

// All values of a document that have something to say, by their names with points between them.
void Flatten(const std::string& name, const Json& value, Fields& fields) {
  if (!value.is_object()) {
    if (!value.RawText().empty() || !value.Items().empty()) fields.emplace_back(name, value);
    return;
  }
  for (const auto& [member, inner] : value.Members()) {
    std::string path = name;
    path.append(name.empty() ? "" : ".").append(member);
    Flatten(path, inner, fields);
  }
}

std::string WithBlanks(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string WorkersText(const Json& workers) {
  return workers.Items().empty() ? "" : "; workers " + ValueText("", workers) + " did not answer in time";
}

std::string PrintDetail(const Json& session) {
  Fields fields;
  Flatten("", session, fields);
  size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, value] : fields) {
    text.append(name).append(width - std::min(width, name.size()) + 2, ' ').append(ValueText(name, value)).append("\n");
  }
  return text;
}

}  // namespace

std::string ValueText(const std::string& name, const Json& value) {
  if (value.is_list()) {
    std::string all;
    for (const Json& one : value.Items()) all.append(all.empty() ? "" : ", ").append(one.Text());
    return all;
  }
  if (!value.is_number()) return value.Text();
  const std::string unit = name.substr(name.rfind('.') + 1);
  if (unit == "bytes_per_second") return SizeText(value.Number()) + "/s";
  if (unit.ends_with("_per_second")) return RateText(value.Number()) + "/s";
  if (unit.ends_with("bytes") || unit.starts_with("bytes_")) return SizeText(value.Number());
  if (unit.ends_with("_seconds")) return TimeText(value.Number());
  if (unit.ends_with("_ms")) return MillisText(value.Number());
  return value.Text();
}

std::string PrintConnections(const Json& answer) {
  if (!answer.At("connections").is_list()) return PrintDetail(answer);
  const std::vector<Json> rows = answer.Items("connections");
  const bool has_rates = !rows.empty() && rows.front().At("bytes_per_second").exists();
  Table table({{"ID"},
               {"USER", false, 24},
               {"PATH", false, 40},
               {"BACKEND", false, 40},
               {"STATE"},
               {"CLIENT"},
               {"AGE", true},
               {"IDLE", true},
               {"QUEUED", true},
               {"IN", true},
               {"OUT", true},
               {"SENT", true},
               {has_rates ? "RATE" : "RATIO", true}});
  for (const Json& row : rows) {
    const auto value = [&row](const char* name) { return ValueText(name, row.At(name)); };
    table.Add({value("id"), value("user"), value("path"), row.Text("backend") + "/" + row.Text("endpoint"),
               value("state"), value("client"), value("age_seconds"), value("idle_seconds"), value("queued_bytes"),
               CountText(row.Number("messages_in")), CountText(row.Number("messages_out")), value("bytes_out"),
               value(has_rates ? "bytes_per_second" : "batch_ratio")});
  }
  const std::string total =
      CountText(static_cast<double>(rows.size())) + " of " + Counted(answer.Number("total"), "session");
  return Joined(table.Lines()) + total + WorkersText(answer.At("late_workers")) + "\n";
}

std::string PrintAnswer(const Json& answer) {
  Fields fields;
  Flatten("", answer, fields);
  std::string text = answer.Text("status");
  const char* before = text.empty() ? "" : ": ";
  for (const auto& [name, value] : fields) {
    if (name == "status") continue;
    text.append(before).append(WithBlanks(name)).append(" ").append(ValueText(name, value));
    before = ", ";
  }
  return text + "\n";
}

}  // namespace sheaf::cli
