// One backend, as the whole process knows it: how it is reached, whether it is up, and how many connections the workers
// may have to it together.
//
// Kept by whatever refers to it, in any thread: the configuration in force, and each worker's Upstream, which outlives
// that configuration if connections do.
#pragma once

#include <memory>
#include <string>

#include "pool/endpoint.h"
#include "pool/pool_budget.h"
#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/net/tls_context.h"

namespace sheaf::pool {

class Backend {
 public:
  // What makes two descriptions the same backend: its url, and what it is reached with. Reads upstream.tls_ca, whose
  // roots may be others than before.
  static std::string KeyOf(const Options::Upstream& upstream);

  // Reads what `upstream` names. The error says which option is wrong.
  static Result<std::shared_ptr<Backend>> Make(const Options::Upstream& upstream, const Options::Pool& pool);

  // `tls` is nullptr for plain.
  Backend(std::string key, UpstreamUrl url, std::shared_ptr<const net::TlsContext> tls, std::string server_name,
          const Options::Pool& pool);

  const std::string& key() const { return key_; }
  Endpoint& endpoint() { return endpoint_; }
  const Endpoint& endpoint() const { return endpoint_; }
  PoolBudget& budget() { return budget_; }

 private:
  const std::string key_;
  Endpoint endpoint_;
  PoolBudget budget_;
};

}  // namespace sheaf::pool
