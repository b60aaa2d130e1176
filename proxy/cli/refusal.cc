#include "proxy/cli/refusal.h"

#include <algorithm>
#include <optional>

#include "proxy/base/printable.h"
#include "proxy/cli/json_reader.h"

namespace sheaf::cli {
namespace {

constexpr std::string_view kTokenRemedy =
    "\n  -> it is taken from admin.token or admin.token_file of the configuration (-c FILE, SHEAF_ADMIN_TOKEN), or "
    "from "
    "--token-file FILE";

// Line by line, since errors of a configuration have several.
std::string PrintableLines(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.append(lines.empty() ? "" : "\n").append(Printable(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

std::string WhyRefused(int status, std::string_view body) {
  const std::optional<Json> answer = Json::Parse(body);
  for (const char* name : {"message", "error", "reason"}) {
    if (!answer || answer->RawText(name).empty()) continue;
    const std::string why = PrintableLines(answer->RawText(name));
    return status == 401 ? why + std::string(kTokenRemedy) : why;
  }
  return "status " + std::to_string(status) + ": " + Printable(body.substr(0, 200));
}

std::string WhyNoAnswer(const std::string& error) {
  return "no answer from " + error +
         "\n  -> does Sheaf run, and is this its admin.address? -c FILE takes that of its conf file, --admin ADDRESS "
         "names it";
}

}  // namespace sheaf::cli
