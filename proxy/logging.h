// The sink behind proxy/base/log.h: one line on stderr for each call, as text or as JSON, through glog. Never a file.
//
//   2026-05-04T12:00:00.123Z warning backend is down upstream=127.0.0.1:8000 error="Connection refused"
//   {"ts":"2026-05-04T12:00:00.123Z","level":"warning","msg":"backend is down","upstream":"127.0.0.1:8000",...}
//
// Nothing in a value can end a line, start a field or reach a terminal: controls and bytes over 0x7E are written as
// \xHH and a backslash as two (hardening row 70).
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/log.h"
#include "proxy/base/option_table.h"

namespace sheaf {

// Container runtimes cut lines at 16 KiB, and glog at 30,000 bytes; a line is kept under both. A longer value ends in
// "...", and fields for which there is no room are left out.
inline constexpr size_t kMaxLogLine = 16 * 1024;
inline constexpr size_t kMaxLogValue = 2 * 1024;

// Sets sink and level for the whole process. Call it once, before other threads start.
void SetupLogging(const Options& options);

// A line without its line feed. Any thread.
std::string FormatLogLine(LogFormat format, std::chrono::system_clock::time_point time, LogLevel level,
                          std::string_view message, std::span<const LogField> fields);

}  // namespace sheaf
