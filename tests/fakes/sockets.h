// The other end of a net::Connection under test, played by hand, and what the connection tells its owner.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/connection.h"

namespace sheaf {

// A non-blocking socket that the test reads and writes by itself.
class RawSocket {
 public:
  explicit RawSocket(int fd = -1) : fd_(fd) {
    if (fd_ >= 0) fcntl(fd_, F_SETFL, O_NONBLOCK);
  }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;
  ~RawSocket() { Close(); }

  std::string received;
  bool ended = false;   // FIN has come
  bool broken = false;  // RST has come

  int fd() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

  // Reads at most `most` bytes of what is there.
  void Read(size_t most = SIZE_MAX) {
    std::vector<char> buffer(64 * 1024);
    while (fd_ >= 0 && most > 0 && !ended && !broken) {
      const ssize_t got = recv(fd_, buffer.data(), std::min(most, buffer.size()), 0);
      if (got > 0) {
        received.append(buffer.data(), static_cast<size_t>(got));
        most -= static_cast<size_t>(got);
      } else if (got == 0) {
        ended = true;
      } else if (errno == EAGAIN) {
        return;
      } else {
        broken = true;
      }
    }
  }

  // Sends as much of `text` as the kernel takes, and takes it off the front.
  void SendSome(std::string_view& text) {
    const ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent > 0) text.remove_prefix(static_cast<size_t>(sent));
  }
  // Sends all of a short text.
  void Send(std::string_view text) {
    SendSome(text);
    REQUIRE(text.empty());
  }
  void FinishSending() { shutdown(fd_, SHUT_WR); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  void Reset() {
    const linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    Close();
  }

 private:
  int fd_;
};

// A listening TCP socket on a free port of 127.0.0.1. It accepts when told to.
class RawListener {
 public:
  RawListener() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&address), length) == 0);
    REQUIRE(listen(fd_, 64) == 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    address_ = net::Address(reinterpret_cast<const sockaddr*>(&address), length);
  }
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;
  ~RawListener() { close(fd_); }

  const net::Address& address() const { return address_; }
  // -1 when nobody has come.
  int Accept() { return accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }

 private:
  int fd_;
  net::Address address_;
};

// Connects to `address`; the socket is blocking until the connection stands.
inline int DialRaw(const net::Address& address) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(connect(fd, address.data(), address.length()) == 0);
  return fd;
}

// Both ends of a TCP connection over loopback, non-blocking, with small buffers in the kernel where asked for.
struct TcpPair {
  explicit TcpPair(bool small_buffers = false) {
    const int dialled = DialRaw(listener.address());
    peer = std::make_unique<RawSocket>(dialled);
    own = listener.Accept();
    REQUIRE(own >= 0);
    if (small_buffers) {
      const int small = 4096;
      setsockopt(own, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
      const int window = 64 * 1024;  // smaller ones make the kernel wait for its probe timer
      setsockopt(peer->fd(), SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
    }
  }

  RawListener listener;
  std::unique_ptr<RawSocket> peer;
  int own;  // for the Connection, which takes it over
};

// Writes down what a connection tells its owner: "connected", "bytes", "eof", "reset", "connect failed", "tls failed",
// "blocked", "drained", "finished". Bytes are joined in `received`.
class ConnectionRecorder final : public net::ConnectionEvents {
 public:
  std::vector<std::string> told;
  std::string received;
  std::function<void(std::string_view)> after;       // called behind each event
  std::function<void(std::span<uint8_t>)> on_bytes;  // instead of keeping them

  size_t Count(std::string_view event) const {
    return static_cast<size_t>(std::count(told.begin(), told.end(), event));
  }

  void OnConnected() override { Tell("connected"); }
  void OnBytes(std::span<uint8_t> bytes) override {
    largest_ = std::max(largest_, bytes.size());
    if (on_bytes) {
      on_bytes(bytes);
    } else {
      received.append(bytes.begin(), bytes.end());
    }
    Tell("bytes");
  }
  void OnEnd(net::ConnectionEnd end) override {
    static constexpr std::string_view kNames[] = {"eof", "reset", "connect failed", "tls failed"};
    Tell(kNames[static_cast<size_t>(end)]);
  }
  void OnOutputBlocked() override { Tell("blocked"); }
  void OnOutputDrained() override { Tell("drained"); }
  void OnFinished() override { Tell("finished"); }

  size_t largest_read() const { return largest_; }

 private:
  void Tell(std::string_view event) {
    if (told.empty() || event != "bytes" || told.back() != "bytes") told.emplace_back(event);
    if (after) after(event);
  }

  size_t largest_ = 0;
};

// Text in which any lost, doubled or moved byte shows.
inline std::string Numbered(size_t size) {
  std::string text;
  for (size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ",";
  text.resize(size);
  return text;
}

}  // namespace sheaf
