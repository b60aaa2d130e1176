// From a head to an answer: which row of paths.h it is about, whether it may be asked (access.h), and what it must look
// like. Pure but for asking the AdminSource.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/admin/answer.h"
#include "proxy/admin/source.h"
#include "proxy/base/option_table.h"
#include "proxy/wire/http1.h"

namespace sheaf {

// What is known of a request by its head alone: the body is read only where it will be looked at.
struct AdminVerdict {
  std::optional<AdminAnswer> refusal;  // nullopt: HandleAdminRequest answers, once the body is there
  size_t most_body = 0;                // bytes of it
  bool may_take_long = false;          // no time is too long for the answer
};
AdminVerdict JudgeAdminRequest(const wire::RequestHead& request, const Options::Admin& options);

// A request that has passed JudgeAdminRequest. `live`: as Liveness says. `reply` has the answer, or will.
void HandleAdminRequest(const wire::RequestHead& request, std::string_view body, AdminSource& source, bool live,
                        const AdminReply& reply);

}  // namespace sheaf
