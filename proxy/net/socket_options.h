// Options of the sockets of connections. Any thread.
#pragma once

#include "proxy/net/address.h"

namespace sheaf::net {

// A peer that has gone without a word is found within a minute.
void SetKeepAlive(int fd);
// For sockets that we dial; accepted ones inherit theirs from the listening socket.
void SetDialledOptions(int fd, const Address& address);

}  // namespace sheaf::net
