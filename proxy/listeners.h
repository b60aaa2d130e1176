// All addresses that clients connect to, across reloads: an address that stays keeps its sockets and who waits in them,
// new ones are opened for every worker before anything changes, and those that go are emptied by the workers.
//
//   Listeners listeners(workers);
//   auto change = listeners.Prepare(options.listeners);      // all that can fail
//   if (!change.ok()) ...                                    // nothing was changed, nothing stays open
//   listeners.Apply(std::move(change.value()));              // a change for each worker's Entrances
//
// Prepared changes are to be applied or destroyed before the next one is prepared. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/entrances.h"
#include "proxy/net/address.h"
#include "proxy/net/listener.h"

namespace sheaf {

class Listeners {
 private:
  struct Place {
    uint32_t id = 0;
    net::Address address;
    ListenerOptions options;
    ListenerTerms terms;
    // nullptr: in a Change, the one that is there stays; here, it is given up, and `closed` by all workers, too.
    std::unique_ptr<net::Listener> listener;
    bool closed = false;
  };

 public:
  // What Apply will do. Destroyed without that, it closes what was opened for it.
  class Change {
   public:
    // As the configuration writes them.
    std::vector<std::string> added() const;
    std::vector<std::string> kept() const;
    const std::vector<std::string>& removed() const { return removed_; }

   private:
    friend class Listeners;
    std::vector<Place> places_;  // as they are to be
    std::vector<std::string> removed_;
  };

  explicit Listeners(uint32_t workers) : workers_(workers) {}

  // Reads certificates, looks names up (blocking), binds and listens. Files that have what they had keep their TLS
  // context, and with it the sessions that clients resume. The error names the address, or the file, and the
  // remedy; one of a certificate and a key that do not fit has net::TlsContext::kMismatch in it.
  Result<Change> Prepare(std::span<const ListenerOptions> wanted) const;
  // What each worker is to do, worker by worker. The files of Unix sockets that go are removed.
  std::vector<EntranceChanges> Apply(Change change);
  // The workers close all sockets: what is prepared from now on is opened anew, with the TLS contexts that there are.
  // Removes the files of Unix sockets.
  void GiveUp();
  // They have done it: whoever listens there now is another program.
  void OnAllClosed();

  size_t size() const { return places_.size(); }
  // When the first of their certificates expires; the epoch where there is none.
  std::chrono::sys_seconds first_expiry() const;

 private:
  const Place* Find(const Place& wanted) const;
  // A listener that goes has the port, so that its successor may share it for a moment.
  bool TakesOver(const Place& wanted, const Change& change) const;
  bool Stays(const Place& place, const Change& change) const;
  Result<bool> Open(Change& change) const;

  const uint32_t workers_;
  uint32_t last_id_ = 0;
  std::vector<Place> places_;
};

}  // namespace sheaf
