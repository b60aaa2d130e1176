// The sink behind proxy/base/log.h: one line on stderr for each call, as text or as JSON. The calling thread formats it
// and puts it into a queue (proxy/base/log_queue.h); the queue's thread alone calls glog. Never a file.
//
//   2026-05-04T12:00:00.123Z warning backend is down upstream=127.0.0.1:8000 error="Connection refused"
//   {"ts":"2026-05-04T12:00:00.123Z","level":"warning","msg":"backend is down","upstream":"127.0.0.1:8000",...}
//
// JSON lines carry numbers as numbers.
//
// Nothing in a value can end a line, start a field or reach a terminal: controls and bytes over 0x7E are written as
// \xHH and a backslash as two (hardening row 70).
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/log.h"
#include "proxy/base/option_table.h"

namespace sheaf {

// How long the end of the process waits for the reader of the log, in all.
inline constexpr std::chrono::seconds kLogPatience(1);

// Sets sink and level for the whole process, and starts the queue's thread. Call it once, before other threads start.
// From here on an exception that nobody catches is told in the log before it ends the process.
void SetupLogging(const Options& options);

// Level and format from now on. Any thread, once logging is set up.
void AdoptLogging(const Options::Log& options);

// Has the rest of the log written, after which nothing more is. The last call of the process. False: the reader hangs,
// and so does a thread that writes to it; leave by _exit.
[[nodiscard]] bool FinishLogging();

// A line without its line feed. Any thread.
std::string FormatLogLine(LogFormat format, std::chrono::system_clock::time_point time, LogLevel level,
                          std::string_view message, std::span<const LogField> fields);

}  // namespace sheaf
