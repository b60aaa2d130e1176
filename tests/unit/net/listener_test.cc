// Listening addresses: both families, sharing, and the file of a Unix socket.
#include "proxy/net/listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "tests/fakes/log_recorder.h"
#include "tests/fakes/no_ipv6.h"
#include "tests/fakes/sockets.h"

namespace sheaf::net {
namespace {

Address AnyPort() {
  return Address::Resolve("127.0.0.1:0", true).value();
}

std::unique_ptr<Listener> Open(const Address& address, const Listener::Terms& terms = {}) {
  auto listener = Listener::Open(address, terms);
  REQUIRE(listener.ok());
  return std::move(listener.value());
}

std::string ErrorOf(const Address& address, const Listener::Terms& terms = {}) {
  const auto listener = Listener::Open(address, terms);
  REQUIRE_FALSE(listener.ok());
  return listener.error();
}

Address AddressOf(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  return Address(reinterpret_cast<const sockaddr*>(&address), length);
}

bool Answers(const std::string& host, uint16_t port) {
  const Address address = Address::Resolve(host + ":" + std::to_string(port)).value();
  const RawSocket client(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  fcntl(client.fd(), F_SETFL, 0);
  return connect(client.fd(), address.data(), address.length()) == 0;
}

struct SocketFile {
  SocketFile() { unlink(path.c_str()); }
  ~SocketFile() { unlink(path.c_str()); }
  bool exists() const { return access(path.c_str(), F_OK) == 0; }
  mode_t mode() const {
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777;
  }

  const std::string path = "/tmp/sheaf-listener-test-" + std::to_string(getpid());
  const Address address = Address::Resolve("unix:" + path).value();
};

}  // namespace

TEST_CASE("any address, and [::], is both families; with ipv6_only it is IPv6 alone") {
  for (const char* text : {":0", "*:0", "[::]:0"}) {
    CAPTURE(text);
    const Address address = Address::Resolve(text, true).value();
    for (const bool alone : {false, true}) {
      const RawSocket listening(Open(address, {.ipv6_only = alone})->Take());
      const uint16_t port = AddressOf(listening.fd()).port();
      CHECK(Answers("[::1]", port));
      CHECK_EQ(Answers("127.0.0.1", port), !alone);
    }
  }
}

TEST_CASE("without IPv6 any address is IPv4 alone, and one line says so; IPv6 alone is an error") {
  const Address any = Address::Resolve(":0", true).value();
  LogRecorder log;
  const bool possible = WithoutIpv6([&] {
    const RawSocket listening(Open(any)->Take());
    CHECK_EQ(AddressOf(listening.fd()).ToHost(), "0.0.0.0");
    CHECK(Answers("127.0.0.1", AddressOf(listening.fd()).port()));
    REQUIRE_EQ(log.lines.size(), 1);
    CHECK_EQ(log.lines[0], "info this machine has no IPv6: listening on IPv4 alone address=0.0.0.0:0");
    CHECK(ErrorOf(any, {.ipv6_only = true}).find("cannot make a socket for [::]:0") != std::string::npos);
    CHECK(ErrorOf(Address::Resolve("[::1]:0").value()).find("cannot make a socket") != std::string::npos);
    CHECK_EQ(log.lines.size(), 1);
  });
  if (!possible) MESSAGE("no seccomp here: not tested");
}

TEST_CASE("the workers' sockets share an address, and nobody else may") {
  const RawSocket port(Open(AnyPort())->Take());
  const Address address = AddressOf(port.fd());
  CHECK(ErrorOf(address, {.sockets = 2}).find("another program listens there") != std::string::npos);
  const uint16_t free_port = [] { return AddressOf(RawSocket(Open(AnyPort())->Take()).fd()).port(); }();
  const Address shared = Address::Resolve("127.0.0.1:" + std::to_string(free_port)).value();
  const std::unique_ptr<Listener> listener = Open(shared, {.sockets = 3});
  const RawSocket one(listener->Take());
  const RawSocket two(listener->Take());
  const RawSocket three(listener->Take());
  CHECK(AddressOf(one.fd()) == AddressOf(three.fd()));
  for (const uint32_t sockets : {1U, 2U}) {
    CHECK(ErrorOf(shared, {.sockets = sockets}).find("another program listens there") != std::string::npos);
  }
}

TEST_CASE("an address that another program holds is an error with the address and a remedy") {
  const RawListener other;
  const std::string error = ErrorOf(other.address());
  CHECK(error.find(other.address().ToString()) != std::string::npos);
  CHECK(error.find("another program listens there") != std::string::npos);
}

TEST_CASE("an address that this machine does not have is an error") {
  const std::string error = ErrorOf(Address::Resolve("192.0.2.1:8080", true).value());
  CHECK(error.find("cannot bind to 192.0.2.1:8080") != std::string::npos);
}

TEST_CASE("the workers take from one Unix socket, and its file goes with the listener") {
  const SocketFile file;
  std::unique_ptr<Listener> listener = Open(file.address, {.sockets = 2});
  const RawSocket one(listener->Take());
  const RawSocket two(listener->Take());
  const RawSocket first(DialRaw(file.address));
  const RawSocket second(DialRaw(file.address));
  for (const RawSocket* socket : {&one, &two}) {
    CHECK((fcntl(socket->fd(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(RawSocket(accept(socket->fd(), nullptr, nullptr)).fd() >= 0);
  }
  listener.reset();
  CHECK_FALSE(file.exists());
}

TEST_CASE("a socket file that nobody answers on is replaced, one in use and any other file stay") {
  const SocketFile file;
  {
    const RawSocket crashed(socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(bind(crashed.fd(), file.address.data(), file.address.length()) == 0);
  }
  REQUIRE(file.exists());
  const std::unique_ptr<Listener> listener = Open(file.address);
  CHECK(ErrorOf(file.address).find("another program listens there") != std::string::npos);
  RawSocket(DialRaw(file.address)).Close();  // the first one still answers

  const SocketFile other;
  unlink(other.path.c_str());
  close(open(other.path.c_str(), O_CREAT | O_WRONLY, 0600));
  CHECK(ErrorOf(other.address).find("the file is no socket") != std::string::npos);
  CHECK(other.exists());
}

TEST_CASE("the file of another program's socket stays when the listener goes") {
  const SocketFile file;
  std::unique_ptr<Listener> old = Open(file.address);
  RawSocket(old->Take()).Close();  // it does not answer any more, as in a drain
  const std::unique_ptr<Listener> next = Open(file.address);
  old.reset();
  RawSocket(DialRaw(file.address)).Close();
}

TEST_CASE("the file has the permissions that are asked for, else those that the umask leaves") {
  const SocketFile file;
  const mode_t before = umask(027);
  {
    const std::unique_ptr<Listener> listener = Open(file.address);
    CHECK_EQ(file.mode(), 0750);
  }
  const std::unique_ptr<Listener> listener = Open(file.address, {.mode = 0666});
  CHECK_EQ(file.mode(), 0666);
  umask(before);
}

TEST_CASE("a folder that is not there is an error with the path") {
  CHECK(ErrorOf(Address::Resolve("unix:/nonexistent/sheaf.sock").value()).find("unix:/nonexistent/sheaf.sock") !=
        std::string::npos);
}

TEST_CASE("a probe tells whether the place is free, with the error that opening it would have, and takes nothing") {
  const auto first = Open(AnyPort());
  const int fd = first->Take();
  const Address taken = AddressOf(fd);
  CHECK(Listener::Probe(taken, {}).error() == ErrorOf(taken));
  CHECK(Answers("127.0.0.1", taken.port()));
  close(fd);
  CHECK(Listener::Probe(taken, {}).ok());
  CHECK(Listener::Probe(taken, {}).ok());
  CHECK_FALSE(Answers("127.0.0.1", taken.port()));
}

TEST_CASE("a probe of a Unix socket makes no file and removes none") {
  const SocketFile file;
  CHECK(Listener::Probe(file.address, {}).ok());
  CHECK_FALSE(file.exists());
  {
    const auto listener = Open(file.address);
    CHECK(Listener::Probe(file.address, {}).error() == ErrorOf(file.address));
    CHECK(file.exists());
  }
  const RawSocket stale(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(bind(stale.fd(), file.address.data(), file.address.length()) == 0);
  CHECK(Listener::Probe(file.address, {}).ok());
  CHECK(file.exists());
}

}  // namespace sheaf::net
