#include "proxy/admin/admin.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/net/address.h"

namespace sheaf {
namespace {

class FakeSource final : public AdminSource {
 public:
  Readiness ready() const override { return {is_ready.load(), "no backend is up"}; }
  bool started() const override { return true; }
  StatsSnapshot Stats() const override { return {}; }
  const memwatch::MemoryHistory& memory_history() const override { return history; }
  const EventRing& events() const override { return ring; }
  ConfigurationInForce Configuration() const override { return {}; }
  void LookAtPools(std::function<void(const PoolsAnswer&)> answered) override { answered({}); }
  const MetricsRegistry& metrics() const override { return registry; }
  bool SetDraining(std::string_view /*backend*/, std::string_view /*endpoint*/, bool /*draining*/) override {
    return false;
  }
  // Answers later, from another thread.
  void Reload(std::function<void(const ReloadAnswer&)> answered) override {
    if (holds_reload) {
      held = std::move(answered);
      return reload_asked.set_value();
    }
    later = std::thread([answered = std::move(answered), pause = pause] {
      std::this_thread::sleep_for(pause);
      answered({.taken = true, .generation = 2, .digest = {}, .error = {}, .needs_restart = {}});
    });
  }
  void Deliver(std::vector<Push> pushes, std::function<void(const PushAnswer&)> answered) override {
    last_payload = pushes.back().payload;
    answered({.tallies = std::vector<PushTally>(pushes.size(), {.meant = 1, .reached = 1}), .late = {}});
  }
  void AddSamples(int count) {
    memwatch::MemorySample sample;
    for (int i = 0; i < count; ++i) {
      sample.at += std::chrono::seconds(1);
      history.Add(sample);
    }
  }
  void ListSessions(SessionQuery /*query*/, std::function<void(const SessionList&)> answered) override { answered({}); }
  void FindSession(SessionId /*id*/, std::function<void(const SessionFound&)> answered) override { answered({}); }
  void Close(CloseAction /*action*/, std::function<void(const ActionAnswer&)> answered) override { answered({}); }
  void Flush(Selector /*of*/, std::function<void(const ActionAnswer&)> answered) override { answered({}); }
  void BeginDrain(std::function<void(const DrainAnswer&)> answered) override { answered({}); }
  // As Reload does.
  void AwaitDrain(std::function<void(const DrainAnswer&)> answered) override {
    later = std::thread([answered = std::move(answered), pause = pause] {
      std::this_thread::sleep_for(pause);
      answered({.state = DrainAnswer::State::kDrained});
    });
  }
  void Undrain(std::function<void(const DrainAnswer&)> answered) override { answered({}); }
  std::string last_payload;
  ~FakeSource() {
    if (later.joinable()) later.join();
  }

  std::thread later;
  std::chrono::milliseconds pause{20};  // before what comes later
  // Until the test calls `held`.
  bool holds_reload = false;
  std::function<void(const ReloadAnswer&)> held;
  std::promise<void> reload_asked;

  EventRing ring;
  MetricsRegistry registry{"9.9"};
  memwatch::MemoryHistory history{std::chrono::hours(2), std::chrono::seconds(1)};
  std::atomic<bool> is_ready{true};
};

// A blocking client that gives up after 10 seconds.
class Client {
 public:
  explicit Client(const std::string& address) {
    const Result<net::Address> resolved = net::Address::Resolve(address);
    REQUIRE(resolved.ok());
    fd_ = socket(resolved.value().family(), SOCK_STREAM, 0);
    const timeval patience{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    REQUIRE(connect(fd_, resolved.value().data(), resolved.value().length()) == 0);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(fd_); }

  void FinishSending() { shutdown(fd_, SHUT_WR); }
  // Whether nothing comes for so long.
  bool Quiet(std::chrono::milliseconds time) {
    pollfd poll_on{.fd = fd_, .events = POLLIN, .revents = 0};
    return poll(&poll_on, 1, static_cast<int>(time.count())) == 0;
  }
  void Send(const std::string& text) { send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }

  // One response with Content-Length, as far as it comes.
  std::string Receive() {
    while (!Complete() && ReceiveSome()) continue;
    return std::exchange(received_, std::string());
  }
  // All until the server closes; `closed` is false when it did not.
  std::string ReceiveAll(bool& closed) {
    while (ReceiveSome()) continue;
    closed = ended_;
    return received_;
  }

 private:
  bool Complete() const {
    const size_t head = received_.find("\r\n\r\n");
    const size_t length = received_.find("Content-Length: ");
    if (head == std::string::npos || length == std::string::npos) return false;
    return received_.size() >= head + 4 + std::stoul(received_.substr(length + 16));
  }
  bool ReceiveSome() {
    std::array<char, 4096> buffer{};
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got == 0) ended_ = true;
    if (got <= 0) return false;
    received_.append(buffer.data(), static_cast<size_t>(got));
    return true;
  }

  int fd_ = -1;
  bool ended_ = false;
  std::string received_;
};

struct Running {
  std::string path = (std::filesystem::temp_directory_path() / ("sheaf-admin-" + std::to_string(getpid()))).string();
  FakeSource source;
  Options::Admin options;
  std::unique_ptr<Admin> admin;

  Running() {
    source.registry.AddWorker();
    std::filesystem::remove(path);
    options.address = "unix:" + path;
    Start();
  }
  ~Running() {
    if (admin) admin->Stop();
    std::filesystem::remove(path);
  }
  void Start(const AdminTimes& times = {}) {
    Result<std::unique_ptr<Admin>> started = Admin::Start(options, source, times);
    REQUIRE(started.ok());
    admin = std::move(started.value());
  }
};

const std::string kLivez = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
const std::string kReadyz = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";

TEST_CASE_FIXTURE(Running, "One connection serves one request after another") {
  Client client(options.address);
  client.Send(kLivez);
  CHECK(client.Receive().starts_with("HTTP/1.1 200 OK\r\n"));
  client.Send(kReadyz);
  CHECK(client.Receive().starts_with("HTTP/1.1 200 OK\r\n"));
  source.is_ready.store(false);
  client.Send(kReadyz);
  CHECK(client.Receive().find("no backend is up") != std::string::npos);
}

const std::string kReload = "POST /reload HTTP/1.1\r\nHost: localhost\r\n\r\n";

TEST_CASE_FIXTURE(Running, "An answer may come later, and the connection goes on") {
  Client client(options.address);
  client.Send(kReload);
  CHECK(client.Receive().find("\"generation\":2") != std::string::npos);
  client.Send(kLivez);
  CHECK(client.Receive().starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE_FIXTURE(Running, "An answer that is late ends its connection, but for a drain, which may take long") {
  admin.reset();
  Start({.answer = std::chrono::milliseconds(50)});
  source.pause = std::chrono::milliseconds(300);
  Client impatient(options.address);
  impatient.Send(kReload);
  bool closed = false;
  CHECK(impatient.ReceiveAll(closed).empty());
  CHECK(closed);
  source.later.join();
  Client hook(options.address);
  hook.Send("GET /drain HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(hook.Receive().find("\"drained\"") != std::string::npos);
}

TEST_CASE_FIXTURE(Running, "A request behind one that waits for its answer gets none, and the connection ends") {
  Client client(options.address);
  client.Send(kReload);
  client.Send(kLivez);
  bool closed = false;
  const std::string all = client.ReceiveAll(closed);
  CHECK(closed);
  CHECK(all.find("\"generation\":2") != std::string::npos);
  CHECK(all.find("HTTP/1.1", 1) == std::string::npos);
}

TEST_CASE_FIXTURE(Running, "Who leaves before the answer comes takes nothing with it") {
  { Client(options.address).Send(kReload); }
  Client other(options.address);
  other.Send(kLivez);
  CHECK(other.Receive().starts_with("HTTP/1.1 200 OK\r\n"));
  if (source.later.joinable()) source.later.join();
  other.Send(kLivez);
  CHECK(other.Receive().starts_with("HTTP/1.1 200 OK\r\n"));
}

const std::string kPush = "POST /api/messages HTTP/1.1\r\nHost: localhost\r\n";

TEST_CASE_FIXTURE(Running, "A body may come in pieces of one byte, by its length or in chunks") {
  Client client(options.address);
  const std::string body = R"({"all":true,"text":"hello"})";
  for (const char byte : kPush + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body) {
    client.Send(std::string(1, byte));
  }
  CHECK(client.Receive().find("\"sessions\":1,") != std::string::npos);
  for (const char byte : kPush + "Transfer-Encoding: chunked\r\n\r\n1b\r\n" + body + "\r\n0\r\n\r\n" + kLivez) {
    client.Send(std::string(1, byte));
  }
  CHECK(client.Receive().find("\"sessions\":1,") != std::string::npos);
  CHECK(source.last_payload == "hello");
}

TEST_CASE_FIXTURE(Running, "A body in chunks that are none is refused, and the connection ends") {
  Client client(options.address);
  client.Send(kPush + "Transfer-Encoding: chunked\r\n\r\nx\r\n");
  bool closed = false;
  CHECK(client.ReceiveAll(closed).starts_with("HTTP/1.1 400 "));
  CHECK(closed);
}

TEST_CASE_FIXTURE(Running, "A head may come in pieces of one byte") {
  Client client(options.address);
  for (const char byte : "\r\n" + kLivez) client.Send(std::string(1, byte));
  CHECK(client.Receive().starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE_FIXTURE(Running, "A request behind another gets no answer, and the connection ends after the first one's") {
  Client client(options.address);
  client.Send(kLivez + kReadyz);
  bool closed = false;
  const std::string all = client.ReceiveAll(closed);
  CHECK(closed);
  CHECK(all.find("Connection: close\r\n") != std::string::npos);
  CHECK(all.find("HTTP/1.1", 1) == std::string::npos);
}

TEST_CASE_FIXTURE(Running, "A body is not read as the next request") {
  Client client(options.address);
  client.Send("POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(kReadyz.size()) +
              "\r\n\r\n");
  client.Send(kReadyz);
  bool closed = false;
  const std::string all = client.ReceiveAll(closed);
  CHECK(closed);
  CHECK(all.starts_with("HTTP/1.1 405 "));
  CHECK(all.find("HTTP/1.1", 1) == std::string::npos);
}

TEST_CASE_FIXTURE(Running, "What is not HTTP is refused and ends its connection only") {
  bool closed = false;
  for (const std::string& garbage : {std::string("\0\0\0\0\r\n\r\n", 8), std::string("GET / HTTP/1.1\nHost: a\n\n"),
                                     std::string("GET / HTTP/1.1\r\n\r\n"), "GET /" + std::string(100'000, 'a')}) {
    Client client(options.address);
    client.Send(garbage);
    const std::string all = client.ReceiveAll(closed);
    CHECK(closed);
    CHECK(all.starts_with("HTTP/1.1 4"));
  }
  Client after(options.address);
  after.Send(kLivez);
  CHECK(after.Receive().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("A head is given 5 seconds, a body 10, and a kept connection more than Prometheus takes") {
  CHECK(AdminTimes{}.head == std::chrono::seconds(5));
  CHECK(AdminTimes{}.body == std::chrono::seconds(10));
  CHECK(AdminTimes{}.idle > std::chrono::seconds(60));
}

TEST_CASE_FIXTURE(Running, "Half a head or half a body ends with 408; a quick one and a kept connection stay") {
  admin.reset();
  Start({.head = std::chrono::milliseconds(50), .body = std::chrono::milliseconds(50)});
  Client kept(options.address);
  kept.Send(kLivez);
  CHECK(kept.Receive().starts_with("HTTP/1.1 200 "));
  for (const std::string& half : {std::string("GET /livez HTTP/1.1\r\n"), kPush + "Content-Length: 9\r\n\r\n{"}) {
    Client slow(options.address);
    slow.Send(half);
    bool closed = false;
    CHECK(slow.ReceiveAll(closed).starts_with("HTTP/1.1 408 "));
    CHECK(closed);
  }
  kept.Send(kLivez);
  CHECK(kept.Receive().starts_with("HTTP/1.1 200 "));
}

TEST_CASE_FIXTURE(Running, "A byte now and then does not prolong the time for a head") {
  admin.reset();
  Start({.head = std::chrono::milliseconds(100)});
  Client slow(options.address);
  size_t sent = 0;
  for (; slow.Quiet(std::chrono::milliseconds(10)); ++sent) slow.Send("A");
  bool closed = false;
  CHECK(slow.ReceiveAll(closed).starts_with("HTTP/1.1 408 "));
  CHECK(closed);
  CHECK(sent > 0);
}

TEST_CASE_FIXTURE(Running, "A connection that is kept, and asks nothing, ends without a word") {
  admin.reset();
  Start({.idle = std::chrono::milliseconds(50)});
  Client client(options.address);
  client.Send(kLivez);
  CHECK(client.Receive().starts_with("HTTP/1.1 200 "));
  bool closed = false;
  CHECK(client.ReceiveAll(closed).empty());
  CHECK(closed);
}

TEST_CASE_FIXTURE(Running, "An answer that the kernel does not take at once is not cut off") {
  admin.reset();
  source.AddSamples(5000);
  Start({.linger = std::chrono::milliseconds(1)});
  const std::string history = "GET /api/performance/websocket/metrics HTTP/1.1\r\nHost: localhost\r\n";
  for (const bool keeps : {false, true}) {
    for (const bool finishes : {false, true}) {
      if (keeps && !finishes) continue;  // it would stay
      CAPTURE(keeps);
      CAPTURE(finishes);
      Client client(options.address);
      client.Send(history + (keeps ? "\r\n" : "Connection: close\r\n\r\n"));
      REQUIRE_FALSE(client.Quiet(std::chrono::seconds(10)));
      if (finishes) client.FinishSending();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      bool closed = false;
      const std::string all = client.ReceiveAll(closed);
      CHECK(closed);
      CHECK(all.size() > 1'000'000);
      CHECK(all.ends_with("}\n"));
    }
  }
}

TEST_CASE_FIXTURE(Running, "A client that has said that it sends no more gets its answer") {
  for (const std::string& request : {kReload, kLivez}) {
    Client client(options.address);
    client.Send(request);
    client.FinishSending();
    bool closed = false;
    CHECK(client.ReceiveAll(closed).starts_with("HTTP/1.1 200 "));
    CHECK(closed);
    if (source.later.joinable()) source.later.join();
  }
}

TEST_CASE_FIXTURE(Running, "Who waits for an answer makes room last") {
  source.holds_reload = true;
  Client waiting(options.address);
  waiting.Send(kReload);
  REQUIRE(source.reload_asked.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  std::vector<std::unique_ptr<Client>> holders;
  for (int i = 0; i < 100; ++i) holders.push_back(std::make_unique<Client>(options.address));
  Client probe(options.address);
  probe.Send(kLivez);
  CHECK(probe.Receive().starts_with("HTTP/1.1 200 "));
  source.held({.taken = true, .generation = 2, .digest = {}, .error = {}, .needs_restart = {}});
  CHECK(waiting.Receive().starts_with("HTTP/1.1 200 "));
}

TEST_CASE_FIXTURE(Running, "The file of a Unix socket is its owner's alone, whatever the umask") {
  admin.reset();
  const mode_t before = umask(0);
  Start();
  umask(before);
  CHECK(std::filesystem::status(path).permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE_FIXTURE(Running, "However many connections are held open, a probe gets through") {
  std::vector<std::unique_ptr<Client>> holders;
  for (int i = 0; i < 100; ++i) holders.push_back(std::make_unique<Client>(options.address));
  Client probe(options.address);
  probe.Send(kLivez);
  CHECK(probe.Receive().starts_with("HTTP/1.1 200 "));
  bool closed = false;
  CHECK(holders.front()->ReceiveAll(closed).empty());
  CHECK(closed);
}

TEST_CASE_FIXTURE(Running, "Stop closes the connections, and may be called twice") {
  Client client(options.address);
  client.Send(kLivez);
  client.Receive();
  admin->Stop();
  admin->Stop();
  bool closed = false;
  client.ReceiveAll(closed);
  CHECK(closed);
}

TEST_CASE_FIXTURE(Running,
                  "A Unix socket that was left behind is replaced, one in use is not, and its own goes at the end") {
  CHECK_FALSE(Admin::Start(options, source).ok());
  admin->Stop();
  admin.reset();
  CHECK_FALSE(std::filesystem::exists(path));
  const net::Address address = net::Address::Resolve(options.address).value();
  const int crashed = socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(bind(crashed, address.data(), address.length()) == 0);
  close(crashed);
  REQUIRE(std::filesystem::is_socket(path));
  Start();
  Client client(options.address);
  client.Send(kLivez);
  CHECK(client.Receive().starts_with("HTTP/1.1 200 "));
}

TEST_CASE_FIXTURE(Running, "A file that is in the way of the Unix socket stays") {
  admin->Stop();
  admin.reset();
  std::filesystem::remove(path);
  std::ofstream(path) << "precious";
  const auto started = Admin::Start(options, source);
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().starts_with("admin.address: "));
  CHECK(std::filesystem::is_regular_file(path));
}

TEST_CASE("A port that another Sheaf's admin listener has is an error, not shared") {
  const Result<net::Address> any = net::Address::Resolve("127.0.0.1:0");
  REQUIRE(any.ok());
  const auto listener = net::Listener::Open(any.value(), {.sockets = 2});
  REQUIRE(listener.ok());
  const int other = listener.value()->Take();
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  REQUIRE(getsockname(other, reinterpret_cast<sockaddr*>(&bound), &length) == 0);

  FakeSource source;
  Options::Admin options;
  options.address = net::Address(reinterpret_cast<const sockaddr*>(&bound), length).ToString();
  const auto started = Admin::Start(options, source);
  close(other);
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().find("another program listens there") != std::string::npos);
}

TEST_CASE("An address that cannot be had is an error that names the option") {
  FakeSource source;
  Options::Admin options;
  options.address = "127.0.0.1:not-a-port";
  const auto started = Admin::Start(options, source);
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().starts_with("admin.address: "));
}

}  // namespace
}  // namespace sheaf
