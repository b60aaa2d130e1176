// Accepting: its errors, its pauses, its end.
#include "proxy/net/acceptor.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/listener.h"
#include "proxy/net/loop.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/no_descriptors.h"
#include "tests/fakes/sockets.h"

namespace sheaf::net {
namespace {

struct Taker final : AcceptorEvents {
  std::vector<int> fds;
  std::vector<std::string> peers;
  std::vector<int> pauses;
  std::function<void()> then;

  ~Taker() {
    for (const int fd : fds) close(fd);
  }
  void OnAccepted(int fd, const Address& peer) override {
    fds.push_back(fd);
    peers.push_back(peer.ToHost());
    if (then) then();
  }
  void OnAcceptPaused(int error) override { pauses.push_back(error); }
};

Address AnyPort() {
  return Address::Resolve("127.0.0.1:0", true).value();
}

int ListenOn(const Address& address) {
  const auto listener = Listener::Open(address, {.backlog = 256});
  REQUIRE(listener.ok());
  return listener.value()->Take();
}

Address AddressOf(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  return Address(reinterpret_cast<const sockaddr*>(&address), length);
}

struct Listening {
  int fd = ListenOn(AnyPort());
  Address address = AddressOf(fd);
  LoopDriver driver;
  Taker taker;
  std::unique_ptr<Acceptor> acceptor = std::make_unique<Acceptor>(driver.loop(), fd, taker);
};

}  // namespace

TEST_CASE("connections are accepted as non-blocking sockets, with the address of their other end") {
  Listening listening;
  const RawSocket one(DialRaw(listening.address));
  const RawSocket two(DialRaw(listening.address));
  listening.driver.Until([&] { return listening.taker.fds.size() == 2; });
  CHECK_EQ(listening.taker.peers[0], "127.0.0.1");
  for (const int fd : listening.taker.fds) {
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE("a paused acceptor leaves connections in the kernel until it resumes") {
  Listening listening;
  listening.acceptor->Pause();
  CHECK(listening.acceptor->paused());
  const RawSocket one(DialRaw(listening.address));
  listening.driver.Settle();
  CHECK(listening.taker.fds.empty());
  listening.acceptor->Resume();
  listening.driver.Until([&] { return listening.taker.fds.size() == 1; });
}

TEST_CASE("an acceptor that is paused from within its callback takes no more") {
  Listening listening;
  listening.taker.then = [&] { listening.acceptor->Pause(); };
  const RawSocket one(DialRaw(listening.address));
  const RawSocket two(DialRaw(listening.address));
  listening.driver.Settle();
  CHECK_EQ(listening.taker.fds.size(), 1);
}

TEST_CASE("a stopped acceptor refuses new connections, and may be stopped from within its callback") {
  Listening listening;
  listening.taker.then = [&] { listening.acceptor->Stop(); };
  const RawSocket one(DialRaw(listening.address));
  listening.driver.Until([&] { return listening.taker.fds.size() == 1; });
  listening.acceptor->Stop();
  listening.acceptor->Pause();
  listening.acceptor->Resume();
  listening.acceptor->AcceptSome();
  const RawSocket two(socket(AF_INET, SOCK_STREAM, 0));
  fcntl(two.fd(), F_SETFL, 0);
  CHECK(connect(two.fd(), listening.address.data(), listening.address.length()) != 0);
  CHECK_EQ(errno, ECONNREFUSED);
}

TEST_CASE("AcceptAll takes a whole crowd, and stops where descriptors run out") {
  Listening listening;
  std::deque<RawSocket> clients;
  for (int i = 0; i < 100; ++i) clients.emplace_back(DialRaw(listening.address));
  listening.acceptor->AcceptAll();
  CHECK_EQ(listening.taker.fds.size(), 100);
  listening.acceptor->AcceptAll();
  const RawSocket late(DialRaw(listening.address));
  {
    const NoDescriptors none;
    listening.acceptor->AcceptAll();
    CHECK(listening.acceptor->paused());
  }
  CHECK_EQ(listening.taker.fds.size(), 100);
}

TEST_CASE("AcceptSome takes what the kernel has already accepted, until there is none") {
  Listening listening;
  const RawSocket one(DialRaw(listening.address));
  const RawSocket two(DialRaw(listening.address));
  while (listening.acceptor->AcceptSome() > 0) {
  }
  listening.acceptor->Stop();
  CHECK_EQ(listening.taker.fds.size(), 2);
}

TEST_CASE("of a crowd more and more are taken in a turn, up to 64, and then one again") {
  Listening listening;
  std::deque<RawSocket> crowd;
  for (int i = 0; i < 200; ++i) crowd.emplace_back(DialRaw(listening.address));
  std::vector<int> taken;
  while (taken.empty() || taken.back() > 0) taken.push_back(listening.acceptor->AcceptSome());
  CHECK(std::vector<int>(taken.begin(), taken.begin() + 8) == std::vector<int>(8, 1));
  CHECK_EQ(*std::max_element(taken.begin(), taken.end()), 64);
  CHECK_EQ(listening.taker.fds.size(), 200);
  crowd.clear();
  crowd.emplace_back(DialRaw(listening.address));
  crowd.emplace_back(DialRaw(listening.address));
  CHECK_EQ(listening.acceptor->AcceptSome(), 1);
}

TEST_CASE("when descriptors run out accepting pauses without spinning, and goes on by itself") {
  Listening listening;
  const RawSocket one(DialRaw(listening.address));
  {
    const NoDescriptors none;
    listening.driver.Until([&] { return !listening.taker.pauses.empty(); });
    CHECK(listening.acceptor->paused());
    listening.driver.Settle();  // far within the pause
    CHECK(listening.taker.pauses == std::vector<int>{EMFILE});
    CHECK(listening.taker.fds.empty());
  }
  listening.driver.Until([&] { return listening.taker.fds.size() == 1; });
  CHECK_FALSE(listening.acceptor->paused());
}

TEST_CASE("an acceptor that must keep descriptors free pauses before they run out") {
  LoopDriver driver;
  Taker taker;
  const int fd = ListenOn(AnyPort());
  const Address address = AddressOf(fd);
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  {
    // All but a few are to be kept, so the first connection is one too many.
    Acceptor acceptor(driver.loop(), fd, taker, static_cast<uint32_t>(limit.rlim_cur) - 1);
    const RawSocket one(DialRaw(address));
    driver.Until([&] { return !taker.pauses.empty(); });
    CHECK(acceptor.paused());
    CHECK_EQ(taker.pauses.front(), EMFILE);
    CHECK(taker.fds.empty());
  }
}

}  // namespace sheaf::net
