// Listening addresses across reloads: what stays, comes, goes, or cannot be had. With real sockets, and two workers'
// entrances on loops of their own.
#include "proxy/listeners.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/net/loop.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/sockets.h"
#include "tests/unit/proxy/config_loading.h"
#include "tests/unit/proxy/test_certificate.h"

namespace sheaf {
namespace {

using Texts = std::vector<std::string>;

// One worker's end: it accepts and keeps what comes.
struct Taker final : EntranceEvents {
  struct Came {
    int fd;
    std::shared_ptr<const net::TlsContext> tls;
    bool proxy_protocol;
  };
  ~Taker() {
    for (const Came& one : came) close(one.fd);
  }
  void OnAccepted(int fd, const net::Address& /*peer*/, const ListenerTerms& terms) override {
    came.push_back({fd, terms.tls, terms.proxy_protocol});
  }
  void OnAcceptPaused(int /*error*/) override {}

  std::vector<Came> came;
  LoopDriver driver;
  Entrances entrances{driver.loop(), 0, *this};
};

struct Fixture {
  explicit Fixture(uint32_t workers = 2) : listeners(workers) {
    for (uint32_t i = 0; i < workers; ++i) takers.push_back(std::make_unique<Taker>());
  }
  ~Fixture() {
    for (const auto& taker : takers) taker->entrances.Close();
  }

  Listeners::Change Prepared(const std::vector<ListenerOptions>& wanted) {
    auto change = listeners.Prepare(wanted);
    const std::string error = change.ok() ? "" : change.error();
    REQUIRE(error == "");
    return std::move(change.value());
  }
  void Adopt(Listeners::Change change) {
    const std::vector<EntranceChanges> changes = listeners.Apply(std::move(change));
    REQUIRE(changes.size() == takers.size());
    for (size_t i = 0; i < takers.size(); ++i) takers[i]->entrances.Change(changes[i]);
  }
  void Adopt(const std::vector<ListenerOptions>& wanted) { Adopt(Prepared(wanted)); }
  std::string ErrorOf(const std::vector<ListenerOptions>& wanted) {
    const auto change = listeners.Prepare(wanted);
    return change.ok() ? "none" : change.error();
  }
  size_t Came() const {
    size_t all = 0;
    for (const auto& taker : takers) all += taker->came.size();
    return all;
  }
  void Settle() {
    for (const auto& taker : takers) taker->driver.Settle();
  }
  // Who came last, whichever worker got it.
  Taker::Came Next(const std::string& address) {
    std::vector<size_t> before;
    for (const auto& taker : takers) before.push_back(taker->came.size());
    const RawSocket client(DialRaw(net::Address::Resolve(address).value()));
    Settle();
    for (size_t i = 0; i < takers.size(); ++i) {
      if (takers[i]->came.size() > before[i]) return takers[i]->came.back();
    }
    FAIL("nobody came");
    return {};
  }

  Listeners listeners;
  std::vector<std::unique_ptr<Taker>> takers;
};

std::string FreePort() {
  const RawListener free;
  return std::to_string(free.address().port());
}

ListenerOptions At(const std::string& address) {
  return InheritListener(Options{}, address);
}

bool IsRefused(const std::string& address) {
  const net::Address to = net::Address::Resolve(address).value();
  const RawSocket client(socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  fcntl(client.fd(), F_SETFL, 0);
  return connect(client.fd(), to.data(), to.length()) != 0;
}

mode_t ModeOf(const std::string& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

}  // namespace

TEST_CASE("all addresses take clients, on every worker") {
  const Folder folder;
  const std::string port = FreePort();
  const std::string other_port = FreePort();
  Fixture fixture;
  const Texts addresses = {"127.0.0.1:" + port, "127.0.0.1:" + other_port, "unix:" + (folder / "a.sock")};
  fixture.Adopt({At(addresses[0]), At(addresses[1]), At(addresses[2])});
  for (const auto& taker : fixture.takers) CHECK(taker->entrances.size() == 3);
  for (const std::string& address : addresses) fixture.Next(address);
  CHECK(fixture.Came() == 3);
}

TEST_CASE("what one address is found to be stays as it is while others come and go") {
  const std::string stays = "127.0.0.1:" + FreePort();
  const std::string goes = "127.0.0.1:" + FreePort();
  const std::string comes = "127.0.0.1:" + FreePort();
  Fixture fixture;
  fixture.Adopt({At(stays), At(goes)});
  // They have connected, and no worker has taken them yet.
  const RawSocket waits(DialRaw(net::Address::Resolve(stays).value()));
  const RawSocket late(DialRaw(net::Address::Resolve(goes).value()));
  Listeners::Change change = fixture.Prepared({At(comes), At(stays)});
  CHECK(change.added() == Texts{comes});
  CHECK(change.kept() == Texts{stays});
  CHECK(change.removed() == Texts{goes});
  fixture.Adopt(std::move(change));
  CHECK(fixture.Came() == 1);  // `late`, before its socket closed
  CHECK(IsRefused(goes));
  fixture.Settle();
  CHECK(fixture.Came() == 2);
  fixture.Next(comes);
  for (const auto& taker : fixture.takers) CHECK(taker->entrances.size() == 2);
}

TEST_CASE("addresses that are written otherwise are the same place") {
  const std::string port = FreePort();
  Fixture fixture;
  fixture.Adopt({At(":" + port)});
  CHECK(fixture.Prepared({At("[::]:" + port)}).kept() == Texts{"[::]:" + port});
}

TEST_CASE("where one cannot be had nothing changes and nothing stays open") {
  const std::string present = "127.0.0.1:" + FreePort();
  const std::string port = FreePort();
  const RawListener other;
  const Folder folder;
  Fixture fixture;
  fixture.Adopt({At(present)});
  const std::string error =
      fixture.ErrorOf({At("127.0.0.1:" + port), At("unix:" + (folder / "a")), At(other.address().ToString())});
  CHECK(error.starts_with("listener " + other.address().ToString() + ": cannot bind to " + other.address().ToString()));
  CHECK(IsRefused("127.0.0.1:" + port));
  CHECK(access((folder / "a").c_str(), F_OK) != 0);
  fixture.Next(present);
}

TEST_CASE("what is given up is opened anew, also while a worker still has its socket, but not beside another program") {
  const Folder folder;
  const std::string port = FreePort();
  const Texts addresses = {"127.0.0.1:" + port, "unix:" + (folder / "a.sock")};
  const std::vector<ListenerOptions> all = {At(addresses[0]), At(addresses[1])};
  Fixture fixture;
  fixture.Adopt(all);
  fixture.listeners.GiveUp();
  CHECK(access((folder / "a.sock").c_str(), F_OK) != 0);
  fixture.takers[0]->entrances.Drain();
  Listeners::Change amid = fixture.Prepared(all);
  CHECK(amid.added() == addresses);
  fixture.takers[1]->entrances.Drain();
  fixture.Adopt(std::move(amid));
  for (const std::string& address : addresses) fixture.Next(address);

  fixture.listeners.GiveUp();
  for (const auto& taker : fixture.takers) taker->entrances.Drain();
  fixture.listeners.OnAllClosed();
  {
    const auto other = net::Listener::Open(net::Address::Resolve(addresses[0]).value(), {.sockets = 2});
    REQUIRE(other.ok());
    CHECK(fixture.ErrorOf(all).find("another program listens there") != std::string::npos);
  }
  fixture.Adopt(all);
  for (const std::string& address : addresses) fixture.Next(address);
}

TEST_CASE("a change that is not applied leaves nothing behind") {
  const Folder folder;
  const std::string address = "127.0.0.1:" + FreePort();
  Fixture fixture;
  { const Listeners::Change dropped = fixture.Prepared({At(address), At("unix:" + (folder / "a"))}); }
  CHECK(IsRefused(address));
  CHECK(access((folder / "a").c_str(), F_OK) != 0);
  CHECK(fixture.listeners.size() == 0);
}

TEST_CASE("one address of a port takes over from all of them, and all from the one") {
  for (const uint32_t workers : {1U, 2U}) {
    CAPTURE(workers);
    const std::string port = FreePort();
    Fixture fixture(workers);
    fixture.Adopt({At(":" + port)});
    fixture.Adopt({At("127.0.0.1:" + port)});
    fixture.Next("127.0.0.1:" + port);
    CHECK(IsRefused("[::1]:" + port));
    fixture.Adopt({At("*:" + port)});
    fixture.Next("[::1]:" + port);
    fixture.Next("127.0.0.1:" + port);
    CHECK(fixture.Came() == 3);
  }
}

TEST_CASE("ipv6_only changes at an address that stays") {
  const std::string port = FreePort();
  Fixture fixture;
  ListenerOptions alone = At("[::]:" + port);
  alone.ipv6_only = true;
  fixture.Adopt({At("[::]:" + port)});
  fixture.Adopt({alone});
  CHECK(IsRefused("127.0.0.1:" + port));
  fixture.Next("[::1]:" + port);
  fixture.Adopt({At("[::]:" + port)});
  fixture.Next("127.0.0.1:" + port);
}

TEST_CASE("another program's port is not taken, with a listener of the same port that goes or without") {
  const RawListener other;
  const std::string port = std::to_string(other.address().port());
  Fixture fixture;
  fixture.Adopt({At("127.0.0.2:" + port)});
  CHECK(fixture.ErrorOf({At("127.0.0.2:" + port), At("127.0.0.1:" + port)}).find("in use") != std::string::npos);
  CHECK(fixture.ErrorOf({At("127.0.0.1:" + port)}).find("in use") != std::string::npos);
  CHECK(fixture.ErrorOf({At(":" + port)}).find("in use") != std::string::npos);
  fixture.Next("127.0.0.2:" + port);
}

TEST_CASE("the file of a Unix socket goes with its listener, and comes back where somebody removed it") {
  const Folder folder;
  const std::string path = folder / "a.sock";
  Fixture fixture;
  fixture.Adopt({At("unix:" + path)});
  unlink(path.c_str());
  fixture.Adopt({At("unix:" + path)});
  fixture.Next("unix:" + path);
  const RawSocket late(DialRaw(net::Address::Resolve("unix:" + path).value()));
  fixture.Adopt(std::vector<ListenerOptions>{});
  CHECK(fixture.Came() == 2);
  CHECK(access(path.c_str(), F_OK) != 0);
}

TEST_CASE("permissions of a Unix socket change in their place, and back to what the umask left") {
  const Folder folder;
  const std::string path = folder / "a.sock";
  Fixture fixture;
  const mode_t before = umask(027);
  fixture.Adopt({At("unix:" + path)});
  umask(before);
  CHECK(ModeOf(path) == 0750);
  ListenerOptions open = At("unix:" + path);
  open.socket_mode = "0666";
  Listeners::Change change = fixture.Prepared({open});
  CHECK(ModeOf(path) == 0750);
  CHECK(change.added().empty());
  fixture.Adopt(std::move(change));
  CHECK(ModeOf(path) == 0666);
  fixture.Adopt({At("unix:" + path)});
  CHECK(ModeOf(path) == 0750);
}

TEST_CASE("new connections come in on new terms, those before keep theirs") {
  const Folder folder;
  const TestCertificate pair = WriteTestCertificate(folder / "one");
  const std::string address = "127.0.0.1:" + FreePort();
  Fixture fixture;
  fixture.Adopt({At(address)});
  const Taker::Came plain = fixture.Next(address);
  CHECK_FALSE(plain.tls);
  CHECK_FALSE(plain.proxy_protocol);
  ListenerOptions secure = At(address);
  secure.tls_certificate = pair.certificate_path;
  secure.tls_key = pair.key_path;
  secure.proxy_protocol = ProxyProtocol::kOn;
  fixture.Adopt({secure});
  const Taker::Came first = fixture.Next(address);
  CHECK(first.tls);
  CHECK(first.proxy_protocol);
}

TEST_CASE("a context is kept while its files have the same in them, and a new pair takes its place") {
  const Folder folder;
  const TestCertificate pair = WriteTestCertificate(folder / "one");
  ListenerOptions secure = At("127.0.0.1:" + FreePort());
  secure.tls_certificate = pair.certificate_path;
  secure.tls_key = pair.key_path;
  Fixture fixture;
  fixture.Adopt({secure});
  const auto first = fixture.Next(secure.address).tls;
  fixture.Adopt({secure});
  CHECK(fixture.Next(secure.address).tls == first);
  WriteTestCertificate(folder / "one");
  fixture.Adopt({secure});
  CHECK(fixture.Next(secure.address).tls != first);
}

TEST_CASE("listeners with the same files and key exchanges share a context; one that does not fit is told apart") {
  const Folder folder;
  const TestCertificate pair = WriteTestCertificate(folder / "one");
  const TestCertificate other = WriteTestCertificate(folder / "other");
  ListenerOptions one = At("127.0.0.1:" + FreePort());
  one.tls_certificate = pair.certificate_path;
  one.tls_key = pair.key_path;
  ListenerOptions two = one;
  two.address = "127.0.0.1:" + FreePort();
  Fixture fixture;
  fixture.Adopt({one, two});
  CHECK(fixture.Next(one.address).tls == fixture.Next(two.address).tls);
  two.tls_groups = {"P-256"};
  fixture.Adopt({one, two});
  CHECK(fixture.Next(one.address).tls != fixture.Next(two.address).tls);
  two.tls_key = other.key_path;
  const std::string mismatch = fixture.ErrorOf({one, two});
  CHECK(mismatch.starts_with("listener " + two.address + ": the key in"));
  CHECK(mismatch.find(net::TlsContext::kMismatch) != std::string::npos);
  two.tls_key = folder / "missing";
  CHECK(fixture.ErrorOf({one, two}).find(net::TlsContext::kMismatch) == std::string::npos);
}

TEST_CASE("the first expiry is that of the certificates in force, and the epoch without any") {
  const Folder folder;
  const auto secure = [](const TestCertificate& pair) {
    ListenerOptions options = At("127.0.0.1:" + FreePort());
    options.tls_certificate = pair.certificate_path;
    options.tls_key = pair.key_path;
    return options;
  };
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const ListenerOptions early = secure(WriteTestCertificate(folder / "early", 3600));
  const ListenerOptions late = secure(WriteTestCertificate(folder / "late", 7200));
  const ListenerOptions plain = At("127.0.0.1:" + FreePort());
  Fixture fixture(1);
  CHECK(fixture.listeners.first_expiry() == std::chrono::sys_seconds{});
  fixture.Adopt({plain, late, early});
  const auto first = fixture.listeners.first_expiry() - now;
  CHECK(first >= std::chrono::hours(1));
  CHECK(first < std::chrono::hours(2));
  fixture.Adopt({plain, late});
  CHECK(fixture.listeners.first_expiry() - now >= std::chrono::hours(2));
  fixture.Adopt({plain});
  CHECK(fixture.listeners.first_expiry() == std::chrono::sys_seconds{});
}

TEST_CASE("a backlog changes in its place") {
  const std::string address = "127.0.0.1:" + FreePort();
  Fixture fixture(1);
  ListenerOptions small = At(address);
  small.backlog = 1;
  const auto waiting = [&](size_t most) {
    std::vector<std::unique_ptr<RawSocket>> clients;
    for (size_t i = 0; i < most; ++i) {
      clients.push_back(std::make_unique<RawSocket>(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
      const net::Address to = net::Address::Resolve(address).value();
      connect(clients.back()->fd(), to.data(), to.length());
    }
    const size_t before = fixture.Came();
    fixture.takers[0]->driver.Settle();
    return fixture.Came() - before;
  };
  fixture.Adopt({small});
  CHECK(waiting(20) <= 2);
  fixture.Adopt({At(address)});
  CHECK(waiting(20) >= 20);
}

TEST_CASE("closed entrances let nobody in any more, not by what comes later either") {
  const std::string address = "127.0.0.1:" + FreePort();
  const std::string later = "127.0.0.1:" + FreePort();
  Fixture fixture(1);
  fixture.Adopt({At(address)});
  const RawSocket waits(DialRaw(net::Address::Resolve(address).value()));
  fixture.takers[0]->entrances.Drain();
  CHECK(fixture.Came() == 1);
  CHECK(IsRefused(address));
  fixture.takers[0]->entrances.Close();
  fixture.Adopt({At(address), At(later)});
  CHECK(IsRefused(later));
}

}  // namespace sheaf
