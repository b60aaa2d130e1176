// All that the clients of one worker are, by kind. Owned by the worker; one thread only.
//
// A member joins when it is adopted, and leaves for the graveyard when it retires (ClientHome).
#pragma once

#include "proxy/base/owning_list.h"
#include "proxy/http/client.h"
#include "proxy/http/lingering_close.h"
#include "proxy/http/proxy_greeting.h"
#include "proxy/session/session.h"

namespace sheaf {

struct Members {
  OwningList<ProxyGreeting, &ProxyGreeting::hook_> greetings;
  OwningList<Client, &Client::hook_> clients;
  OwningList<Session, &Session::hook_> sessions;  // by their last activity, the longest idle first
  OwningList<LingeringClose, &LingeringClose::hook_> lingering;

  // Calls `visit` for all that may hold bytes for a client.
  template <typename Visitor>
  void ForEachHolder(Visitor visit) {
    sessions.ForEach(visit);
    clients.ForEach(visit);
    lingering.ForEach(visit);
  }
};

}  // namespace sheaf
