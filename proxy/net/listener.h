// Where a server listens: its listening sockets, one for each worker, and the file of a Unix socket.
//
//   auto listener = Listener::Open(address, {.backlog = 4096, .sockets = workers});
//   Acceptor acceptor(loop, listener.value()->Take(), events);      // in each worker
//
// Over TCP each socket has a queue of its own (SO_REUSEPORT), and the kernel spreads new connections over them. A Unix
// socket has one queue, whatever the number of descriptors: whoever is awake first takes from it.
//
// [::] is both families: IPv4 clients come to it, too. On a machine without IPv6 it is 0.0.0.0, and the log says so.
//
// Made and destroyed in one thread; the descriptors belong to whoever took them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/base/status.h"
#include "proxy/net/address.h"

namespace sheaf::net {

class Listener {
 public:
  struct Terms {
    int backlog = 128;
    uint32_t sockets = 1;
    bool ipv6_only = false;                     // [::] is IPv6 alone
    std::optional<mode_t> mode = std::nullopt;  // of a Unix socket's file; none: as the umask leaves it
    // A listener of this process still has the port, at this address or at all of them, and will give it up: that
    // somebody listens there is then no error.
    bool takes_over = false;
  };

  // Binds and listens. The error names the address and the remedy. Nobody else may listen there, sharing or not: a
  // second Sheaf on the same port would silently take half of the first one's clients. The file of a Unix socket that
  // nobody answers on any more is replaced; any other stays, and is an error.
  static Result<std::unique_ptr<Listener>> Open(const Address& address, const Terms& terms);
  // Whether Open would find the place free and allowed, with the same error. Listens nowhere and leaves every file
  // alone.
  static Result<bool> Probe(const Address& address, const Terms& terms);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  // Closes what was not taken, and removes the file of a Unix socket, unless another program has put its own there.
  ~Listener();

  // One of the sockets, non-blocking, the caller's from now on; to be called at most Terms::sockets times.
  int Take();

  // Of a Unix socket: new permissions, or those of the umask again. False: the file is not there any more.
  bool SetMode(std::optional<mode_t> mode);
  // Whether clients still find it. A Unix socket's file can be removed, or replaced, by anybody who may write its
  // folder.
  bool in_place() const;

 private:
  explicit Listener(const Address& address) : address_(address) {}
  Result<bool> OpenTcp(const Terms& terms);
  Result<bool> OpenUnix(const Terms& terms);

  Address address_;
  std::vector<int> sockets_;
  // The file of a Unix socket. Held open, so that no other file gets its inode number, by which it is known again.
  int file_ = -1;
  mode_t umask_mode_ = 0;  // what the umask left of its permissions
};

}  // namespace sheaf::net
