// A backend that does what the test says, in the test's own thread: it accepts, collects and answers between two turns
// of the loop under test, over real sockets.
//
//   ScriptedBackend backend;                        // listens on a free port of 127.0.0.1
//   ... turns of the loop, with backend.Poll() in each ...
//   backend.Send(0, "HTTP/1.1 200 OK\r\n...");      // to the first connection that was accepted
#pragma once

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/address.h"

namespace sheaf {

class ScriptedBackend {
 public:
  ScriptedBackend() { Listen(); }
  ScriptedBackend(const ScriptedBackend&) = delete;
  ScriptedBackend& operator=(const ScriptedBackend&) = delete;
  ~ScriptedBackend() {
    StopListening();
    for (size_t i = 0; i < peers_.size(); ++i) Close(i);
  }

  const net::Address& address() const { return address_; }
  bool accepts = true;  // false: connections wait in the kernel, established but never served
  bool reads = true;    // false: what is sent to it piles up

  // Refuses connections from now on, until ListenAgain.
  void StopListening() {
    if (listener_ >= 0) close(listener_);
    listener_ = -1;
  }
  void ListenAgain() { Listen(); }

  // Takes new connections and what has come on the old ones.
  void Poll() {
    while (accepts && listener_ >= 0) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) break;
      peers_.push_back({fd, {}, false});
    }
    if (!reads) return;
    for (Peer& peer : peers_) Read(peer);
  }

  // Connections accepted so far, in order; those that have ended keep their number.
  size_t accepted() const { return peers_.size(); }
  const std::string& received(size_t i) const { return peers_[i].received; }
  void Forget(size_t i) { peers_[i].received.clear(); }
  // The proxy closed this connection, in order or not.
  bool ended(size_t i) const { return peers_[i].ended; }
  size_t open() const {
    size_t count = 0;
    for (const Peer& peer : peers_) count += peer.fd >= 0 && !peer.ended ? 1 : 0;
    return count;
  }

  void Send(size_t i, std::string_view text) {
    REQUIRE(send(peers_[i].fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  void Answer(size_t i, std::string_view body = "ok") {
    Send(i, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
  }
  void Close(size_t i) {
    if (peers_[i].fd >= 0) close(peers_[i].fd);
    peers_[i].fd = -1;
  }
  // Ends it by a RST.
  void Reset(size_t i) {
    const linger at_once{1, 0};
    setsockopt(peers_[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    Close(i);
  }

 private:
  struct Peer {
    int fd;
    std::string received;
    bool ended;
  };

  void Listen() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(address_.port());
    REQUIRE(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(listen(listener_, 128) == 0);
    socklen_t length = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    address_ = net::Address(reinterpret_cast<const sockaddr*>(&address), length);
  }

  static void Read(Peer& peer) {
    char buffer[65536];
    while (peer.fd >= 0 && !peer.ended) {
      const ssize_t got = recv(peer.fd, buffer, sizeof(buffer), 0);
      if (got > 0) {
        peer.received.append(buffer, static_cast<size_t>(got));
      } else if (got == 0 || errno != EAGAIN) {
        peer.ended = true;
      } else {
        return;
      }
    }
  }

  int listener_ = -1;
  net::Address address_;
  std::vector<Peer> peers_;
};

}  // namespace sheaf
