// The admin listener: probes, metrics and statistics over plain HTTP, in a thread of its own, so that it answers
// however busy the workers are. What it answers is in paths.h.
//
//   auto admin = Admin::Start(options.admin, source);    // listens from here on
//   ...
//   admin.value()->Stop();                               // or destroy it
//
// Owned by the Server, started after the workers and stopped after them, so that probes are answered to the end of a
// drain.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "proxy/admin/connection.h"
#include "proxy/admin/liveness.h"
#include "proxy/admin/requests.h"
#include "proxy/admin/source.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/base/owning_list.h"
#include "proxy/base/status.h"
#include "proxy/net/acceptor.h"
#include "proxy/net/listener.h"
#include "proxy/net/loop.h"

namespace sheaf {

class Admin final : public net::AcceptorEvents, public net::DeadlineHandler {
 public:
  // admin.address must not be empty. `source` outlives the object.
  static Result<std::unique_ptr<Admin>> Start(const Options::Admin& options, AdminSource& source,
                                              const AdminTimes& times = {});
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;
  ~Admin();

  // The owner's thread: closes the listener and all connections, and ends the thread. May be called twice.
  void Stop();

  // Any thread: the token and the hosts that may ask, from now on.
  void Adopt(const Options::Admin& options);

  // For connections, in the admin thread.
  net::Loop& loop() { return *loop_; }
  const net::IoCounters& io() const { return io_; }
  bool is_unix() const { return is_unix_; }
  const AdminTimes& times() const { return times_; }
  AdminVerdict Judge(const wire::RequestHead& request);
  // The answer comes to AdminConnection::Complete, after this call, if the connection is still there then.
  void Handle(const wire::RequestHead& request, std::string_view body, AdminConnection& connection);
  // It is closed; destroyed at the end of the turn.
  void Retire(AdminConnection& connection);

  // net::AcceptorEvents
  void OnAccepted(int fd, const net::Address& peer) override;
  void OnAcceptPaused(int error) override;

  void OnDeadline(net::Deadline& deadline) override;

 private:
  // Probes, a scraper and a few people. Beyond it the oldest connection makes room, so that nobody can shut probes out
  // by holding connections open.
  static constexpr size_t kMaxConnections = 64;
  // Of a Unix socket's file. Over it something can be changed without a token.
  static constexpr mode_t kOwnerOnly = 0600;
  static constexpr int kBacklog = 128;
  static constexpr Duration kLookInterval = std::chrono::seconds(1);
  // A scraper that is refused comes again.
  static constexpr Duration kTellInterval = std::chrono::minutes(1);

  Admin(const Options::Admin& options, AdminSource& source, const AdminTimes& times, std::unique_ptr<net::Loop> loop,
        std::unique_ptr<net::Listener> listener, bool is_unix);
  void Run();
  // Where answers come in that are given later, maybe when there is no Admin any more.
  struct Desk {
    std::mutex mutex;
    Admin* admin;  // nullptr: it is gone. Under the mutex.
  };
  static void Deliver(Desk& desk, uint64_t connection, const AdminAnswer& answer);
  void Complete(uint64_t connection, const AdminAnswer& answer);
  void MakeRoom();
  void TellOfForeignHost(std::string_view host);

  // Set at construction.
  AdminSource& source_;
  const AdminTimes times_;
  const std::unique_ptr<net::Listener> listener_;  // holds the file of a Unix socket
  const bool is_unix_;
  const std::shared_ptr<Desk> desk_;

  // Admin thread only, once it runs.
  Counter received_;  // the admin's own traffic is not among the clients' metrics
  Counter sent_;
  const net::IoCounters io_{&received_, &sent_};
  std::unique_ptr<net::Loop> loop_;
  Options::Admin options_;
  Liveness liveness_;
  net::Deadline look_deadline_;
  OwningList<AdminConnection, &AdminConnection::hook_> connections_;
  net::Acceptor acceptor_;
  uint64_t last_number_ = 0;  // of a connection
  TimePoint told_of_host_;
  bool stopped_ = false;

  std::thread thread_;
};

}  // namespace sheaf
