#include "proxy/admin/event_manual.h"

#include <array>

namespace sheaf {
namespace {

using enum AdminMethod;
using enum FieldType;

constexpr std::array kEventFields = {
    FieldRow{"last", kCount, "", "Of the newest event, to go on from with `?since=`; 0 before the first one."},
    FieldRow{"events[].number", kCount, "", "Counts up from 1."},
    FieldRow{"events[].time", kNumber, "seconds", "Since 1970."},
    FieldRow{"events[].level", kWord, "", "`info`, `warning` or `error`.", "debug|info|warning|error"},
    FieldRow{"events[].kind", kText, "",
             "`start`; `reload` (taken up, failed with the reason, as for a certificate or token file that cannot be "
             "read, or refused); `pressure` (levels of memory, steps of relief); `upstream` (a backend, an endpoint or "
             "its name comes or goes; of an outage its begin and its end); `drain` (of the process or an endpoint); "
             "`accept` (accepting pauses); `log` (lines were dropped)."},
    FieldRow{"events[].message", kText, "", "As in the log."},
    FieldRow{"events[].times", kCount, "times",
             "That it happened: of `accept` and `log`, which clients can cause over and over, the same is one event a "
             "minute."},
    FieldRow{"events[].fields.<key>", kText, "",
             "As in the log, numbers too; all texts of an event are 2 KiB at most."},
};
constexpr DocumentRow kEvents = {.name = "Events", .fields = kEventFields};

constexpr std::array kEventAnswers = {AnswerRow{200, "The events", &kEvents}};

constexpr std::array kRows = {
    ManualRow{
        kGet, "/events",
        R"(What happened to the process as a whole: the lines of the log that concern it, whatever `log.level` says, the newest 200, the oldest of
them first. They are kept over reloads, and begin anew with the process. `?since=17` gives those after number 17; where they have gone
before anybody asked, the next number is higher than 18. Nothing that clients send is in them.)",
        kEventAnswers},
};

}  // namespace

std::span<const ManualRow> EventManual() {
  return kRows;
}

}  // namespace sheaf
