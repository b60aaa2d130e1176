#include "proxy/admin/openapi.h"

#include <algorithm>
#include <array>
#include <vector>

#include "proxy/admin/json_writer.h"
#include "proxy/admin/manual.h"
#include "proxy/admin/paths.h"
#include "proxy/admin/schema.h"

namespace sheaf {
namespace {

constexpr std::string_view kAbout =
    R"(Plain HTTP, of the process that answers alone. HEAD is answered like GET, without the body, but not at
`/drain`. Without `admin.token`, what only shows figures is open to whoever reaches the listener by an address or a name that
is its own; what shows who is connected, or changes something, asks for `admin.token`, except over a Unix socket, which is its
owner's alone. A request with an `Origin` is refused, whatever else it has, but for the page's own files.)";

// What a request is refused with by access.h, requests.cc and connection.cc, whatever its path.
struct CommonRefusal {
  int status;
  bool (*is_of)(const PathRow& path);
  std::string_view meaning;
};
constexpr std::array kCommonRefusals = {
    CommonRefusal{400, [](const PathRow&) { return true; }, "The query or the body is wrong"},
    CommonRefusal{401, [](const PathRow& path) { return path.access >= Access::kReads; },
                  "`admin.token` is set, and was not sent"},
    CommonRefusal{403, [](const PathRow&) { return true; },
                  "The request has an `Origin`, or a foreign `Host`, or `admin.token` is not set and must be"},
    CommonRefusal{413, [](const PathRow& path) { return path.most_body > 0; }, "The body is too large"},
};

void AddContent(std::string_view type, const DocumentRow* document, JsonWriter& json) {
  json.Begin("content");
  json.Begin(type);
  if (document != nullptr) AddReference("schema", *document, json);
  json.End();
  json.End();
}

void AddAnswer(const AnswerRow& answer, JsonWriter& json) {
  json.Begin(std::to_string(answer.status));
  json.Add("description", answer.meaning);
  AddContent(answer.content_type, answer.document, json);
  json.End();
}

void AddAnswers(const PathRow& path, const ManualRow& manual, JsonWriter& json) {
  json.Begin("responses");
  for (const AnswerRow& answer : manual.answers) AddAnswer(answer, json);
  for (const CommonRefusal& refusal : kCommonRefusals) {
    const auto is_same = [&](const AnswerRow& answer) { return answer.status == refusal.status; };
    const bool told = std::any_of(manual.answers.begin(), manual.answers.end(), is_same);
    if (!told && refusal.is_of(path)) AddAnswer({refusal.status, refusal.meaning, &kRefusalDocument}, json);
  }
  json.Begin("default");
  json.Add("description", std::string_view("Refused: `message` says why, and the remedy"));
  AddContent("application/json", &kRefusalDocument, json);
  json.End();
  json.End();
}

// A list of alternatives; an empty one is "without".
void AddSecurity(Access access, JsonWriter& json) {
  std::vector<std::string_view> ways;
  if (access >= Access::kReads) ways.push_back("token");
  if (access == Access::kReads) ways.push_back("");
  json.AddList("security", ways, [&](size_t i) {
    if (!ways[i].empty()) json.AddTexts(ways[i], {});
  });
}

void AddRange(const ParameterRow& row, JsonWriter& json) {
  json.Add("minimum", row.least);
  if (row.most != UINT64_MAX) json.Add("maximum", row.most);
}

void AddParameterSchema(const ParameterRow& row, JsonWriter& json) {
  const bool is_count = row.type == ParameterType::kCount;
  const bool is_number = row.type == ParameterType::kNumber;
  json.Begin("schema");
  json.Add("type", std::string_view(is_count ? "integer" : is_number ? "number" : "string"));
  if (row.type == ParameterType::kWord) AddWords(row.words, json);
  if (is_count || is_number) AddRange(row, json);
  if (row.type == ParameterType::kDuration) json.Add("pattern", std::string_view("^[0-9]+(ms|s|m|h)$"));
  if (is_count && !row.fallback.empty()) json.Add("default", uint64_t{std::stoull(std::string(row.fallback))});
  if (!is_count && !row.fallback.empty()) json.Add("default", row.fallback);
  json.End();
}

void AddParameters(const PathRow& path, JsonWriter& json) {
  if (path.parameters.empty()) return;
  json.AddList("parameters", path.parameters, [&](size_t i) {
    json.Add("name", path.parameters[i].name);
    json.Add("in", std::string_view("query"));
    json.Add("description", path.parameters[i].doc);
    AddParameterSchema(path.parameters[i], json);
  });
}

// What stands in braces.
std::vector<std::string_view> NamesOf(std::string_view path) {
  std::vector<std::string_view> names;
  for (size_t begin = path.find('{'); begin != std::string_view::npos; begin = path.find('{', begin + 1)) {
    names.push_back(path.substr(begin + 1, path.find('}', begin) - begin - 1));
  }
  return names;
}

void AddPathParameters(std::string_view path, JsonWriter& json) {
  const std::vector<std::string_view> names = NamesOf(path);
  if (names.empty()) return;
  json.AddList("parameters", names, [&](size_t i) {
    json.Add("name", names[i]);
    json.Add("in", std::string_view("path"));
    json.Add("required", true);
    json.Add("description", MeaningOfName(names[i]));
    json.Begin("schema");
    json.Add("type", std::string_view("string"));
    json.End();
  });
}

void AddBody(const ManualRow& manual, JsonWriter& json) {
  if (manual.body == nullptr) return;
  json.Begin("requestBody");
  json.Add("required", manual.needs_body);
  AddContent("application/json", manual.body, json);
  json.End();
}

// "get_api_messages": a name for generated code.
std::string OperationId(std::string_view method, std::string_view path) {
  std::string id(method);
  for (const char c : path) {
    const bool separates = c == '/' || c == '.';
    if (separates && !id.ends_with('_')) id.push_back('_');
    if (!separates && c != '{' && c != '}') id.push_back(c);
  }
  return id;
}

void AddOperation(const PathRow& path, JsonWriter& json) {
  const std::string_view method = path.method == AdminMethod::kPost ? "post" : "get";
  const ManualRow& manual = *FindManual(path);
  json.Begin(method);
  json.Add("operationId", OperationId(method, path.path));
  json.Add("summary", path.doc);
  json.Add("description", manual.prose);
  AddSecurity(path.access, json);
  AddParameters(path, json);
  AddBody(manual, json);
  AddAnswers(path, manual, json);
  json.End();
}

void AddPaths(JsonWriter& json) {
  json.Begin("paths");
  const std::span<const PathRow> paths = AdminPaths();
  for (auto row = paths.begin(); row != paths.end(); ++row) {
    const auto is_same = [row](const PathRow& one) { return one.path == row->path; };
    if (std::any_of(paths.begin(), row, is_same)) continue;
    json.Begin(row->path);
    AddPathParameters(row->path, json);
    for (const PathRow& one : paths) {
      if (is_same(one)) AddOperation(one, json);
    }
    json.End();
  }
  json.End();
}

using Documents = std::vector<const DocumentRow*>;

// With those that it refers to.
void Collect(const DocumentRow* document, Documents& all) {
  if (document == nullptr || std::find(all.begin(), all.end(), document) != all.end()) return;
  all.push_back(document);
  for (const FieldRow& field : document->fields) Collect(field.document, all);
}

void AddComponents(JsonWriter& json) {
  Documents documents{&kRefusalDocument};
  for (const PathRow& path : AdminPaths()) {
    const ManualRow& manual = *FindManual(path);
    Collect(manual.body, documents);
    for (const AnswerRow& answer : manual.answers) Collect(answer.document, documents);
  }
  json.Begin("components");
  json.Begin("schemas");
  for (const DocumentRow* document : documents) AddSchema(document->name, *document, json);
  json.End();
  json.Begin("securitySchemes");
  json.Begin("token");
  json.Add("type", std::string_view("http"));
  json.Add("scheme", std::string_view("bearer"));
  json.Add("description", std::string_view("`admin.token`"));
  json.End();
  json.End();
  json.End();
}

}  // namespace

std::string OpenApiJson(std::string_view version) {
  JsonWriter json;
  json.Begin();
  json.Add("openapi", std::string_view("3.1.0"));
  json.Begin("info");
  json.Add("title", std::string_view("Sheaf's admin listener"));
  json.Add("version", version);
  json.Add("description", kAbout);
  json.End();
  AddPaths(json);
  AddComponents(json);
  json.End();
  return json.Take();
}

void AnswerOpenApi(const Asked& asked, const AdminReply& reply) {
  reply({.body = OpenApiJson(asked.source.metrics().version()) + "\n"});
}

}  // namespace sheaf
