#include "proxy/admin/requests.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

#include "proxy/admin/access.h"
#include "proxy/admin/paths.h"

namespace sheaf {
namespace {

std::string_view PathOf(const wire::RequestHead& request) {
  return request.target.substr(0, request.target.find('?'));
}

// A GET that changes something, as preStop hooks need one, has no HEAD, which must be safe (RFC 9110, 9.2.1).
std::span<const std::string_view> MethodsOf(const PathRow& row) {
  static constexpr std::array<std::string_view, 1> kPost = {"POST"};
  static constexpr std::array<std::string_view, 2> kGet = {"GET", "HEAD"};
  if (row.method == AdminMethod::kPost) return kPost;
  return row.access == Access::kChanges ? std::span(kGet).first(1) : kGet;
}

bool IsBy(const PathRow& row, const wire::RequestHead& request) {
  return std::ranges::find(MethodsOf(row), request.method) != MethodsOf(row).end();
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
    for (const std::string_view method : MethodsOf(row)) methods.append(methods.empty() ? "" : ", ").append(method);
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
