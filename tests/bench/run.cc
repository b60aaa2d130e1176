#include "tests/bench/run.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "tests/bench/processes.h"

namespace sheaf::bench {
namespace {

// More at the same time would measure the listen queue; the connect run sets its own number.
constexpr uint32_t kOpeningAtOnce = 64;
// How long none of those under way may open, however many there are: a busy machine opens slowly.
constexpr double kOpenSeconds = 20;
// How long a message may be under way after the load has stopped before it counts as lost.
constexpr double kDrainSeconds = 10;
// Opened before the memory is first read, so that what is paid once (code pages, arenas) is not shared out over
// clients.
constexpr uint32_t kFirstIdleClients = 100;
constexpr double kIdleSettleFactor = 2;
constexpr size_t kFirstTickShare = 10;  // a tenth of the clients
constexpr uint64_t kProblemsToGiveUp = 1000;

uint64_t Nanoseconds(double seconds) {
  return static_cast<uint64_t>(seconds * 1e9);
}

uint64_t Growth(uint64_t before, uint64_t after) {
  return after > before ? after - before : 0;
}

}  // namespace

Run::Run(const Plan& plan) : plan_(plan), payload_(plan.payload) {
  for (uint32_t i = 0; i < plan.connections; ++i) {
    clients_.push_back(std::make_unique<Client>(poller_, plan.target, *this, i));
  }
}

template <typename Done>
bool Run::TurnUntil(double seconds, Done&& done) {
  const uint64_t deadline_ns = NowNs() + Nanoseconds(seconds);
  while (!done()) {
    if (NowNs() >= deadline_ns) return false;
    poller_.Wait(5);
  }
  return true;
}

void Run::TurnFor(double seconds) {
  TurnUntil(seconds, [] { return false; });
}

void Run::Open(size_t from, size_t to) {
  size_t next = from;
  uint64_t before = 0;
  const auto one_more_is_open = [&] {
    while (next < to && opening_ < kOpeningAtOnce && figures_.problems < kProblemsToGiveUp) {
      ++opening_;
      clients_[next++]->Start();
    }
    return opening_ == 0 || figures_.connections > before;
  };
  do {
    before = figures_.connections;
    if (!TurnUntil(kOpenSeconds, one_more_is_open)) {
      return Problem(std::to_string(opening_) + " connections do not open, " + std::to_string(before) + " have");
    }
  } while (opening_ > 0);
}

void Run::OnOpen(Client& /*client*/) {
  --opening_;
  ++figures_.connections;
}

void Run::OnClosed(Client& client, std::string_view problem) {
  if (opening_ > 0) --opening_;
  Problem("client " + std::to_string(client.index()) + ": " + std::string(problem));
}

void Run::Problem(std::string_view what) {
  if (figures_.problems++ == 0) figures_.first_problem = what;
}

void Run::MeasureWindow() {
  TurnFor(plan_.settle);
  CountCosts(true);
  const uint64_t started_ns = NowNs();
  measuring_ = true;
  TurnFor(plan_.seconds);
  measuring_ = false;
  figures_.seconds = static_cast<double>(NowNs() - started_ns) / 1e9;
  CountCosts(false);
}

void Run::CountCosts(bool begin) {
  const auto count = [begin](uint64_t& figure, uint64_t now) { figure = begin ? now : now - figure; };
  count(figures_.cpu_us, CpuMicroseconds(plan_.pids));
  count(figures_.beside_cpu_us, CpuMicroseconds(plan_.beside));
  uint64_t frames = 0;
  uint64_t bytes = 0;
  for (const auto& client : clients_) {
    frames += client->frames;
    bytes += client->bytes;
  }
  count(figures_.frames, frames);
  count(figures_.bytes, bytes);
}

void Run::SendStamped(Client& client) {
  client.SendText(payload_.Write({.sequence = client.sent++, .sent_ns = NowNs()}));
  ++figures_.sent;
}

void Run::Count(Client& client, std::optional<Stamp> stamp, uint64_t now_ns) {
  if (!stamp) return Problem("a message came changed");
  const uint64_t expected = client.next.value_or(stamp->sequence);
  if (stamp->sequence != expected) Problem("a message came out of order, or twice, or one is missing");
  client.next = stamp->sequence + 1;
  ++client.received;
  ++figures_.received;
  if (!measuring_) return;
  ++figures_.messages;
  const uint64_t latency_ns = now_ns > stamp->sent_ns ? now_ns - stamp->sent_ns : 0;
  figures_.latencies_ns.push_back(
      static_cast<uint32_t>(std::min<uint64_t>(latency_ns, std::numeric_limits<uint32_t>::max())));
}

Figures EchoRun::Measure() {
  Open(0, clients_.size());
  for (auto& client : clients_) {
    if (!client->open()) continue;
    for (uint32_t i = 0; i < plan_.outstanding; ++i) SendStamped(*client);
    client->Flush();
  }
  MeasureWindow();
  stopping_ = true;
  TurnUntil(kDrainSeconds, [&] { return figures_.received >= figures_.sent; });
  return figures_;
}

void EchoRun::OnMessage(Client& client, std::string_view payload, uint64_t now_ns) {
  Count(client, payload_.Read(payload), now_ns);
  if (!stopping_) SendStamped(client);
}

TickRun::TickRun(const Plan& plan) : Run(plan) {
  if (!plan.broadcast) return;
  for (auto& client : clients_) client->next.reset();  // who comes later starts in the middle
}

Figures TickRun::Measure() {
  const size_t first = std::max<size_t>(1, clients_.size() / kFirstTickShare);
  Open(0, first);
  Tell(0, "start");
  TurnFor(plan_.settle);
  CountMemory(true);
  Open(first, clients_.size());
  Tell(first, "start");
  MeasureWindow();
  CountMemory(false);
  figures_.grown_by = figures_.connections - std::min<uint64_t>(figures_.connections, first);
  Tell(0, "stop");
  AwaitCounts();
  return figures_;
}

void TickRun::CountMemory(bool begin) {
  const auto count = [begin](uint64_t& figure, uint64_t now) { figure = begin ? now : Growth(figure, now); };
  count(figures_.pss_growth, PssBytes(plan_.pids));
  count(figures_.beside_pss_growth, PssBytes(plan_.beside));
  count(figures_.group_growth, SumOfFiles(plan_.memory));
}

void TickRun::Tell(size_t from, std::string_view word) {
  for (size_t i = from; i < clients_.size(); ++i) {
    if (!clients_[i]->open()) continue;
    clients_[i]->SendText(word);
    clients_[i]->Flush();
  }
}

void TickRun::AwaitCounts() {
  TurnUntil(kDrainSeconds, [&] {
    return std::ranges::all_of(clients_, [](const auto& client) { return !client->open() || client->announced; });
  });
  for (const auto& client : clients_) {
    if (client->open() && !client->announced) Problem("the backend's count did not come");
    figures_.sent += client->announced.value_or(client->received);
  }
}

void TickRun::OnMessage(Client& client, std::string_view payload, uint64_t now_ns) {
  constexpr std::string_view kEnd = "end ";
  if (!payload.starts_with(kEnd)) return Count(client, quote_.Read(payload), now_ns);
  uint64_t announced = 0;
  std::from_chars(payload.data() + kEnd.size(), payload.data() + payload.size(), announced);
  client.announced = announced;
}

Figures IdleRun::Measure() {
  for (uint32_t i = 0; i < kFirstIdleClients; ++i) {
    clients_.push_back(std::make_unique<Client>(poller_, plan_.target, *this, plan_.connections + i));
  }
  const size_t all = clients_.size();
  Open(0, kFirstIdleClients);
  EchoOnce(0, plan_.used ? kFirstIdleClients : 0);
  TurnFor(plan_.settle);
  const uint64_t pss_before = PssBytes(plan_.pids);
  Open(kFirstIdleClients, all);
  EchoOnce(kFirstIdleClients, plan_.used ? all : kFirstIdleClients);
  TurnFor(plan_.settle * kIdleSettleFactor + plan_.rest);
  figures_.pss_growth = Growth(pss_before, PssBytes(plan_.pids));
  EchoOnce(0, all);  // they are all still there
  figures_.connections -= std::min<uint64_t>(figures_.connections, kFirstIdleClients);
  figures_.grown_by = figures_.connections;
  return figures_;
}

void IdleRun::EchoOnce(size_t from, size_t to) {
  for (size_t i = from; i < to; ++i) {
    if (!clients_[i]->open()) continue;
    SendStamped(*clients_[i]);
    clients_[i]->Flush();
  }
  TurnUntil(kDrainSeconds, [&] { return figures_.received >= figures_.sent; });
}

void IdleRun::OnMessage(Client& client, std::string_view payload, uint64_t now_ns) {
  Count(client, payload_.Read(payload), now_ns);
}

Figures HoldRun::Measure() {
  Open(0, clients_.size());
  MeasureWindow();
  EchoOnce(0, clients_.size());  // they are all still there
  return figures_;
}

Figures ConnectRun::Measure() {
  for (auto& client : clients_) closed_.push_back(client.get());
  bool stopping = false;
  const auto turn = [&](double seconds) {
    TurnUntil(seconds, [&] {
      if (!stopping && figures_.problems < kProblemsToGiveUp) StartClosed();
      return stopping && closed_.size() == clients_.size();
    });
  };
  turn(plan_.settle);
  const uint64_t cpu_before = CpuMicroseconds(plan_.pids);
  const uint64_t started_ns = NowNs();
  const uint64_t cycles_before = figures_.cycles;
  turn(plan_.seconds);
  figures_.seconds = static_cast<double>(NowNs() - started_ns) / 1e9;
  figures_.cpu_us = CpuMicroseconds(plan_.pids) - cpu_before;
  const uint64_t measured = figures_.cycles - cycles_before;
  stopping = true;
  turn(kDrainSeconds);
  if (closed_.size() < clients_.size()) Problem("a connection does not end");
  figures_.cycles = measured;
  figures_.messages = measured;
  return figures_;
}

void ConnectRun::StartClosed() {
  for (Client* client : std::exchange(closed_, {})) {
    client->sent = 0;
    client->received = 0;
    client->next = 0;
    client->Start();
  }
}

void ConnectRun::OnOpen(Client& client) {
  ++figures_.connections;
  SendStamped(client);
}

void ConnectRun::OnMessage(Client& client, std::string_view payload, uint64_t now_ns) {
  Count(client, payload_.Read(payload), now_ns);
  client.SendClose();
}

void ConnectRun::OnClosed(Client& client, std::string_view problem) {
  closed_.push_back(&client);
  if (!problem.empty()) return Problem("client " + std::to_string(client.index()) + ": " + std::string(problem));
  ++figures_.cycles;
}

SoakRun::SoakRun(const Plan& plan)
    : ConnectRun(plan), http_(plan.target), engine_io_(plan.target), batched_(plan.target) {
  http_.path = "/";
  http_.http = true;
  engine_io_.path = "/socket.io/?EIO=4&transport=websocket";
  batched_.envelope = "binary";
  batched_.deflate = true;
  const auto target = [&](uint32_t i) -> const Target& {
    const uint32_t sort = plan.target.tls != nullptr ? 9 : i % 10;
    return sort == 0 ? http_ : sort == 1 ? engine_io_ : sort < 4 ? batched_ : plan.target;
  };
  for (uint32_t i = 0; i < plan.connections; ++i) {
    clients_[i] = std::make_unique<Client>(poller_, target(i), *this, i);
  }
}

Figures SoakRun::Measure() {
  for (auto& client : clients_) closed_.push_back(client.get());
  const uint64_t started_ns = NowNs();
  TurnUntil(plan_.seconds, [&] {
    StartClosed();
    CloseSilent();
    return Enough();
  });
  TurnUntil(kDrainSeconds, [&] {
    CloseSilent();
    return closed_.size() == clients_.size();
  });
  figures_.seconds = static_cast<double>(NowNs() - started_ns) / 1e9;
  if (closed_.size() < clients_.size()) Problem("a connection does not end");
  return figures_;
}

bool SoakRun::Enough() const {
  return figures_.cycles + clients_.size() >= plan_.cycles || figures_.problems >= kProblemsToGiveUp;
}

void SoakRun::OnMessage(Client& client, std::string_view payload, uint64_t now_ns) {
  Count(client, payload_.Read(payload), now_ns);
  silent_.push_back({now_ns + Nanoseconds(plan_.idle), &client, client.started_ns});
}

void SoakRun::CloseSilent() {
  const uint64_t now_ns = NowNs();
  while (!silent_.empty() && silent_.front().until_ns <= now_ns) {
    const Silent one = silent_.front();
    silent_.pop_front();
    if (!one.client->open() || one.client->started_ns != one.started_ns) continue;
    one.client->SendClose();
    one.client->Flush();
  }
}

}  // namespace sheaf::bench
