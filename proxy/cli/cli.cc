#include "proxy/cli/cli.h"

#include <optional>
#include <ostream>

#include "proxy/cli/json_reader.h"
#include "proxy/cli/refusal.h"
#include "proxy/cli/request.h"
#include "proxy/cli/top.h"

namespace sheaf::cli {
Exit Run(const Asking& asking, const AdminPlace& place, std::ostream& out, std::ostream& err) {
  const std::string name = "sheaf " + std::string(asking.command->name) + ": ";
  const auto ends = [&](Exit exit, const std::string& why) {
    err << name << why << "\n";
    return exit;
  };
  if (asking.command->path.empty()) return RunTop(asking, place, out, err);
  const Result<AdminRequest> request = BuildRequest(asking);
  if (!request.ok()) return ends(Exit::kUsage, request.error());
  const Result<AdminReply> reply = AdminClient(place).Ask(request.value());
  if (!reply.ok()) return ends(Exit::kNoAnswer, WhyNoAnswer(reply.error()));
  const bool json = asking.Has(kJsonFlag);
  if (json) out << reply.value().body;
  if (reply.value().status != 200) return ends(Exit::kFailed, WhyRefused(reply.value().status, reply.value().body));
  const std::optional<Json> answer = Json::Parse(reply.value().body);
  if (!answer) return ends(Exit::kFailed, "the answer is no JSON: is this a Sheaf's admin listener?");
  if (!json) out << asking.command->print(*answer);
  if (!out.flush()) return ends(Exit::kFailed, "the answer could not be written");
  return Exit::kDone;
}

Exit Healthcheck(const std::string& address, std::ostream& err) {
  const AdminClient client({.address = address, .token = {}});
  const Result<AdminReply> reply = client.Ask({.target = "/readyz", .patience = std::chrono::seconds(3)});
  if (reply.ok() && reply.value().status == 200) return Exit::kDone;
  err << "not ready: " << (reply.ok() ? WhyRefused(reply.value().status, reply.value().body) : reply.error()) << "\n";
  return Exit::kFailed;
}

}  // namespace sheaf::cli
