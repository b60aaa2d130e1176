// Finds the sessions of one worker that a selector means.
//
//   std::vector<Session*> found;
//   SessionFinder(members, directory).Find(selector, found);
//
// Worker thread only.
#pragma once

#include <vector>

#include "proxy/base/selector.h"
#include "proxy/members.h"
#include "proxy/session/directory.h"

namespace sheaf {

class SessionFinder {
 public:
  // Both outlive it.
  SessionFinder(Members& members, Directory& directory) : members_(members), directory_(directory) {}

  // Appends those that are not on their way out: of a user the oldest first, of all others the longest idle first.
  // They may leave the worker's list while something is done to them, but are there to the end of the turn.
  void Find(const Selector& selector, std::vector<Session*>& found) const;

 private:
  Members& members_;
  Directory& directory_;
};

}  // namespace sheaf
