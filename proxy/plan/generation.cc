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

Result<std::shared_ptr<pool::Backend>> OpenBackend(const Options& options, const Generation* before) {
  if (before != nullptr && before->backend->key() == pool::Backend::KeyOf(options.upstream)) return before->backend;
  auto made = pool::Backend::Make(options.upstream, options.pool);
  if (made.ok() && before != nullptr && before->backend->endpoint().up()) made.value()->endpoint().PresumeUp();
  return made;
}

}  // namespace

Generation::Generation(uint64_t count, std::string conf_digest, Options checked, std::shared_ptr<pool::Backend> opened)
    : number(count),
      digest(std::move(conf_digest)),
      made_at(SteadyClock().Now()),
      options(std::move(checked)),
      routes(options),
      forwarding(options),
      head_limits(HeadLimitsFrom(options.limits)),
      backend(std::move(opened)) {}

Result<std::shared_ptr<const Generation>> Generation::Make(Options options, std::string digest,
                                                           const Generation* before) {
  auto backend = OpenBackend(options, before);
  if (!backend.ok()) return Error{backend.error()};
  const uint64_t number = before != nullptr ? before->number + 1 : 1;
  return std::shared_ptr<const Generation>(
      new Generation(number, std::move(digest), std::move(options), std::move(backend.value())));
}

}  // namespace sheaf
