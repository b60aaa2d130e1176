#include "proxy/admin/connection_requests.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "proxy/admin/connections_json.h"
#include "proxy/admin/session_path.h"
#include "proxy/base/units.h"
#include "proxy/wire/query.h"

namespace sheaf {
namespace {

// How deep pages go: every worker has as many rows made.
constexpr size_t kMostDeep = 10'000;

using Complaint = std::optional<std::string>;  // nullopt: none

Complaint TakePath(std::string value, SessionQuery& query) {
  std::optional<std::string> path = ReadSessionPath(value);
  if (!path) return std::string(kSessionPathRemedy);
  query.path = std::move(*path);
  return std::nullopt;
}

// The endpoint of a Unix socket has slashes of its own.
Complaint TakeBackend(std::string value, SessionQuery& query) {
  const size_t slash = std::min(value.find('/'), value.size());
  query.backend = value.substr(0, slash);
  query.endpoint = value.substr(std::min(slash + 1, value.size()));
  const bool half = query.backend.empty() || (slash < value.size() && query.endpoint.empty());
  return half ? Complaint("is a backend's name, or <name>/<endpoint>, as GET /backends has them") : std::nullopt;
}

// The place of a word that is among `names`.
size_t PlaceOf(std::span<const std::string_view> names, std::string_view word) {
  return static_cast<size_t>(std::find(names.begin(), names.end(), word) - names.begin());
}

// What the rows of the parameters say all of.
void TakeChecked(std::string_view target, SessionQuery& query) {
  const auto value = [target](std::string_view name) { return wire::FindParameter(target, name); };
  query.user = value("user").value_or("");
  if (const auto state = value("state")) {
    query.condition = static_cast<SessionCondition>(PlaceOf(kSessionConditionNames, *state));
  }
  if (const auto sort = value("sort")) {
    query.sort = static_cast<SessionQuery::Sort>(PlaceOf(SessionQuery::kSortNames, *sort));
  }
  query.ascending = value("order") == "asc";
  if (const auto limit = value("limit")) query.limit = ParseNumber(*limit).value();
  if (const auto offset = value("offset")) query.offset = ParseNumber(*offset).value();
}

struct Parameter {
  std::string_view name;
  Complaint (*take)(std::string value, SessionQuery& query);
};
constexpr std::array kParameters = {Parameter{"path", &TakePath}, Parameter{"backend", &TakeBackend}};

}  // namespace

Result<SessionQuery> ReadSessionQuery(std::string_view target) {
  SessionQuery query;
  TakeChecked(target, query);
  for (const Parameter& parameter : kParameters) {
    std::optional<std::string> value = wire::FindParameter(target, parameter.name);
    if (!value) continue;
    if (const Complaint wrong = parameter.take(std::move(*value), query)) {
      return Error{std::string(parameter.name).append(": ").append(*wrong)};
    }
  }
  if (query.offset + query.limit > kMostDeep) {
    return Error{"offset: with limit, more than 10000: name fewer sessions by user, path, backend or state"};
  }
  return query;
}

void AnswerConnections(const Asked& asked, const AdminReply& reply) {
  Result<SessionQuery> read = ReadSessionQuery(asked.request.target);
  if (!read.ok()) return reply(RefusalAnswer(400, read.error()));
  const SessionQuery& query = read.value();
  asked.source.ListSessions(
      query, [query, reply](const SessionList& list) { reply({.body = ConnectionsJson(query, list) + "\n"}); });
}

void AnswerConnection(const Asked& asked, const AdminReply& reply) {
  const std::optional<SessionId> id = SessionId::Parse(asked.name);
  if (!id) return reply(RefusalAnswer(404, "what is shown is /connections/<id>, with an id such as 2-1f3a"));
  asked.source.FindSession(*id, [reply](const SessionFound& found) {
    if (found.detail) return reply({.body = ConnectionJson(*found.detail) + "\n"});
    if (!found.late.empty()) {
      return reply(RefusalAnswer(503, "the session's worker has not answered within two seconds: ask again"));
    }
    reply(RefusalAnswer(404,
                        "there is no session with this id now: when it is over, the access log has its line, with "
                        "session=<id>"));
  });
}

}  // namespace sheaf
