// What the manual (api.md) and /openapi.json tell of each path beyond its row in paths.h: prose, the body, the answers.
// A new path has a ManualRow beside its like, in one of the *_manual.cc; a unit test finds one that has none.
// Constants.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "proxy/admin/fields.h"
#include "proxy/admin/paths.h"

namespace sheaf {

// `document`: of JSON; nullptr where the content is of another type.
struct AnswerRow {
  int status;
  std::string_view meaning;
  const DocumentRow* document;
  std::string_view content_type = "application/json";
};

struct ManualRow {
  AdminMethod method;
  std::string_view path;
  std::string_view prose;  // Markdown, lines broken as in the page
  // That are special to the path; what access.h, the query and the body are refused with stands once for all.
  std::span<const AnswerRow> answers;
  const DocumentRow* body = nullptr;
  bool needs_body = true;  // where there may be one
};

// {"status":404,"message":"..."}.
extern const DocumentRow kRefusalDocument;

// nullptr: there is none.
const ManualRow* FindManual(const PathRow& path);

// What stands in place of a path's "{name}".
std::string_view MeaningOfName(std::string_view name);

// proxy/admin/api.md.
std::string AdminManual();

}  // namespace sheaf
