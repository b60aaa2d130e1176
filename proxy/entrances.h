// Where clients come in to one worker: a listening socket for each address, each with terms of its own.
//
//   Entrances entrances(loop, keep_free, events);
//   entrances.Change(changes);             // of Listeners (listeners.h), at the start and after each reload
//
// Owned by a Worker; its thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/net/acceptor.h"
#include "proxy/plan/listener_terms.h"

namespace sheaf {

class EntranceEvents {
 public:
  // A new non-blocking socket, owned by the callee. The terms may be gone after the call.
  virtual void OnAccepted(int fd, const net::Address& peer, const ListenerTerms& terms) = 0;
  // Accepting paused (errno in `error`); it resumes by itself.
  virtual void OnAcceptPaused(int error) = 0;

 protected:
  ~EntranceEvents() = default;
};

// A copy may be carried to another thread; the descriptors in it are those of whoever makes the change.
struct EntranceChanges {
  struct Added {
    uint32_t id;  // of the listener; no other gets it later
    int fd;
    ListenerTerms terms;
  };
  struct Kept {
    uint32_t id;
    ListenerTerms terms;
  };
  std::vector<Added> added;
  std::vector<Kept> kept;
  std::vector<uint32_t> removed;
};

class Entrances {
 public:
  // `keep_free`: as of Acceptor.
  Entrances(net::Loop& loop, uint32_t keep_free, EntranceEvents& events);
  Entrances(const Entrances&) = delete;
  Entrances& operator=(const Entrances&) = delete;
  ~Entrances();

  // Opens what is new first. Who has connected to one that is removed is let in before it closes. After Close, what is
  // added closes at once; after Drain it is opened.
  void Change(const EntranceChanges& changes);
  // Lets in all that have connected, and closes them all.
  void Drain();
  // Closes them all for good.
  void Close();

  size_t size() const { return entrances_.size(); }

 private:
  class Entrance;

  Entrance* Find(uint32_t id);

  net::Loop& loop_;
  EntranceEvents& events_;
  std::vector<std::unique_ptr<Entrance>> entrances_;
  const uint32_t keep_free_;
  bool closed_ = false;
};

}  // namespace sheaf
