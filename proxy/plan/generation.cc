#include "proxy/plan/generation.h"

#include <utility>

namespace sheaf {
namespace {

wire::HeadLimits HeadLimitsFrom(const Options::Limits& limits) {
  return {.max_line = limits.max_request_line,
          .max_head = limits.max_head,
          .max_fields = limits.max_fields,
          .allow_underscores = limits.underscores != Underscores::kRefuse};
}

}  // namespace

Generation::Generation(Options checked, std::string conf_digest, const Generation* before, OptionSources from)
    : number(before != nullptr ? before->number + 1 : 1),
      digest(std::move(conf_digest)),
      made_at(SteadyClock().Now()),
      options(std::move(checked)),
      sources(std::move(from)),
      routes(options),
      forwarding(options),
      head_limits(HeadLimitsFrom(options.limits)) {}

}  // namespace sheaf
