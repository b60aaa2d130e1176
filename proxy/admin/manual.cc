#include "proxy/admin/manual.h"

#include <algorithm>
#include <array>

#include "proxy/admin/action_manual.h"
#include "proxy/admin/backend_manual.h"
#include "proxy/admin/connection_manual.h"
#include "proxy/admin/event_manual.h"
#include "proxy/admin/history_manual.h"
#include "proxy/admin/message_manual.h"
#include "proxy/admin/pool_manual.h"
#include "proxy/admin/process_manual.h"
#include "proxy/admin/stats_manual.h"

namespace sheaf {
namespace {

constexpr std::array kManuals = {&ProcessManual,    &StatsManual, &HistoryManual, &BackendManual, &PoolManual,
                                 &ConnectionManual, &EventManual, &MessageManual, &ActionManual};

constexpr std::array kRefusalFields = {
    FieldRow{"status", FieldType::kCount, "", "The HTTP status."},
    FieldRow{"message", FieldType::kText, "", "What is wrong, and the remedy."},
};

struct NameRow {
  std::string_view name;
  std::string_view meaning;
};
constexpr std::array kNames = {
    NameRow{"file", "Its name"},
    NameRow{"backend", "The name of a backend, as `GET /backends` tells it"},
    NameRow{"endpoint", "The name of its endpoint, as told there; slashes in it as they are, or as `%2F`"},
    NameRow{"id", "The id of a session, as `GET /connections` tells it"},
};

constexpr std::string_view kHead =
    R"(# The admin listener's JSON

Generated from the tables of paths and fields (`proxy/admin/paths.cc`, `proxy/admin/*_manual.cc`): `sheaf --print-admin-manual`. For programs the
same stands in `GET /openapi.json`, and a test holds every answer to it: every field is here, and nothing else. The names are those of
the Python original where it has them. The figures for Prometheus are in [METRICS.md](../../conf/METRICS.md).

- Counts begin with the process and never fall. They are sums over the worker threads, which are not taken at one instant.
- A rate that ends in `_per_second` is what its name says. Every other rate is a fraction from 0 to 1, and 0 as long as it would be a
  part of nothing.
- A `compression_ratio` is bytes before compression by bytes after it: 5.2 says that each byte sent stands for 5.2. It is 1 as long as
  nothing was compressed.
- An average of nothing is 0.
- `mb` are MiB (1,048,576 bytes).
- `<reason>` and the like stand for names that come from a table; only those that were counted are there. `[]` is a list.
- Whatever is refused is answered with its status as HTTP has it, and `{"status":400,"message":"..."}`: what is wrong, and the remedy. 400:
  the query or the body; 401: `admin.token` was not sent; 403: who may ask; 404: there is nothing at this path; 405: not by this method;
  413: the body is too large.
)";

// "/backends/&lt;backend&gt;/drain".
std::string ForHeading(std::string_view path) {
  std::string text;
  for (const char c : path) {
    if (c == '{') text.append("&lt;");
    if (c == '}') text.append("&gt;");
    if (c != '{' && c != '}') text.push_back(c);
  }
  return text;
}

std::string_view WhoMayAsk(Access access) {
  switch (access) {
    case Access::kProbe:
      return "Anybody may ask.";
    case Access::kPage:
      return "Asks for no token.";
    case Access::kReads:
      return "Asks for `admin.token` where it is set.";
    case Access::kSessions:
    case Access::kChanges:
      return "Asks for `admin.token`, which must be set; over a Unix socket, where it is set.";
  }
  return {};
}

// "`up`, `down`".
std::string WordsText(std::string_view words) {
  std::string text;
  ForEachWord(words, [&](std::string_view word) { text.append(text.empty() ? "`" : ", `").append(word).append("`"); });
  return text;
}

std::string UnitText(const FieldRow& field) {
  if (!field.unit.empty()) return std::string(field.unit);
  switch (field.type) {
    case FieldType::kText:
    case FieldType::kWord:
      return "text";
    case FieldType::kCount:
    case FieldType::kNumber:
      return "number";
    case FieldType::kFlag:
      return "true or false";
    case FieldType::kDocument:
    case FieldType::kAny:
      return "JSON";
  }
  return {};
}

std::string Cells(std::string_view first, std::string_view second, std::string_view third) {
  std::string line = "| `";
  line.append(first).append("` | ").append(second).append(third.empty() ? " |" : " | ").append(third);
  return line.append(" |\n");
}

std::string FieldTable(const DocumentRow& document, std::string_view what) {
  const std::string head = "\n| " + std::string(what) + " | unit | meaning |\n| --- | --- | --- |\n";
  std::string text = document.fields.front().path.empty() ? "" : head;
  for (const FieldRow& field : document.fields) {
    if (field.path.empty()) {
      text.append("\n").append(field.meaning).append("\n").append(head);
      continue;
    }
    std::string path(field.path);
    std::erase(path, '?');
    const bool only_words = field.meaning.empty() && !field.words.empty();
    text += Cells(path, UnitText(field), only_words ? WordsText(field.words) : std::string(field.meaning));
  }
  return text;
}

// Of the documents in a document.
std::string InnerTables(const DocumentRow& document) {
  std::string text;
  for (const FieldRow& field : document.fields) {
    if (field.document == nullptr) continue;
    text.append("\nEach of `").append(field.path).append("`:\n").append(FieldTable(*field.document, "field"));
  }
  return text;
}

std::string ValueText(const ParameterRow& row) {
  switch (row.type) {
    case ParameterType::kText:
      return "text";
    case ParameterType::kWord:
      return WordsText(row.words);
    case ParameterType::kCount:
      return std::to_string(row.least) + (row.most == UINT64_MAX ? " and more" : " to " + std::to_string(row.most));
    case ParameterType::kNumber:
      return "number";
    case ParameterType::kDuration:
      return "a time such as `10m`";
  }
  return {};
}

std::string ParameterTable(const PathRow& path) {
  if (path.parameters.empty()) return {};
  std::string text = "\n| parameter | value | without it | meaning |\n| --- | --- | --- | --- |\n";
  for (const ParameterRow& row : path.parameters) {
    const std::string fallback = row.fallback.empty() ? "" : "`" + std::string(row.fallback) + "`";
    text += Cells(row.name, ValueText(row) + " | " + fallback, row.doc);
  }
  return text;
}

// Answers that have the same fields, one after another, share a table.
std::string AnswersText(std::span<const AnswerRow> answers) {
  std::string text;
  for (size_t i = 0; i < answers.size(); ++i) {
    const AnswerRow& answer = answers[i];
    const bool goes_on = i > 0 && answers[i - 1].document == answer.document;
    text.append(goes_on ? " " : "\n")
        .append(std::to_string(answer.status))
        .append(": ")
        .append(answer.meaning)
        .append(".");
    if (i + 1 < answers.size() && answers[i + 1].document == answer.document) continue;
    text.append("\n");
    if (answer.document != nullptr && answer.document != &kRefusalDocument) {
      text += FieldTable(*answer.document, "field") + InnerTables(*answer.document);
    }
  }
  return text;
}

std::string BodyText(const DocumentRow* body) {
  if (body == nullptr) return {};
  std::string text = FieldTable(*body, "key of the body");
  for (const std::string_view keys : body->one_of) text += "\nExactly one of " + WordsText(keys) + " is there.\n";
  return text;
}

std::string Section(const PathRow& path) {
  const ManualRow& manual = *FindManual(path);
  std::string text = path.method == AdminMethod::kPost ? "\n## POST " : "\n## GET ";
  text.append(ForHeading(path.path)).append("\n\n").append(manual.prose).append("\n\n");
  text.append(WhoMayAsk(path.access)).append("\n").append(ParameterTable(path));
  return text + BodyText(manual.body) + AnswersText(manual.answers);
}

}  // namespace

const DocumentRow kRefusalDocument = {.name = "Refusal", .fields = kRefusalFields};

const ManualRow* FindManual(const PathRow& path) {
  for (const auto& manual : kManuals) {
    for (const ManualRow& row : manual()) {
      if (row.method == path.method && row.path == path.path) return &row;
    }
  }
  return nullptr;
}

std::string_view MeaningOfName(std::string_view name) {
  const auto row = std::find_if(kNames.begin(), kNames.end(), [name](const NameRow& one) { return one.name == name; });
  return row == kNames.end() ? std::string_view() : row->meaning;
}

std::string AdminManual() {
  std::string text(kHead);
  for (const PathRow& path : AdminPaths()) text += Section(path);
  return text;
}

}  // namespace sheaf
