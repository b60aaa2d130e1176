#include "proxy/cli/admin_client.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace sheaf::cli {
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

AdminPlace At(const FakeAdmin& admin, const std::string& host = "127.0.0.1:") {
  return {.address = host + admin.port(), .token = "s3cret"};
}

TEST_CASE("a request has the token and its body, and a wildcard address is this machine") {
  for (const char* host : {"127.0.0.1:", "0.0.0.0:", ":", "*:", "localhost:"}) {
    CAPTURE(host);
    FakeAdmin admin;
    admin.Serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    const auto reply =
        AdminClient(At(admin, host)).Ask({.method = "POST", .target = "/close", .body = "{\"all\":true}"});
    REQUIRE(reply.ok());
    CHECK(reply.value().status == 200);
    CHECK(reply.value().body == "{}");
    const std::string& request = admin.request();
    CHECK(request.starts_with("POST /close HTTP/1.1\r\nHost: "));
    CHECK(request.find("\r\nAuthorization: Bearer s3cret\r\n") != std::string::npos);
    CHECK(request.ends_with("\r\nContent-Length: 12\r\n\r\n{\"all\":true}"));
  }
}

TEST_CASE("answers with a length, in chunks, without a body and up to the end are read whole") {
  const std::pair<const char*, const char*> cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"},
      {"HTTP/1.1 422 Unprocessable Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "abc"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
      {"HTTP/1.0 200 OK\r\n\r\nabc", "abc"}};
  for (const auto& [answer, body] : cases) {
    CAPTURE(answer);
    FakeAdmin admin;
    admin.Serve(answer);
    const auto reply = AdminClient(At(admin)).Ask({.target = "/readyz"});
    REQUIRE(reply.ok());
    CHECK(reply.value().body == body);
  }
}

TEST_CASE("what is no whole HTTP answer is none") {
  for (const char* answer : {"", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 2000 Odd\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"}) {
    CAPTURE(answer);
    FakeAdmin admin;
    admin.Serve(answer);
    const auto reply = AdminClient(At(admin)).Ask({.target = "/readyz"});
    REQUIRE_FALSE(reply.ok());
    CHECK(reply.error().starts_with("127.0.0.1:" + admin.port() + ": "));
  }
}

TEST_CASE("nobody is there to be asked") {
  const auto error = [](const std::string& address) {
    return AdminClient({.address = address, .token = {}}).Ask({.target = "/"}).error();
  };
  CHECK(error("") == "admin.address is empty: there is nobody to ask");
  CHECK(error("unix:/nonexistent/admin.sock") == "unix:/nonexistent/admin.sock: No such file or directory");
  std::string port;
  {
    const FakeAdmin gone;
    port = gone.port();
  }
  CHECK(error("127.0.0.1:" + port) == "127.0.0.1:" + port + ": Connection refused");
}

TEST_CASE("no answer in time is none, and so is one that is not waited for any more") {
  const FakeAdmin silent;
  AdminClient client(At(silent));
  CHECK(client.Ask({.target = "/", .patience = std::chrono::seconds(1)}).error().ends_with(": no answer in time"));
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  client.EndsBy(pipe_ends[0]);
  REQUIRE(write(pipe_ends[1], "x", 1) == 1);
  CHECK(client.Ask({.target = "/", .patience = std::chrono::hours(1)}).error().ends_with(": interrupted"));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

}  // namespace
}  // namespace sheaf::cli
