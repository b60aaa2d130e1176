// What the admin listener answers: a checked request in, status and body out. Pure but for asking the AdminSource.
// What takes time is answered later.
//
// Who may ask (hardening row 69): browsers must not be led here by a foreign page, so a request with any Origin is
// refused. A page whose name was rebound to our address sends none, but its own name as Host; so a Host must be ours:
// localhost, an address (a rebound name is always a name, while kubelets and Prometheus come with the pod's), the name
// in admin.address, or one of admin.allowed_hosts. No page knows admin.token, so whoever has that may come with any
// Host, as may whoever comes over a Unix socket or asks the probes, which tell nothing but well or not. With
// admin.token set, all but the probes ask for it as a bearer token. What changes something asks for it always, unless
// admin.address is a Unix socket, whose file says who may come.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memwatch/memory_history.h"
#include "proxy/admin/stats.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/base/push.h"
#include "proxy/base/reload_answer.h"
#include "proxy/base/status.h"
#include "proxy/wire/http1.h"

namespace sheaf {

// What the endpoints tell. Implemented by the Server, which outlives Admin; called in the admin thread.
class AdminSource {
 public:
  struct Readiness {
    bool ready = false;
    std::string_view reason;  // why not, as a sentence for the operator; a constant
  };

  // Whether new clients should be sent here: a backend is up and no drain has begun.
  virtual Readiness ready() const = 0;
  // Whether all of the start-up is done; it never waits for the backend.
  virtual bool started() const = 0;
  virtual StatsSnapshot Stats() const = 0;
  virtual const memwatch::MemoryHistory& memory_history() const = 0;
  // All workers are in it before Admin starts.
  virtual const MetricsRegistry& metrics() const = 0;
  // Has the configuration read anew. `answered` is called once, in any thread, maybe at once.
  virtual void Reload(std::function<void(const ReloadAnswer&)> answered) = 0;
  // An endpoint of a backend gets nothing new, or does again. False: there is none of that name.
  virtual bool SetDraining(std::string_view backend, std::string_view endpoint, bool draining) = 0;
  // Has messages delivered to sessions. `answered` as above.
  virtual void Deliver(std::vector<Push> pushes, std::function<void(const PushAnswer&)> answered) = 0;

 protected:
  ~AdminSource() = default;
};

struct AdminAnswer {
  int status = 200;
  std::string_view content_type = "application/json";
  std::string_view extra_field = {};  // a whole field line with CRLF, or empty
  std::string body = {};
  bool foreign_host = false;  // refused for its Host, which the operator should hear of
};

// Takes the answer; any thread, once.
using AdminReply = std::function<void(AdminAnswer)>;

// What is known of a request by its head alone: the body is read only where it will be looked at.
struct AdminVerdict {
  std::optional<AdminAnswer> refusal;  // nullopt: HandleAdminRequest answers, once the body is there
  size_t most_body = 0;                // bytes of it
};
AdminVerdict JudgeAdminRequest(const wire::RequestHead& request, const Options::Admin& options);

// A request that has passed JudgeAdminRequest. `live`: as Liveness says. nullopt: `reply` has it, or will.
std::optional<AdminAnswer> HandleAdminRequest(const wire::RequestHead& request, std::string_view body,
                                              AdminSource& source, bool live, AdminReply reply);

// For a head that could not be parsed, and for what did not come in time.
AdminAnswer RefuseAdminRequest(RefuseReason reason);
// For a body with more than `most` bytes.
AdminAnswer RefuseAdminBody(size_t most);

// The Host's name, without a port, brackets and the dot of a full name.
std::string_view NameOfHost(std::string_view host);

// The answer as bytes. `head_request`: without the body.
std::string SerializeAdminAnswer(const AdminAnswer& answer, bool head_request, bool keep_alive);

// Takes as long for a first as for a last byte that differs.
bool EqualsInConstantTime(std::string_view given, std::string_view secret);

}  // namespace sheaf
