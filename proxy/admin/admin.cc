#include "proxy/admin/admin.h"

#include <system_error>
#include <utility>

#include "proxy/admin/access.h"
#include "proxy/base/events.h"
#include "proxy/base/log.h"

namespace sheaf {

Result<std::unique_ptr<Admin>> Admin::Start(const Options::Admin& options, AdminSource& source,
                                            const AdminTimes& times) {
  const Result<net::Address> address = net::Address::Resolve(options.address, true);
  if (!address.ok()) return Error{"admin.address: " + address.error()};
  Result<std::unique_ptr<net::Loop>> loop = net::Loop::Create(net::BufferMarks{}, net::Sleep::kUntilDue);
  if (!loop.ok()) return Error{loop.error()};
  Result<std::unique_ptr<net::Listener>> listener =
      net::Listener::Open(address.value(), {.backlog = kBacklog, .mode = kOwnerOnly});
  if (!listener.ok()) return Error{"admin.address: " + listener.error()};
  return std::unique_ptr<Admin>(new Admin(options, source, times, std::move(loop.value()), std::move(listener.value()),
                                          address.value().is_unix()));
}

Admin::Admin(const Options::Admin& options, AdminSource& source, const AdminTimes& times,
             std::unique_ptr<net::Loop> loop, std::unique_ptr<net::Listener> listener, bool is_unix)
    : source_(source),
      times_(times),
      listener_(std::move(listener)),
      is_unix_(is_unix),
      desk_(new Desk{.mutex = {}, .admin = this}),
      loop_(std::move(loop)),
      options_(options),
      liveness_(source.metrics(), loop_->now()),
      look_deadline_(*this),
      acceptor_(*loop_, listener_->Take(), *this) {
  loop_->SetDeadline(look_deadline_, kLookInterval);
  thread_ = std::thread([this] { Run(); });
}

Admin::~Admin() {
  {
    const std::lock_guard lock(desk_->mutex);
    desk_->admin = nullptr;
  }
  Stop();
}

void Admin::Stop() {
  if (!thread_.joinable()) return;
  loop_->Post([this] { stopped_ = true; });
  thread_.join();
}

void Admin::Run() {
  while (!stopped_) {
    loop_->WaitAndDispatch();
    loop_->RunPosted();
    loop_->FlushWrites();
    loop_->graveyard().DestroyAll();
  }
  acceptor_.Stop();
  connections_.ForEach([](AdminConnection& connection) { connection.Close(); });
  loop_->graveyard().DestroyAll();
}

void Admin::Adopt(const Options::Admin& options) {
  loop_->Post([this, options] { options_ = options; });
}

AdminVerdict Admin::Judge(const wire::RequestHead& request) {
  AdminVerdict verdict = JudgeAdminRequest(request, options_);
  if (verdict.refusal && verdict.refusal->foreign_host) TellOfForeignHost(NameOfHost(request.host));
  return verdict;
}

void Admin::Handle(const wire::RequestHead& request, std::string_view body, AdminConnection& connection) {
  // The reply may come when the connection has gone, so it knows no more than its number.
  const auto reply = [desk = desk_, number = connection.number()](const AdminAnswer& answer) {
    Deliver(*desk, number, answer);
  };
  HandleAdminRequest(request, body, source_, liveness_.live(), reply);
}

void Admin::Deliver(Desk& desk, uint64_t connection, const AdminAnswer& answer) {
  const std::lock_guard lock(desk.mutex);
  Admin* const admin = desk.admin;
  if (admin != nullptr) admin->loop_->Post([admin, connection, answer] { admin->Complete(connection, answer); });
}

void Admin::Complete(uint64_t connection, const AdminAnswer& answer) {
  AdminConnection* asking = nullptr;
  connections_.ForEach([&](AdminConnection& one) { asking = one.number() == connection ? &one : asking; });
  if (asking != nullptr) asking->Complete(answer);
}

// With the line of the conf file that mends it, where the name is the operator's.
void Admin::TellOfForeignHost(std::string_view host) {
  if (told_of_host_ != TimePoint{} && loop_->now() - told_of_host_ < kTellInterval) return;
  told_of_host_ = loop_->now();
  Log(LogLevel::kWarning,
      "the admin listener refused a request whose Host is not known: if the name is yours, write the line into "
      "[admin], "
      "or let the client send admin.token",
      {{"host", host}, {"line", std::string("allowed_hosts = ['").append(host).append("']")}});
}

void Admin::OnAccepted(int fd, const net::Address& /*peer*/) {
  if (connections_.size() >= kMaxConnections) MakeRoom();
  auto connection = std::make_unique<AdminConnection>(*this, ++last_number_);
  if (connection->Start(fd)) connections_.Adopt(std::move(connection));
}

// Who waits for an answer goes last: a drain that a preStop hook waits for would be lost to a crowd of idle ones.
void Admin::MakeRoom() {
  AdminConnection* oldest = nullptr;
  connections_.ForEach([&oldest](AdminConnection& one) {
    if (oldest == nullptr && !one.is_waiting()) oldest = &one;
  });
  (oldest != nullptr ? *oldest : connections_.front()).Close();
}

void Admin::OnAcceptPaused(int error) {
  Announce(EventKind::kAccept, LogLevel::kWarning, "the admin listener pauses",
           {{"error", std::generic_category().message(error)}});
}

void Admin::OnDeadline(net::Deadline& /*deadline*/) {
  liveness_.Look(loop_->now());
  loop_->SetDeadline(look_deadline_, kLookInterval);
}

void Admin::Retire(AdminConnection& connection) {
  loop_->graveyard().Retire(connections_.Release(connection));
}

}  // namespace sheaf
