// A configuration in force: what a conf file says, checked, opened and compiled. Immutable; a reload makes the next
// one, which takes over what has not changed.
//
//   auto first = Generation::Make(options, "", nullptr);
//   auto next = Generation::Make(new_options, digest, first.value());
//   if (!next.ok()) ...                      // nothing has changed: first is in force as before
//
// Shared by all threads; whoever reads options for longer than a call holds a reference.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "pool/backend.h"
#include "proxy/base/clock.h"
#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/plan/forwarding_rules.h"
#include "proxy/plan/routes.h"
#include "proxy/wire/http1.h"

namespace sheaf {

class Generation {
 public:
  // All or nothing. The error names the option and the remedy. `digest`: of the conf file, for people who compare.
  // `before`: the one in force; nullptr at start.
  static Result<std::shared_ptr<const Generation>> Make(Options options, std::string digest, const Generation* before);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  const uint64_t number;  // 1 at start
  const std::string digest;
  const TimePoint made_at;
  const Options options;
  const Routes routes;
  const ForwardingRules forwarding;
  const wire::HeadLimits head_limits;  // of clients' requests
  // The object of the generation before while neither its options nor the file that they name have changed, so that the
  // pool's connections go on.
  const std::shared_ptr<pool::Backend> backend;

 private:
  Generation(uint64_t count, std::string conf_digest, Options checked, std::shared_ptr<pool::Backend> opened);
};

}  // namespace sheaf
