#include "proxy/admin/process_manual.h"

#include <array>

namespace sheaf {
namespace {

using enum AdminMethod;
using enum FieldType;

constexpr std::array kProbeFields = {
    FieldRow{"status", kWord, "", "", "ok|failed"},
    FieldRow{"reason?", kText, "", "Why it failed."},
};
constexpr DocumentRow kProbe = {.name = "Probe", .fields = kProbeFields};

constexpr std::array kReloadFields = {
    FieldRow{"status", kWord, "", "", "ok|failed"},
    FieldRow{"generation", kCount, "", "Of the configuration that is in force now."},
    FieldRow{"sha256", kText, "", "Of its conf file, as `sha256sum` tells it; empty without a file."},
    FieldRow{"error?", kText, "", "Why the new configuration was not taken, with file, line and remedy."},
    FieldRow{"needs_restart[]", kText, "", "Options whose new value waits for a restart."},
};
constexpr DocumentRow kReload = {.name = "Reload", .fields = kReloadFields};

constexpr std::array kProbeAnswers = {
    AnswerRow{200, "Yes", &kProbe},
    AnswerRow{503, "No, and why", &kProbe},
};
constexpr std::array kReloadAnswers = {
    AnswerRow{200, "The new configuration is in force", &kReload},
    AnswerRow{422, "It is faulty, and the old one stays in force", &kReload},
};
constexpr std::array kOpenApiAnswers = {AnswerRow{200, "An OpenAPI 3.1 document", nullptr}};

constexpr std::array kPageAnswers = {AnswerRow{200, "The page", nullptr, "text/html"}};
constexpr std::array kFileAnswers = {AnswerRow{200, "The file", nullptr, "text/javascript"},
                                     AnswerRow{304, "The client has it", nullptr, "text/javascript"},
                                     AnswerRow{404, "The dashboard has no such file", &kRefusalDocument}};

constexpr std::array kRows = {
    ManualRow{kGet, "/", "What the JSON of this page tells, drawn and live: see proxy/operating.md.", kPageAnswers},
    ManualRow{kGet, "/dashboard/{file}", "Script, style and charts of the page; nothing of it is elsewhere.",
              kFileAnswers},
    ManualRow{kGet, "/livez", "For a liveness probe: it fails when a worker hangs.", kProbeAnswers},
    ManualRow{kGet, "/readyz",
              "For a readiness probe: it fails while no backend is up, during a drain, and while memory is critical.",
              kProbeAnswers},
    ManualRow{kGet, "/startupz",
              "For a startup probe: it succeeds as soon as clients can connect, whatever the backend does.",
              kProbeAnswers},
    ManualRow{kPost, "/reload",
              "As SIGHUP does: the conf file is read anew, and taken whole or not at all. The answer comes when that "
              "is done.",
              kReloadAnswers},
    ManualRow{kGet, "/openapi.json", "All that this page says, for programs: paths, parameters, bodies and answers.",
              kOpenApiAnswers},
};

}  // namespace

std::span<const ManualRow> ProcessManual() {
  return kRows;
}

}  // namespace sheaf
