#include "proxy/session/directory.h"

#include <functional>
#include <memory>
#include <new>

namespace sheaf {
namespace {

size_t HashOf(std::string_view user) {
  return std::hash<std::string_view>()(user);
}

}  // namespace

void Directory::Add(Session& session) {
  session.SetId(SessionId(worker_, ++count_));
  sessions_.Insert(session);
  if (UserEntry* entry = session.user_entry()) AddToUser(*entry, session);
}

void Directory::Remove(Session& session) {
  sessions_.Remove(session);
  UserEntry* entry = session.user_entry();
  if (entry != nullptr && entry->user != nullptr) RemoveFromUser(*entry);
}

Session* Directory::Find(SessionId id) const {
  return sessions_.Find(id.count(), [id](const Session& session) { return session.id() == id; });
}

SessionsOfUser* Directory::FindUser(std::string_view user) const {
  return users_.Find(HashOf(user), [user](SessionsOfUser& one) { return one.entries.front().session->user() == user; });
}

void Directory::AddToUser(UserEntry& entry, Session& session) {
  entry.session = &session;
  SessionsOfUser* user = FindUser(session.user());
  if (user == nullptr) {
    user = new (std::nothrow) SessionsOfUser(HashOf(session.user()));  // the index's own, until its last session leaves
    if (user == nullptr) return;
    users_.Insert(*user);
  }
  entry.user = user;
  user->entries.PushBack(entry);
}

void Directory::RemoveFromUser(UserEntry& entry) {
  entry.user->entries.Remove(entry);
  if (!entry.user->entries.empty()) return;
  const std::unique_ptr<SessionsOfUser> gone(entry.user);
  users_.Remove(*gone);
}

}  // namespace sheaf
