// The doctor's words: a table of what was asked, then what differs and what to do about it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/doctor/compare.h"

namespace sheaf::doctor {

struct Finding {
  Question question;
  Twice direct;
  Twice through;
  Comparison comparison;
};

std::string SizeText(size_t bytes);             // "1 byte", "12 bytes"
std::string DelayText(Duration delay);          // "1.2 ms"
std::string CloseText(const Answer& answer);    // "1000", "1008 \"no token\"", "none"
std::string OutcomeText(const Answer& answer);  // "200", "403 origin_not_allowed", "connection refused"

// Bytes that a terminal could take for more than text become "\xHH"; what is longer than `most` is cut.
std::string Printable(std::string_view text, size_t most = 200);

// The table, the differences with their remedies, the notes.
std::string BuildReport(const std::vector<Finding>& findings);

}  // namespace sheaf::doctor
