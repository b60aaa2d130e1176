#include "proxy/control/resolver.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "proxy/base/events.h"

namespace sheaf {

namespace {

std::string Join(const std::vector<net::Address>& addresses) {
  std::string text;
  for (const net::Address& one : addresses) text.append(text.empty() ? "" : ", ").append(one.ToString());
  return text;
}

// Without those that are there twice.
std::vector<net::Address> InOrder(std::vector<net::Address> found) {
  const auto rank = [](const net::Address& one) { return std::tuple(one.family() != AF_INET, one.ip(), one.port()); };
  std::sort(found.begin(), found.end(), [rank](const auto& a, const auto& b) { return rank(a) < rank(b); });
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace

struct Resolver::Desk {
  const Lookup lookup;
  const std::string name;
  std::mutex mutex;
  net::Loop* loop;                 // nullptr: the resolver is gone. Under the mutex.
  Resolver* resolver;              // loop's thread only
  std::atomic<bool> asked{false};  // a Bell was rung, and the loop has not heard it yet
};

Resolver::Resolver(net::Loop& loop, std::string name, const Times& times, Lookup lookup, ResolverEvents& events)
    : loop_(loop),
      name_(std::move(name)),
      times_(times),
      events_(events),
      desk_(new Desk{
          .lookup = std::move(lookup), .name = name_, .mutex = {}, .loop = &loop, .resolver = this, .asked = false}),
      deadline_(*this) {
  Begin();
}

Resolver::~Resolver() {
  desk_->resolver = nullptr;
  const std::scoped_lock lock(desk_->mutex);
  desk_->loop = nullptr;
}

void Resolver::Begin() {
  looking_ = true;
  wanted_ = false;
  loop_.SetDeadline(deadline_, times_.patience);
  try {
    std::thread(&Resolver::Run, desk_).detach();
  } catch (const std::system_error& error) {
    OnAnswer(Error{std::string("no thread could be started: ") + error.what()});
  }
}

void Resolver::Run(const std::shared_ptr<Desk>& desk) {
  // Shared, since std::function copies what it holds.
  const auto answer = std::make_shared<const Answer>(desk->lookup(desk->name));
  const std::scoped_lock lock(desk->mutex);
  if (desk->loop == nullptr) return;
  desk->loop->Post([desk, answer] {
    if (desk->resolver != nullptr) desk->resolver->OnAnswer(*answer);
  });
}

std::function<void()> Resolver::Bell() const {
  return [desk = desk_] {
    if (desk->asked.exchange(true, std::memory_order_relaxed)) return;
    const std::scoped_lock lock(desk->mutex);
    if (desk->loop == nullptr) return;
    desk->loop->Post([desk] {
      desk->asked.store(false, std::memory_order_relaxed);
      if (desk->resolver == nullptr) return;
      desk->resolver->wanted_ = true;
      if (!desk->resolver->looking_) desk->resolver->SetNext();
    });
  };
}

void Resolver::SetInterval(Duration interval) {
  times_.interval = interval;
  if (!looking_) SetNext();
}

void Resolver::OnDeadline(net::Deadline& /*deadline*/) {
  if (!looking_) return Begin();
  if (!std::exchange(failing_, true)) {
    Announce(EventKind::kUpstream, LogLevel::kWarning, "the backend's name cannot be looked up",
             {{"upstream", name_}, {"error", "name servers do not answer"}});
  }
}

void Resolver::OnAnswer(const Answer& answer) {
  looking_ = false;
  answered_at_ = loop_.now();
  if (answer.ok() && !answer.value().empty()) {
    Take(answer.value());
  } else {
    Fail(answer.ok() ? "the answer is empty" : answer.error());
  }
  SetNext();
}

void Resolver::Take(const std::vector<net::Address>& found) {
  if (std::exchange(failing_, false)) {
    Announce(EventKind::kUpstream, LogLevel::kInfo, "the backend's name can be looked up again", {{"upstream", name_}});
  }
  std::vector<net::Address> chosen = InOrder(found);
  if (chosen == addresses_) return;
  if (!addresses_.empty()) {
    Announce(EventKind::kUpstream, LogLevel::kInfo, "the backend has another address",
             {{"upstream", name_}, {"before", Join(addresses_)}, {"address", Join(chosen)}});
  }
  addresses_ = std::move(chosen);
  events_.OnAddresses(addresses_);
}

void Resolver::Fail(const std::string& error) {
  if (!std::exchange(failing_, true)) {
    Announce(EventKind::kUpstream, LogLevel::kWarning, "the backend's name cannot be looked up",
             {{"upstream", name_}, {"error", error}});
  }
  if (addresses_.empty()) events_.OnNoAddress();
}

void Resolver::SetNext() {
  const bool soon = wanted_ || addresses_.empty();
  const bool regular = times_.interval > Duration::zero();
  if (!soon && !regular) return loop_.CancelDeadline(deadline_);
  Duration wait = soon ? times_.soon : times_.interval;
  if (regular) wait = std::min(wait, times_.interval);
  loop_.SetDeadline(deadline_, std::max(answered_at_ + wait - loop_.now(), Duration::zero()));
}

}  // namespace sheaf
