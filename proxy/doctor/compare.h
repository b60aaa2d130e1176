// What of a response is different through Sheaf. Pure.
#pragma once

#include <string>
#include <vector>

#include "proxy/doctor/answer.h"

namespace sheaf::doctor {

// The answers to one question that was asked twice, since what differs between two direct answers (a session's id, a
// clock) says nothing of Sheaf.
struct Twice {
  Answer first;
  Answer second;

  Duration delay() const { return std::min(first.delay, second.delay); }
};

struct Difference {
  std::string what;  // "status", "field Location", "close code"
  std::string direct;
  std::string through;
  std::string remedy;
};

struct Comparison {
  std::vector<Difference> differences;  // those that matter
  std::vector<std::string> notes;       // what is worth knowing, and right

  bool same() const { return differences.empty(); }
};

// From a delay of this much more on it matters: less is the machine's mood.
inline constexpr Duration kLateBy = std::chrono::milliseconds(250);

Comparison Compare(const Question& question, const Twice& direct, const Twice& through);

}  // namespace sheaf::doctor
