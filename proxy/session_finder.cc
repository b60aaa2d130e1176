#include "proxy/session_finder.h"

#include <optional>
#include <string_view>

#include "pool/endpoint.h"
#include "proxy/base/session_id.h"
#include "proxy/plan/routes.h"

namespace sheaf {
namespace {

// `whom`: a backend's name, or "name/endpoint". The endpoint of a Unix socket has slashes of its own.
bool IsWith(const Session& session, std::string_view whom) {
  const size_t slash = whom.find('/');
  if (session.plan().upstream->name() != whom.substr(0, slash)) return false;
  if (slash == std::string_view::npos) return true;
  return session.endpoint() != nullptr && session.endpoint()->name() == whom.substr(slash + 1);
}

}  // namespace

void SessionFinder::Find(const Selector& selector, std::vector<Session*>& found) const {
  const auto add = [&found](Session& session) {
    if (!session.closing()) found.push_back(&session);
  };
  switch (selector.by) {
    case Selector::By::kSession:
      if (const auto id = SessionId::Parse(selector.whom)) {
        if (Session* session = directory_.Find(*id)) add(*session);
      }
      return;
    case Selector::By::kUser:
      return directory_.ForEachOfUser(selector.whom, add);
    case Selector::By::kPath:
      return members_.sessions.ForEach([&](Session& session) {
        if (IsAtOrUnder(session.target(), selector.whom)) add(session);
      });
    case Selector::By::kBackend:
      return members_.sessions.ForEach([&](Session& session) {
        if (IsWith(session, selector.whom)) add(session);
      });
    case Selector::By::kAll:
      return members_.sessions.ForEach(add);
  }
}

}  // namespace sheaf
