#include "proxy/admin/connection_requests.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "proxy/admin/connections_json.h"
#include "proxy/admin/session_path.h"
#include "proxy/wire/query.h"

namespace sheaf {
namespace {

// A page, and how deep pages go: every worker has as many rows made.
constexpr size_t kMostRows = 1000;
constexpr size_t kMostDeep = 10'000;

using Complaint = std::optional<std::string>;  // nullopt: none

std::string Join(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

// The place of a word among `names`. nullopt: it is none of them.
std::optional<size_t> FindWord(std::span<const std::string_view> names, std::string_view word) {
  const auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end()) return std::nullopt;
  return static_cast<size_t>(found - names.begin());
}

std::optional<size_t> Number(std::string_view text, size_t least, size_t most) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) return std::nullopt;
  return number;
}

Complaint TakeUser(std::string value, SessionQuery& query) {
  query.user = std::move(value);
  return std::nullopt;
}

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

Complaint TakeState(std::string value, SessionQuery& query) {
  const auto word = FindWord(kSessionConditionNames, value);
  if (!word) return "is one of " + Join(kSessionConditionNames);
  query.condition = static_cast<SessionCondition>(*word);
  return std::nullopt;
}

Complaint TakeSort(std::string value, SessionQuery& query) {
  const auto word = FindWord(SessionQuery::kSortNames, value);
  if (!word) return "is one of " + Join(SessionQuery::kSortNames);
  query.sort = static_cast<SessionQuery::Sort>(*word);
  return std::nullopt;
}

Complaint TakeOrder(std::string value, SessionQuery& query) {
  query.ascending = value == "asc";
  return query.ascending || value == "desc" ? std::nullopt : Complaint("is asc or desc");
}

Complaint TakeLimit(std::string value, SessionQuery& query) {
  const auto number = Number(value, 1, kMostRows);
  query.limit = number.value_or(query.limit);
  return number ? std::nullopt : Complaint("is a number from 1 to 1000");
}

Complaint TakeOffset(std::string value, SessionQuery& query) {
  const auto number = Number(value, 0, kMostDeep - 1);
  query.offset = number.value_or(query.offset);
  return number ? std::nullopt : Complaint("is a number from 0 to 9999");
}

struct Parameter {
  std::string_view name;
  Complaint (*take)(std::string value, SessionQuery& query);
};
constexpr std::array kParameters = {
    Parameter{"user", &TakeUser},   Parameter{"path", &TakePath},     Parameter{"backend", &TakeBackend},
    Parameter{"state", &TakeState}, Parameter{"sort", &TakeSort},     Parameter{"order", &TakeOrder},
    Parameter{"limit", &TakeLimit}, Parameter{"offset", &TakeOffset},
};

}  // namespace

Result<SessionQuery> ReadSessionQuery(std::string_view target) {
  SessionQuery query;
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

void AnswerConnections(const Asked& asked, AdminReply reply) {
  Result<SessionQuery> read = ReadSessionQuery(asked.request.target);
  if (!read.ok()) return reply(RefusalAnswer(400, read.error()));
  const SessionQuery& query = read.value();
  asked.source.ListSessions(query, [query, reply = std::move(reply)](const SessionList& list) {
    reply({.body = ConnectionsJson(query, list) + "\n"});
  });
}

void AnswerConnection(const Asked& asked, AdminReply reply) {
  const std::optional<SessionId> id = SessionId::Parse(asked.name);
  if (!id) return reply(RefusalAnswer(404, "what is shown is /connections/<id>, with an id such as 2-1f3a"));
  asked.source.FindSession(*id, [reply = std::move(reply)](const SessionFound& found) {
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
