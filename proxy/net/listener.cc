#include "proxy/net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "proxy/base/log.h"

namespace sheaf::net {
namespace {

// Closes `fd`, and tells of errno.
Error ListenError(const char* what, const Address& address, int fd) {
  const int error = errno;
  if (fd >= 0) close(fd);
  std::string message = std::string(what) + " " + address.ToString() + ": " + std::generic_category().message(error);
  if (error == EADDRINUSE && address.is_unix()) {
    message += "; another program listens there, or the file is no socket: choose another path, or end that program";
  } else if (error == EADDRINUSE) {
    message += "; another program listens there, choose another port or end that program";
  } else if (error == EACCES && address.is_unix()) {
    message += "; this user may not make files in that folder";
  } else if (error == EACCES) {
    message += "; ports below 1024 need a privilege, choose a higher one";
  }
  return Error{message};
}

bool IsAnyIpv6(const Address& address) {
  return address.family() == AF_INET6 && address.ip() == IpBytes{};
}

Result<int> BindTcp(const Address& address, bool share, bool ipv6_only) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return ListenError("cannot make a socket for", address, fd);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) {
    return ListenError("cannot share", address, fd);
  }
  // Accepted sockets inherit these, which saves two system calls each.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  const int alone = !IsAnyIpv6(address) || ipv6_only ? 1 : 0;
  if (address.family() == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof(alone));
  if (bind(fd, address.data(), address.length()) != 0) return ListenError("cannot bind to", address, fd);
  return fd;
}

enum class SocketFile : uint8_t { kNone, kStale, kTaken };

// A socket file outlives its program. It is in the way only if somebody answers on it. Any other file is: connecting to
// one fails in the same way.
SocketFile LookAt(const Address& address) {
  struct stat status {};
  if (lstat(address.path(), &status) != 0) return SocketFile::kNone;
  if (!S_ISSOCK(status.st_mode)) return SocketFile::kTaken;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return SocketFile::kTaken;
  const bool stale = connect(probe, address.data(), address.length()) != 0 && errno == ECONNREFUSED;
  close(probe);
  return stale ? SocketFile::kStale : SocketFile::kTaken;
}

// Whether this user may make and remove files where the address is. Sets errno.
bool MayWriteFolderOf(const Address& address) {
  const std::string_view path = address.path();
  const size_t slash = path.rfind('/');
  const std::string folder(slash == 0 || slash == std::string_view::npos ? "/" : path.substr(0, slash));
  return faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

Result<bool> ProbeUnix(const Address& address) {
  if (LookAt(address) == SocketFile::kTaken) {
    errno = EADDRINUSE;
    return ListenError("cannot bind to", address, -1);
  }
  if (!MayWriteFolderOf(address)) return ListenError("cannot bind to", address, -1);
  return true;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::Open(const Address& address, const Terms& terms) {
  std::unique_ptr<Listener> listener(new Listener(address));
  const Result<bool> opened = address.is_unix() ? listener->OpenUnix(terms) : listener->OpenTcp(terms);
  if (!opened.ok()) return Error{opened.error()};
  return listener;
}

Result<bool> Listener::Probe(const Address& address, const Terms& terms) {
  if (address.is_unix()) return ProbeUnix(address);
  Result<int> bound = BindTcp(address, false, terms.ipv6_only);
  if (!bound.ok() && errno == EAFNOSUPPORT && IsAnyIpv6(address) && !terms.ipv6_only) {
    bound = BindTcp(Address::AnyIpv4(address.port()), false, false);
  }
  if (!bound.ok()) return Error{bound.error()};
  close(bound.value());
  return true;
}

Result<bool> Listener::OpenTcp(const Terms& terms) {
  // Without sharing, which tells whether anybody listens there yet; only then may a group begin to share.
  Result<int> unshared = BindTcp(address_, terms.takes_over, terms.ipv6_only);
  if (!unshared.ok() && errno == EAFNOSUPPORT && IsAnyIpv6(address_) && !terms.ipv6_only) {
    const Address ipv4 = Address::AnyIpv4(address_.port());
    Log(LogLevel::kInfo, "this machine has no IPv6: listening on IPv4 alone", {{"address", ipv4.ToString()}});
    address_ = ipv4;
    unshared = BindTcp(address_, terms.takes_over, false);
  }
  if (!unshared.ok()) return Error{unshared.error()};
  const bool share = terms.sockets > 1;
  if (share) close(unshared.value());
  // One that is alone shares from now on too, so that another listener of this process can take over.
  const int on = 1;
  if (!share) setsockopt(unshared.value(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  for (uint32_t i = 0; i < terms.sockets; ++i) {
    const Result<int> fd = share ? BindTcp(address_, true, terms.ipv6_only) : unshared;
    if (!fd.ok()) return Error{fd.error()};
    if (listen(fd.value(), terms.backlog) != 0) return ListenError("cannot listen on", address_, fd.value());
    sockets_.push_back(fd.value());
  }
  return true;
}

Result<bool> Listener::OpenUnix(const Terms& terms) {
  if (LookAt(address_) == SocketFile::kStale) unlink(address_.path());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return ListenError("cannot make a socket for", address_, fd);
  if (bind(fd, address_.data(), address_.length()) != 0) return ListenError("cannot bind to", address_, fd);
  sockets_.push_back(fd);
  file_ = open(address_.path(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  struct stat status {};
  umask_mode_ = fstat(file_, &status) == 0 ? status.st_mode & 0777 : 0;
  // Nobody can connect before listen, so nobody slips in under other permissions.
  if (terms.mode && chmod(address_.path(), *terms.mode) != 0) {
    return ListenError("cannot set the permissions of", address_, -1);
  }
  if (listen(fd, terms.backlog) != 0) return ListenError("cannot listen on", address_, -1);
  while (sockets_.size() < terms.sockets) {
    const int another = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (another < 0) return ListenError("cannot share", address_, -1);
    sockets_.push_back(another);
  }
  return true;
}

Listener::~Listener() {
  for (const int fd : sockets_) close(fd);
  if (file_ < 0) return;
  if (in_place()) unlink(address_.path());
  close(file_);
}

bool Listener::in_place() const {
  if (!address_.is_unix()) return true;
  struct stat own {};
  struct stat present {};
  const bool known = fstat(file_, &own) == 0 && lstat(address_.path(), &present) == 0;
  return known && own.st_dev == present.st_dev && own.st_ino == present.st_ino;
}

bool Listener::SetMode(std::optional<mode_t> mode) {
  return in_place() && chmod(address_.path(), mode.value_or(umask_mode_)) == 0;
}

int Listener::Take() {
  const int fd = sockets_.back();
  sockets_.pop_back();
  return fd;
}

}  // namespace sheaf::net
