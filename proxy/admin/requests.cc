#include "proxy/admin/requests.h"

#include <string_view>

#include "proxy/admin/access.h"
#include "proxy/admin/paths.h"

namespace sheaf {
namespace {

std::string_view PathOf(const wire::RequestHead& request) {
  return request.target.substr(0, request.target.find('?'));
}

bool IsBy(const PathRow& row, const wire::RequestHead& request) {
  if (row.method == AdminMethod::kPost) return request.method == "POST";
  return request.method == "GET" || request.method == "HEAD";
}

struct Found {
  const PathRow* row = nullptr;    // for this method; nullptr: none
  const PathRow* other = nullptr;  // at this path, for another one
};
Found FindRow(const wire::RequestHead& request) {
  Found found;
  for (const PathRow& row : AdminPaths()) {
    if (!IsAt(row, PathOf(request))) continue;
    if (IsBy(row, request)) return {.row = &row};
    found.other = &row;
  }
  return found;
}

AdminAnswer RefuseMethod(std::string_view path) {
  std::string methods;
  for (const PathRow& row : AdminPaths()) {
    if (!IsAt(row, path)) continue;
    methods.append(methods.empty() ? "" : ", ").append(row.method == AdminMethod::kPost ? "POST" : "GET, HEAD");
  }
  AdminAnswer answer = RefusalAnswer(405, "what is answered here: " + methods);
  answer.extra_fields = "Allow: " + methods + "\r\n";
  return answer;
}

}  // namespace

AdminVerdict JudgeAdminRequest(const wire::RequestHead& request, const Options::Admin& options) {
  const auto [row, other] = FindRow(request);
  const PathRow* const any = row != nullptr ? row : other;
  if (auto refusal = RefuseAccess(request, options, any != nullptr ? any->access : Access::kReads)) return {refusal};
  if (any == nullptr) return {RefusalAnswer(404, "there is nothing at this path")};
  if (row == nullptr) return {RefuseMethod(PathOf(request))};
  if (auto refusal = RefuseQuery(row->parameters, request.target)) return {refusal};
  const bool has_body = request.body != wire::BodyKind::kNone;
  if (has_body && row->most_body == 0) return {RefusalAnswer(400, "this request must not have a body")};
  if (request.content_length > row->most_body) return {RefuseAdminBody(row->most_body)};
  return {.refusal = std::nullopt, .most_body = row->most_body, .may_take_long = row->may_take_long};
}

void HandleAdminRequest(const wire::RequestHead& request, std::string_view body, AdminSource& source, bool live,
                        const AdminReply& reply) {
  const PathRow& row = *FindRow(request).row;
  row.handle({.request = request, .body = body, .name = NameIn(row, PathOf(request)), .source = source, .live = live},
             reply);
}

}  // namespace sheaf
