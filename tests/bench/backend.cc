// The benchmark's backend: one thread, as cheap a server as can be, so that the proxy in front is what is measured.
//
//   bench_backend 127.0.0.1:8000
//
//   /echo            a WebSocket that sends back every message
//   /tick/RATE       a WebSocket: "start" begins RATE messages a second, "stop" ends them and is answered with "end
//   COUNT" /broadcast/RATE  the same, but all clients get the same message at the same time; one rate for all else 200
//   with a short body
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/bench/frames.h"
#include "tests/bench/payload.h"
#include "tests/bench/socket.h"

namespace sheaf::bench {
namespace {

// A client so far behind gets no ticks until it has caught up; what is not sent is not counted either.
constexpr size_t kMostQueued = 1024 * 1024;
// A backend that was held up does not send everything at once afterwards.
constexpr double kMostCaughtUp = 0.05;  // seconds

std::array<char, 256 * 1024> receive_buffer;

class Server;

// One connection, HTTP at first. Owned by the server.
class Peer : public Pollable {
 public:
  Peer(Server& server, Fd fd) : server_(server), fd_(std::move(fd)) {}

  // Sends the quote with the peer's own next number.
  void SendTick(Quote& quote);
  void SendBroadcast(std::string_view text);
  int fd() const { return fd_.get(); }
  double rate() const { return rate_; }
  bool broadcast() const { return broadcast_; }

 private:
  void OnEvents(uint32_t events) override;
  void OnReadable();
  void OnHead(std::span<char> bytes);
  void AnswerHead(std::string_view head);
  void OnBytes(std::span<char> bytes);
  void OnMessage(const Message& message);
  void OnTickWord(std::string_view word);
  void Flush();
  void Leave();

  Server& server_;
  Fd fd_;
  bool upgraded_ = false;
  bool gone_ = false;
  bool closing_ = false;
  bool waits_for_room_ = false;
  double rate_ = 0;  // 0: echo
  bool broadcast_ = false;
  uint64_t ticks_ = 0;
  std::string head_;
  std::string out_;
  MessageReader reader_{true};
};

// Hands each new connection to the server.
class Door : public Pollable {
 public:
  Door(Server& server, Fd listener) : server_(server), listener_(std::move(listener)) {}
  int fd() const { return listener_.get(); }

 private:
  void OnEvents(uint32_t events) override;

  Server& server_;
  Fd listener_;
};

class Server {
 public:
  // Clients come over TCP, and over the Unix socket at `path` where that is not empty.
  Server(const sockaddr_in& address, const std::string& path) {
    AddDoor(Listen(address));
    if (!path.empty()) AddDoor(ListenUnix(path));
  }

  [[noreturn]] void Serve();
  void Welcome(Fd fd);
  void StartTicking(Peer& peer);
  void StopTicking(Peer& peer);
  // Destroys the peer at the end of the turn.
  void Bury(Peer& peer) { gone_.push_back(peer.fd()); }
  Poller& poller() { return poller_; }

 private:
  void AddDoor(Fd listener) {
    doors_.push_back(std::make_unique<Door>(*this, std::move(listener)));
    poller_.Add(doors_.back()->fd(), EPOLLIN, doors_.back().get());
  }
  void Tick(double seconds);
  void Broadcast(double seconds);

  Poller poller_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::unordered_map<int, std::unique_ptr<Peer>> peers_;
  std::vector<int> gone_;
  Quote quote_;
  std::vector<Peer*> ticking_;
  size_t next_ = 0;        // of ticking_
  double total_rate_ = 0;  // ticks a second, of all together
  double ticks_due_ = 0;
  std::vector<Peer*> listening_;  // to the broadcast
  uint64_t broadcasts_ = 0;
  double broadcasts_due_ = 0;
  uint64_t turned_ns_ = NowNs();
};

void Door::OnEvents(uint32_t /*events*/) {
  for (;;) {
    Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    server_.Welcome(std::move(fd));
  }
}

void Server::Welcome(Fd fd) {
  SetNoDelay(fd.get());  // of a Unix socket: nothing
  const int number = fd.get();
  auto& peer = peers_[number] = std::make_unique<Peer>(*this, std::move(fd));
  poller_.Add(number, EPOLLIN, peer.get());
}

void Server::Serve() {
  for (;;) {
    poller_.Wait(ticking_.empty() && listening_.empty() ? -1 : 1);
    const uint64_t now_ns = NowNs();
    const double seconds = std::min(static_cast<double>(now_ns - turned_ns_) / 1e9, kMostCaughtUp);
    turned_ns_ = now_ns;
    Tick(seconds);
    Broadcast(seconds);
    for (int fd : gone_) peers_.erase(fd);
    gone_.clear();
  }
}

void Server::StartTicking(Peer& peer) {
  if (peer.broadcast()) return listening_.push_back(&peer);
  ticking_.push_back(&peer);
  total_rate_ += peer.rate();
}

void Server::StopTicking(Peer& peer) {
  std::erase(listening_, &peer);
  if (std::erase(ticking_, &peer) > 0) total_rate_ -= peer.rate();
}

// Spreads the ticks evenly: each millisecond a few clients get theirs. All at once would measure the length of the
// queue.
void Server::Tick(double seconds) {
  if (ticking_.empty()) return;
  for (ticks_due_ += seconds * total_rate_; ticks_due_ >= 1 && !ticking_.empty(); ticks_due_ -= 1) {
    next_ = next_ + 1 < ticking_.size() ? next_ + 1 : 0;
    ticking_[next_]->SendTick(quote_);
  }
}

void Server::Broadcast(double seconds) {
  if (listening_.empty()) return;
  for (broadcasts_due_ += seconds * listening_[0]->rate(); broadcasts_due_ >= 1; broadcasts_due_ -= 1) {
    const std::string_view text = quote_.Write({.sequence = broadcasts_++, .sent_ns = NowNs()});
    const std::vector<Peer*> listening = listening_;  // a peer that fails to be written to leaves
    for (Peer* peer : listening) peer->SendBroadcast(text);
    if (listening_.empty()) return;
  }
}

void Peer::SendTick(Quote& quote) {
  if (out_.size() > kMostQueued) return;
  AppendMessage(out_, kText, quote.Write({.sequence = ticks_++, .sent_ns = NowNs()}), std::nullopt);
  Flush();
}

void Peer::SendBroadcast(std::string_view text) {
  if (out_.size() > kMostQueued) return;
  ++ticks_;
  AppendMessage(out_, kText, text, std::nullopt);
  Flush();
}

void Peer::OnEvents(uint32_t events) {
  if ((events & ~uint32_t{EPOLLOUT}) != 0) OnReadable();
  Flush();
}

void Peer::OnReadable() {
  const ssize_t count = recv(fd_.get(), receive_buffer.data(), receive_buffer.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return Leave();
  const std::span<char> bytes(receive_buffer.data(), static_cast<size_t>(count));
  upgraded_ ? OnBytes(bytes) : OnHead(bytes);
}

void Peer::OnHead(std::span<char> bytes) {
  head_.append(bytes.data(), bytes.size());
  while (!upgraded_) {
    const size_t end = head_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    AnswerHead(std::string_view(head_).substr(0, end + 2));
    head_.erase(0, end + 4);
  }
  std::string rest = std::move(head_);
  if (!rest.empty()) OnBytes(rest);
}

void Peer::AnswerHead(std::string_view head) {
  const std::string_view key = FieldValue(head, "Sec-WebSocket-Key");
  if (key.empty()) {
    out_.append("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n");
    return;
  }
  upgraded_ = true;
  out_.append(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
  out_.append(AcceptKey(key)).append("\r\n\r\n");
  constexpr std::string_view kTick = "GET /tick/";
  constexpr std::string_view kBroadcast = "GET /broadcast/";
  broadcast_ = head.starts_with(kBroadcast);
  if (!broadcast_ && !head.starts_with(kTick)) return;
  const std::string_view rate = head.substr(broadcast_ ? kBroadcast.size() : kTick.size());
  std::from_chars(rate.data(), rate.data() + rate.size(), rate_);
}

void Peer::OnBytes(std::span<char> bytes) {
  reader_.Give(bytes);
  while (std::optional<Message> message = reader_.Next()) OnMessage(*message);
  reader_.Keep();
  if (reader_.broken()) Leave();
}

void Peer::OnMessage(const Message& message) {
  switch (message.opcode) {
    case kClose:
      AppendMessage(out_, kClose, message.payload, std::nullopt);
      closing_ = true;
      break;
    case kPing:
      AppendMessage(out_, kPong, message.payload, std::nullopt);
      break;
    case kPong:
      break;
    default:
      if (rate_ > 0) return OnTickWord(message.payload);
      AppendMessage(out_, message.opcode, message.payload, std::nullopt);
  }
}

void Peer::OnTickWord(std::string_view word) {
  if (word == "start") server_.StartTicking(*this);
  if (word != "stop") return;
  server_.StopTicking(*this);
  AppendMessage(out_, kText, "end " + std::to_string(ticks_), std::nullopt);
}

void Peer::Flush() {
  if (gone_ || out_.empty()) return;
  const ssize_t count = send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) return Leave();
  if (count > 0) out_.erase(0, static_cast<size_t>(count));
  if (out_.empty() && closing_) return Leave();
  if (waits_for_room_ == !out_.empty()) return;
  waits_for_room_ = !out_.empty();
  server_.poller().Modify(fd_.get(), waits_for_room_ ? uint32_t{EPOLLIN} | EPOLLOUT : uint32_t{EPOLLIN}, this);
}

void Peer::Leave() {
  if (gone_) return;
  gone_ = true;
  server_.StopTicking(*this);
  server_.Bury(*this);
}

}  // namespace
}  // namespace sheaf::bench

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) sheaf::bench::Die("usage: bench_backend ADDRESS:PORT [UNIX SOCKET]");
  sheaf::bench::Server(sheaf::bench::ParseAddress(argv[1]), argc == 3 ? argv[2] : "").Serve();
}
