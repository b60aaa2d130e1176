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

Result<bool> OpenBackend(const Options& options, const Generation* before, Generation::Opened& opened) {
  if (before != nullptr && before->opened.backend->key() == pool::Backend::KeyOf(options.upstream)) {
    opened.backend = before->opened.backend;
    return true;
  }
  auto made = pool::Backend::Make(options.upstream, options.pool);
  if (!made.ok()) return Error{made.error()};
  opened.backend = std::move(made.value());
  if (before != nullptr && before->opened.backend->endpoint().up()) opened.backend->endpoint().PresumeUp();
  return true;
}

}  // namespace

Generation::Generation(uint64_t count, std::string conf_digest, Options checked, Opened things)
    : number(count),
      digest(std::move(conf_digest)),
      made_at(SteadyClock().Now()),
      options(std::move(checked)),
      routes(options),
      forwarding(options),
      head_limits(HeadLimitsFrom(options.limits)),
      opened(std::move(things)) {}

Result<std::shared_ptr<const Generation>> Generation::Make(Options options, std::string digest,
                                                           const Generation* before) {
  Opened opened;
  if (auto backend = OpenBackend(options, before, opened); !backend.ok()) return Error{backend.error()};
  const uint64_t number = before != nullptr ? before->number + 1 : 1;
  return std::shared_ptr<const Generation>(
      new Generation(number, std::move(digest), std::move(options), std::move(opened)));
}

}  // namespace sheaf
