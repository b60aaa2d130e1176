#include "proxy/logging.h"

#include <glog/logging.h>
#include <poll.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

#include "proxy/base/bounded_write.h"
#include "proxy/base/events.h"
#include "proxy/base/log_queue.h"

namespace sheaf {
namespace {

using TimePoint = std::chrono::system_clock::time_point;

// Most lines have less; one that needs more grows.
constexpr size_t kUsualLine = 512;

// `number` has at most `width` digits.
void AppendNumber(unsigned number, size_t width, std::string& text) {
  text.append(width, '0');
  for (auto digit = text.rbegin(); number != 0; ++digit, number /= 10) *digit = static_cast<char>('0' + number % 10);
}

// Without the C library, whose gmtime_r takes a lock of the whole process.
void AppendTime(TimePoint time, std::string& text) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::milliseconds>(time - day));
  const auto add = [&text](auto number, size_t width, char end) {
    AppendNumber(static_cast<unsigned>(number), width, text);
    text.push_back(end);
  };
  add(static_cast<int>(date.year()), 4, '-');
  add(static_cast<unsigned>(date.month()), 2, '-');
  add(static_cast<unsigned>(date.day()), 2, 'T');
  add(clock.hours().count(), 2, ':');
  add(clock.minutes().count(), 2, ':');
  add(clock.seconds().count(), 2, '.');
  add(clock.subseconds().count(), 3, 'Z');
}

constexpr bool StandsForItself(char c) {
  return c >= ' ' && c <= '~' && c != '\\' && c != '"';
}

// One byte that does not. `quoted`: within quotation marks.
size_t AppendEscape(char c, bool quoted, std::string& text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"') {
    text.append(quoted ? "\\\"" : "\"");
    return 1;
  }
  if (c == '\\') {
    text.append("\\\\");
    return 2;
  }
  text.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
  return 4;
}

// Printable ASCII only, at most kMaxLogValue bytes of it (those before quotation marks not counted).
void AppendEscaped(std::string_view bytes, bool quoted, std::string& text) {
  size_t length = 0;
  size_t done = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (length + 4 > kMaxLogValue) {
      text.append(bytes.substr(done, i - done)).append("...");
      return;
    }
    if (StandsForItself(bytes[i])) {
      ++length;
    } else {
      text.append(bytes.substr(done, i - done));
      length += AppendEscape(bytes[i], quoted, text);
      done = i + 1;
    }
  }
  text.append(bytes.substr(done));
}

std::string Escape(std::string_view bytes) {
  std::string text;
  AppendEscaped(bytes, false, text);
  return text;
}

// A value is quoted where it could be read as more than one, or as none.
void AppendValue(std::string_view value, std::string& text) {
  const bool quoted =
      value.empty() || std::any_of(value.begin(), value.end(), [](char c) { return c == ' ' || c == '"' || c == '='; });
  if (quoted) text.push_back('"');
  AppendEscaped(value, quoted, text);
  if (quoted) text.push_back('"');
}

std::string FormatText(TimePoint time, std::string_view level, std::string_view message,
                       std::span<const LogField> fields) {
  std::string line;
  line.reserve(kUsualLine);
  AppendTime(time, line);
  line.append(" ").append(level).append(" ");
  AppendEscaped(message, false, line);
  for (const LogField& field : fields) {
    const size_t before = line.size();
    line.append(" ").append(field.key).append("=");
    if (field.value.is_number()) {
      line.append(field.value.text());
    } else {
      AppendValue(field.value.text(), line);
    }
    if (line.size() <= kMaxLogLine) continue;
    line.resize(before);
    break;
  }
  return line;
}

std::string FormatJson(TimePoint time, std::string_view level, std::string_view message,
                       std::span<const LogField> fields) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const auto add_key = [&json](std::string_view key) {
    json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  };
  const auto add = [&](std::string_view key, std::string_view value) {
    add_key(key);
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  const auto add_number = [&](std::string_view key, std::string_view digits) {
    add_key(key);
    json.RawValue(digits.data(), digits.size(), rapidjson::kNumberType);
  };
  std::string ts;
  AppendTime(time, ts);
  json.StartObject();
  add("ts", ts);
  add("level", level);
  add("msg", Escape(message));
  for (const LogField& field : fields) {
    const std::string value = Escape(field.value.text());
    // JSON may double each byte, when all of them are quotes or backslashes; 8 more are for punctuation.
    if (buffer.GetSize() + field.key.size() + 2 * value.size() + 8 > kMaxLogLine) break;
    if (field.value.is_number()) {
      add_number(field.key, value);
    } else {
      add(field.key, value);
    }
  }
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize());
}

// Made once and never destroyed: other threads may log to the last, and its own may hang in a write.
std::atomic<LogQueue*> g_queue{nullptr};
std::atomic<LogFormat> g_format{LogFormat::kText};

// With its prefix off, glog writes the lines in one call, unbuffered. It keeps an error to itself; stdio remembers it.
bool TryWrite(std::string_view lines) {
  std::clearerr(stderr);
  errno = 0;
  google::LogMessage(__FILE__, __LINE__, google::GLOG_INFO).stream() << lines;
  return std::ferror(stderr) == 0;
}

// While the reader hangs, the wait is here, where it holds no lock of glog or stdio, so that whatever ends the process
// meanwhile can. Others that share the descriptor may have made it non-blocking, and be first where there was room; of
// lines that a pipe takes whole or not at all, nothing is written then.
bool WriteToGlog(std::string_view lines) {
  for (;;) {
    pollfd reader{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    poll(&reader, 1, -1);
    if (TryWrite(lines)) return true;
    if (errno != EAGAIN || lines.size() > PIPE_BUF) return false;
  }
}

// Past the queue, after all that is in it.
void WriteLast(std::string line) {
  const auto until = std::chrono::steady_clock::now() + kLogPatience;
  line.push_back('\n');
  if (!FinishLogging() || !WriteUntil(STDERR_FILENO, line, until)) CountDroppedLogLines(1);
}

std::string Format(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  return FormatLogLine(g_format.load(std::memory_order_relaxed), std::chrono::system_clock::now(), level, message,
                       fields);
}

void Enqueue(LogKind kind, LogLevel level, std::string_view message, std::span<const LogField> fields) {
  std::string line = Format(level, message, fields);
  if (kind == LogKind::kLast) {
    WriteLast(std::move(line));
  } else {
    g_queue.load(std::memory_order_relaxed)->Push(kind, line);
  }
}

std::string TellOfDropped(uint64_t lines) {
  Events().Add(EventKind::kLog, LogLevel::kWarning, "log lines were dropped", {});
  if (!LogEnabled(LogLevel::kWarning)) return "";
  const LogField count{"lines", lines};
  return Format(LogLevel::kWarning, "log lines were dropped", {&count, 1});
}

std::string DescribeException(const std::exception_ptr& exception) {
  if (!exception) return "none";
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "unknown";
  }
}

// The C++ library's own handler would wait for the reader without end.
[[noreturn]] void Terminate() {
  Log(LogKind::kLast, LogLevel::kError, "cannot go on", {{"exception", DescribeException(std::current_exception())}});
  std::abort();
}

}  // namespace

std::string FormatLogLine(LogFormat format, TimePoint time, LogLevel level, std::string_view message,
                          std::span<const LogField> fields) {
  const std::string_view level_name = option_internal::kLogLevelNames[static_cast<size_t>(level)];
  return format == LogFormat::kJson ? FormatJson(time, level_name, message, fields)
                                    : FormatText(time, level_name, message, fields);
}

void SetupLogging(const Options& options) {
  // Before InitGoogleLogging: without it glog opens files at once.
  FLAGS_logtostderr = true;
  FLAGS_log_prefix = false;
  FLAGS_logbufsecs = 0;
  // Lines of all levels go through glog as one message; log.level has chosen among them.
  FLAGS_minloglevel = google::GLOG_INFO;
  if (!google::IsGoogleLoggingInitialized()) google::InitGoogleLogging("sheaf");
  if (!g_queue.load()) g_queue.store(new LogQueue(&WriteToGlog, &TellOfDropped));
  AdoptLogging(options.log);
  SetLogSink(&Enqueue);
  std::set_terminate(&Terminate);
}

void AdoptLogging(const Options::Log& options) {
  g_format.store(options.format, std::memory_order_relaxed);
  SetLogLevel(options.level);
}

bool FinishLogging() {
  LogQueue* const queue = g_queue.load(std::memory_order_relaxed);
  return !queue || queue->Close(kLogPatience);
}

}  // namespace sheaf
