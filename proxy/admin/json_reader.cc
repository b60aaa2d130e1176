#include "proxy/admin/json_reader.h"

#include <rapidjson/error/en.h>

#include <algorithm>

namespace sheaf {
namespace {

// Clients' parsers have bounds, too; and ours recurses where it writes.
constexpr size_t kMostDepth = 128;

// Brackets within brackets, outside of strings.
size_t DepthOf(std::string_view json) {
  size_t depth = 0;
  size_t most = 0;
  bool quoted = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '[' || c == '{')) {
      most = std::max(most, ++depth);
    } else if (!quoted && (c == ']' || c == '}')) {
      depth -= depth > 0 ? 1 : 0;
    }
  }
  return most;
}

}  // namespace

Complaint Complain(std::string_view key, std::string_view what) {
  return std::string(key).append(key.empty() ? "" : ": ").append(what);
}

Result<bool> ParseJson(std::string_view body, rapidjson::Document& document) {
  if (DepthOf(body) > kMostDepth) return Error{"the body is nested deeper than 128 levels: send flatter data"};
  constexpr unsigned kFlags =
      rapidjson::kParseValidateEncodingFlag | rapidjson::kParseFullPrecisionFlag | rapidjson::kParseIterativeFlag;
  document.Parse<kFlags>(body.data(), body.size());
  if (!document.HasParseError()) return true;
  return Error{std::string("the body is not JSON in UTF-8, at byte ")
                   .append(std::to_string(document.GetErrorOffset()))
                   .append(": ")
                   .append(rapidjson::GetParseError_En(document.GetParseError()))};
}

}  // namespace sheaf
