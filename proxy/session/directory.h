// A worker's sessions, to be found by their id and by their user.
//
//   directory.Add(session);                     // gives the session its id
//   Session* one = directory.Find(id);          // nullptr: it is over, or another worker's
//   directory.ForEachOfUser("alice", [&](Session& session) { ... });
//   directory.Remove(session);
//
// Owns no session: all leave before it ends. One thread only. A session takes 4 to 8 bytes here besides its own link
// and id; one with a user 32 more in its record, and each user 48.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/hash_index.h"
#include "proxy/base/list.h"
#include "proxy/base/session_id.h"
#include "proxy/session/session.h"

namespace sheaf {

// Those of one user, the oldest first.
struct SessionsOfUser {
  explicit SessionsOfUser(size_t hash_of_user) : hash(hash_of_user) {}

  SessionsOfUser* next = nullptr;
  const size_t hash;
  List<UserEntry, &UserEntry::hook> entries;
};

class Directory {
 public:
  // `worker`: its index in the process.
  explicit Directory(uint32_t worker) : worker_(worker) {}
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // Does not fail. Where memory is so short that a user's place cannot be had, the session is not found by its user.
  void Add(Session& session);
  void Remove(Session& session);

  Session* Find(SessionId id) const;
  // `visit` must not add or remove.
  template <typename Visitor>
  void ForEachOfUser(std::string_view user, Visitor visit) {
    if (SessionsOfUser* found = FindUser(user)) {
      found->entries.ForEach([&](UserEntry& entry) { visit(*entry.session); });
    }
  }

  size_t size() const { return sessions_.size(); }
  size_t users() const { return users_.size(); }

 private:
  static size_t HashOfSession(const Session& session) { return session.id().count(); }
  static size_t HashOfUser(const SessionsOfUser& user) { return user.hash; }

  SessionsOfUser* FindUser(std::string_view user) const;
  void AddToUser(UserEntry& entry, Session& session);
  void RemoveFromUser(UserEntry& entry);

  const uint32_t worker_;
  uint64_t count_ = 0;  // of sessions that there have been
  HashIndex<Session, &Session::next_by_id_, &HashOfSession> sessions_;
  HashIndex<SessionsOfUser, &SessionsOfUser::next, &HashOfUser> users_;
};

}  // namespace sheaf
