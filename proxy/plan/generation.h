// A configuration in force: what a conf file says, checked and compiled. Immutable; a reload makes the next one. What
// has to be opened for it is in other hands, which prepare it before (Listeners, Backends).
//
//   auto first = std::make_shared<const Generation>(options, "", nullptr);
//   auto next = std::make_shared<const Generation>(new_options, digest, first.get());
//
// Shared by all threads; whoever reads options for longer than a call holds a reference.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/base/clock.h"
#include "proxy/base/option_sources.h"
#include "proxy/base/option_table.h"
#include "proxy/plan/forwarding_rules.h"
#include "proxy/plan/routes.h"
#include "proxy/wire/http1.h"

namespace sheaf {

class Generation {
 public:
  // `options`: checked. `digest`: of the conf file, for people who compare. `before`: the one in force; nullptr at
  // start. `sources`: where the options came from, for people too.
  Generation(Options options, std::string digest, const Generation* before, OptionSources sources = {});
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  const uint64_t number;  // 1 at start
  const std::string digest;
  const TimePoint made_at;
  const Options options;
  const OptionSources sources;
  const Routes routes;
  const ForwardingRules forwarding;
  const wire::HeadLimits head_limits;  // of clients' requests
};

}  // namespace sheaf
