#include "proxy/admin/probe_client.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string_view>
#include <thread>

namespace sheaf {
namespace {

// Listens on a free port of 127.0.0.1. Serve answers one connection, from another thread.
class FakeAdmin {
 public:
  FakeAdmin() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(listen(listener_, 4) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = std::to_string(ntohs(address.sin_port));
  }
  FakeAdmin(const FakeAdmin&) = delete;
  FakeAdmin& operator=(const FakeAdmin&) = delete;
  ~FakeAdmin() {
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }

  void Serve(std::string_view answer) {
    thread_ = std::thread([this, answer] {
      const int connection = accept(listener_, nullptr, nullptr);
      std::array<char, 1024> buffer{};
      const ssize_t count = recv(connection, buffer.data(), buffer.size(), 0);
      request_.assign(buffer.data(), count > 0 ? static_cast<size_t>(count) : 0);
      send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      close(connection);
    });
  }
  const std::string& request() {
    thread_.join();
    return request_;
  }
  const std::string& port() const { return port_; }

 private:
  int listener_;
  std::string port_;
  std::string request_;
  std::thread thread_;
};

TEST_CASE("a 200 from /readyz means ready, on a wildcard address too") {
  for (const char* host : {"127.0.0.1:", "0.0.0.0:", ":", "*:"}) {
    CAPTURE(host);
    FakeAdmin admin;
    admin.Serve("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK(AskReadiness(host + admin.port()).ok());
    CHECK(admin.request().starts_with("GET /readyz HTTP/1.1\r\nHost: localhost\r\n"));
  }
}

TEST_CASE("any other answer means not ready") {
  for (const char* answer : {"HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 2000 Odd\r\n\r\n", "garbage", ""}) {
    CAPTURE(answer);
    FakeAdmin admin;
    admin.Serve(answer);
    const Result<std::string> line = AskReadiness("127.0.0.1:" + admin.port());
    REQUIRE_FALSE(line.ok());
    CHECK(line.error().starts_with("not ready: "));
  }
}

TEST_CASE("nobody to ask means not ready") {
  CHECK_FALSE(AskReadiness("").ok());
  CHECK_FALSE(AskReadiness("unix:/nonexistent/admin.sock").ok());
  std::string port;
  {
    const FakeAdmin gone;
    port = gone.port();
  }
  CHECK(AskReadiness("127.0.0.1:" + port).error().ends_with("Connection refused"));
}

TEST_CASE("no answer within three seconds means not ready") {
  const FakeAdmin silent;
  const auto start = std::chrono::steady_clock::now();
  CHECK(AskReadiness("127.0.0.1:" + silent.port()).error().ends_with("no answer in time"));
  const auto took = std::chrono::steady_clock::now() - start;
  CHECK(took > std::chrono::milliseconds(2900));
  CHECK(took < std::chrono::milliseconds(5000));
}

}  // namespace
}  // namespace sheaf
