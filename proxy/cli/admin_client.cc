#include "proxy/cli/admin_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/wire/http1.h"

namespace sheaf::cli {
namespace {

using Moment = std::chrono::steady_clock::time_point;

// No answer of the admin listener comes near it.
constexpr size_t kMostBody = size_t{256} * 1024 * 1024;

std::string SystemError() {
  return std::generic_category().message(errno);
}

// The socket of one request. Its functions return what went wrong; an empty text: nothing.
class Socket {
 public:
  Socket(int family, Moment deadline, int ends_by)
      : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)), deadline_(deadline), ends_by_(ends_by) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }

  std::string Connect(const net::Address& address) {
    if (fd_ < 0) return SystemError();
    if (connect(fd_, address.data(), address.length()) == 0) return {};
    if (errno != EINPROGRESS) return SystemError();
    if (std::string error = WaitFor(POLLOUT); !error.empty()) return error;
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    return error == 0 ? std::string() : std::generic_category().message(error);
  }

  std::string Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<size_t>(sent));
      } else if (errno == EAGAIN) {
        if (std::string error = WaitFor(POLLOUT); !error.empty()) return error;
      } else {
        return SystemError();
      }
    }
    return {};
  }

  // Puts the next bytes into received(), in the place of those before. There are none at the end.
  std::string Receive() {
    received_ = {};
    for (;;) {
      const ssize_t count = recv(fd_, buffer_.data(), buffer_.size(), 0);
      if (count >= 0) {
        received_ = {buffer_.data(), static_cast<size_t>(count)};
        return {};
      }
      if (errno != EAGAIN) return SystemError();
      if (std::string error = WaitFor(POLLIN); !error.empty()) return error;
    }
  }
  std::string_view received() const { return received_; }

 private:
  std::string WaitFor(short events) {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
      if (left.count() <= 0) return "no answer in time";
      std::array<pollfd, 2> waiting{pollfd{fd_, events, 0}, pollfd{ends_by_, POLLIN, 0}};
      const int ready = poll(waiting.data(), waiting.size(), static_cast<int>(left.count()));
      if (ready < 0 && errno != EINTR) return SystemError();
      if (ready > 0) return waiting[1].revents != 0 ? "interrupted" : "";
    }
  }

  const int fd_;
  const Moment deadline_;
  const int ends_by_;
  std::array<char, 64 * 1024> buffer_{};
  std::string_view received_;
};

std::string Serialize(const AdminRequest& request, const AdminPlace& place) {
  const bool has_port = !place.address.starts_with("unix:");
  std::string bytes = request.method + " " + request.target + " HTTP/1.1\r\nHost: ";
  // The admin listener knows the name in its own address, and localhost.
  bytes.append(has_port ? net::Reachable(place.address) : std::string(net::kLocalhost));
  bytes.append("\r\nConnection: close\r\n");
  if (!place.token.empty()) bytes.append("Authorization: Bearer ").append(place.token).append("\r\n");
  if (!request.body.empty()) {
    bytes.append("Content-Type: application/json\r\nContent-Length: " + std::to_string(request.body.size()) + "\r\n");
  }
  return bytes.append("\r\n").append(request.body);
}

Error Early() {
  return Error{"the connection ended before the answer"};
}

// What is left of `rest` and of the socket, without its framing.
Result<std::string> ReadBody(const wire::ResponseHead& head, std::string_view rest, Socket& socket) {
  std::string body;
  wire::BodyDecoder decoder;
  decoder.Reset(head.body, head.content_length, wire::Sender::kBackend);
  for (;;) {
    const auto [verdict, data] = decoder.Next(rest);
    body.append(data);
    if (verdict == wire::BodyDecoder::Verdict::kComplete) return body;
    if (verdict == wire::BodyDecoder::Verdict::kRefuse || body.size() > kMostBody) return Error{"a malformed answer"};
    if (verdict == wire::BodyDecoder::Verdict::kData) continue;
    if (std::string error = socket.Receive(); !error.empty()) return Error{error};
    rest = socket.received();
    if (!rest.empty()) continue;
    if (head.body != wire::BodyKind::kUntilClose) return Early();
    return body;
  }
}

Result<AdminReply> ReadReply(const AdminRequest& request, Socket& socket) {
  using Verdict = wire::HeadScanner::Verdict;
  const wire::HeadLimits limits;
  wire::HeadScanner scanner;
  std::string bytes;
  Verdict verdict = Verdict::kNeedMore;
  while (verdict == Verdict::kNeedMore) {
    if (std::string error = socket.Receive(); !error.empty()) return Error{error};
    if (socket.received().empty()) return Early();
    bytes.append(socket.received());
    verdict = scanner.Scan(bytes, limits);
  }
  wire::ResponseHead head;
  const std::string_view all = bytes;
  if (verdict == Verdict::kRefuse ||
      !ParseResponseHead(all.substr(0, scanner.head_size()), limits, request.method, head)) {
    return Error{"what answers there speaks no HTTP/1.1: it is no admin listener"};
  }
  Result<std::string> body = ReadBody(head, all.substr(scanner.head_size()), socket);
  if (!body.ok()) return Error{body.error()};
  return AdminReply{.status = head.status, .body = std::move(body.value())};
}

}  // namespace

Result<AdminReply> AdminClient::Ask(const AdminRequest& request) const {
  if (place_.address.empty()) return Error{"admin.address is empty: there is nobody to ask"};
  const std::string reachable = net::Reachable(place_.address);
  const Result<std::vector<net::Address>> all = net::Address::ResolveAll(reachable);
  if (!all.ok()) return Error{all.error()};
  const Moment deadline = std::chrono::steady_clock::now() + request.patience;
  std::string error;
  for (const net::Address& address : all.value()) {
    Socket socket(address.family(), deadline, ends_by_);
    error = socket.Connect(address);
    if (!error.empty()) continue;
    error = socket.Send(Serialize(request, place_));
    if (!error.empty()) break;
    Result<AdminReply> reply = ReadReply(request, socket);
    if (reply.ok()) return reply;
    error = reply.error();
    break;
  }
  return Error{reachable + ": " + error};
}

}  // namespace sheaf::cli
