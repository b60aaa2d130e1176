#include "tests/bench/backend_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <charconv>

#include "tests/bench/backend_peer.h"

namespace sheaf::bench {
namespace {

// A backend that was held up does not send everything at once afterwards.
constexpr double kMostCaughtUp = 0.05;  // seconds

}  // namespace

class Door : public Pollable {
 public:
  Door(Server& server, Fd listener) : server_(server), listener_(std::move(listener)) {}
  int fd() const { return listener_.get(); }

 private:
  void OnEvents(uint32_t /*events*/) override {
    for (;;) {
      Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) return;
      server_.Welcome(std::move(fd));
    }
  }

  Server& server_;
  Fd listener_;
};

Load LoadOf(std::string_view path) {
  constexpr std::string_view kTick = "/tick/";
  constexpr std::string_view kBroadcast = "/broadcast/";
  Load load{.broadcast = path.starts_with(kBroadcast)};
  if (!load.broadcast && !path.starts_with(kTick)) return load;
  path.remove_prefix((load.broadcast ? kBroadcast : kTick).size());
  std::from_chars(path.data(), path.data() + path.size(), load.rate);
  return load;
}

Server::Server(const sockaddr_in& address, const std::string& path) {
  AddDoor(Listen(address));
  if (!path.empty()) AddDoor(ListenUnix(path));
}

Server::~Server() = default;

void Server::AddDoor(Fd listener) {
  doors_.push_back(std::make_unique<Door>(*this, std::move(listener)));
  poller_.Add(doors_.back()->fd(), EPOLLIN, doors_.back().get());
}

void Server::Welcome(Fd fd) {
  SetNoDelay(fd.get());  // of a Unix socket: nothing
  const int number = fd.get();
  auto& peer = peers_[number] = std::make_unique<Peer>(*this, std::move(fd));
  poller_.Add(number, EPOLLIN, peer.get());
}

void Server::Bury(const Peer& peer) {
  gone_.push_back(peer.fd());
}

void Server::Serve() {
  for (;;) {
    poller_.Wait(ticking_.empty() && listening_.empty() ? -1 : 1);
    const uint64_t now_ns = NowNs();
    const double seconds = std::min(static_cast<double>(now_ns - turned_ns_) / 1e9, kMostCaughtUp);
    turned_ns_ = now_ns;
    Tick(seconds);
    Broadcast(seconds);
    EndTurn();
  }
}

void Server::EndTurn() {
  for (Peer* peer : owing_) peer->Flush();
  owing_.clear();
  for (int fd : gone_) peers_.erase(fd);
  gone_.clear();
}

void Server::Start(Ticker& ticker, double rate) {
  ticking_.push_back(&ticker);
  total_rate_ += rate;
}

void Server::Stop(Ticker& ticker, double rate) {
  if (std::erase(ticking_, &ticker) > 0) total_rate_ -= rate;
}

void Server::Start(Audience& audience, double rate) {
  if (listening_.empty()) broadcast_rate_ = rate;
  listening_.push_back(&audience);
}

void Server::Stop(Audience& audience) {
  std::erase(listening_, &audience);
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
  for (broadcasts_due_ += seconds * broadcast_rate_; broadcasts_due_ >= 1; broadcasts_due_ -= 1) {
    const std::string_view text = quote_.Write({.sequence = broadcasts_++, .sent_ns = NowNs()});
    const std::vector<Audience*> listening = listening_;  // who fails to be written to leaves
    for (Audience* one : listening) one->SendBroadcast(text);
    if (listening_.empty()) return;
  }
}

}  // namespace sheaf::bench
