#include "proxy/net/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace sheaf::net {
namespace {

void SetOption(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

}  // namespace

void SetKeepAlive(int fd) {
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

void SetDialledOptions(int fd, const Address& address) {
  if (!address.is_unix()) SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (!address.is_local()) SetKeepAlive(fd);
}

}  // namespace sheaf::net
