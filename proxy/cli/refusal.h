// What the command line says when a Sheaf refuses, or does not answer. Pure.
#pragma once

#include <string>
#include <string_view>

namespace sheaf::cli {

// Why it has not done what it was asked for: its own sentence, with the remedy, or else the beginning of what it said.
std::string WhyRefused(int status, std::string_view body);

// `error`: AdminClient's.
std::string WhyNoAnswer(const std::string& error);

}  // namespace sheaf::cli
