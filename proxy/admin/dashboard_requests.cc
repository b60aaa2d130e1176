#include "proxy/admin/dashboard_requests.h"

#include <algorithm>

#include "proxy/admin/dashboard_files.h"

namespace sheaf {
namespace {

// Nothing but what comes from here, no script or style in the page itself, and no other page around it.
constexpr std::string_view kSecurityFields =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

AdminAnswer AnswerFile(const Asked& asked, std::string_view name) {
  const auto files = DashboardFiles();
  const auto file = std::ranges::find(files, name, &DashboardFile::name);
  if (files.empty()) return RefusalAnswer(404, "this Sheaf was built without its dashboard (SHEAF_DASHBOARD=OFF)");
  if (file == files.end()) return RefusalAnswer(404, "the dashboard has no file of this name");
  AdminAnswer answer{.content_type = file->content_type,
                     .extra_fields = std::string(kSecurityFields),
                     // To be asked for each time, since the program may be another one by then.
                     .cache_control = "no-cache"};
  answer.extra_fields.append("ETag: ").append(file->etag).append("\r\n");
  const auto known = asked.request.Find("If-None-Match");
  if (known && known->find(file->etag) != std::string_view::npos) {
    answer.status = 304;
  } else {
    answer.body.assign(file->bytes.begin(), file->bytes.end());
  }
  return answer;
}

}  // namespace

void AnswerDashboard(const Asked& asked, const AdminReply& reply) {
  reply(AnswerFile(asked, "index.html"));
}

void AnswerDashboardFile(const Asked& asked, const AdminReply& reply) {
  reply(AnswerFile(asked, asked.name));
}

}  // namespace sheaf
