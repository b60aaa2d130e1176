#include "proxy/logging.h"

#include <glog/logging.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace sheaf {
namespace {

using TimePoint = std::chrono::system_clock::time_point;

std::string FormatTime(TimePoint time) {
  const auto since_epoch = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(since_epoch).count();
  const int millis = static_cast<int>((since_epoch - std::chrono::seconds(seconds)).count());
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + length, text.size() - length, ".%03dZ", millis);
  return text.data();
}

// Printable ASCII only, at most kMaxLogValue bytes of it.
std::string Escape(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string text;
  text.reserve(std::min(bytes.size(), kMaxLogValue));
  for (const char c : bytes) {
    if (text.size() + 4 > kMaxLogValue) return text + "...";
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7E) {
      text.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
    } else if (c == '\\') {
      text.append("\\\\");
    } else {
      text.push_back(c);
    }
  }
  return text;
}

// A value is quoted where it could be read as more than one, or as none.
std::string QuoteIfNeeded(const std::string& escaped) {
  if (!escaped.empty() && escaped.find_first_of(" \"=") == std::string::npos) return escaped;
  std::string quoted = "\"";
  for (const char c : escaped) {
    if (c == '"') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return quoted + "\"";
}

std::string FormatText(TimePoint time, std::string_view level, std::string_view message,
                       std::span<const LogField> fields) {
  std::string line = FormatTime(time).append(" ").append(level).append(" ").append(Escape(message));
  for (const LogField& field : fields) {
    const std::string value = QuoteIfNeeded(Escape(field.value));
    if (line.size() + field.key.size() + value.size() + 2 > kMaxLogLine) break;
    line.append(" ").append(field.key).append("=").append(value);
  }
  return line;
}

std::string FormatJson(TimePoint time, std::string_view level, std::string_view message,
                       std::span<const LogField> fields) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const auto add = [&json](std::string_view key, std::string_view value) {
    json.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  json.StartObject();
  add("ts", FormatTime(time));
  add("level", level);
  add("msg", Escape(message));
  for (const LogField& field : fields) {
    const std::string value = Escape(field.value);
    // JSON may double each byte, when all of them are quotes or backslashes; 8 more are for punctuation.
    if (buffer.GetSize() + field.key.size() + 2 * value.size() + 8 > kMaxLogLine) break;
    add(field.key, value);
  }
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize());
}

google::LogSeverity SeverityOf(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return google::GLOG_ERROR;
    case LogLevel::kWarning:
      return google::GLOG_WARNING;
    case LogLevel::kDebug:
    case LogLevel::kInfo:
      break;
  }
  return google::GLOG_INFO;
}

// With its prefix off, glog writes the line and a line feed in one call, unbuffered.
template <LogFormat kFormat>
void WriteToGlog(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  const std::string line = FormatLogLine(kFormat, std::chrono::system_clock::now(), level, message, fields);
  google::LogMessage(__FILE__, __LINE__, SeverityOf(level)).stream() << line;
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
  if (!google::IsGoogleLoggingInitialized()) google::InitGoogleLogging("sheaf");
  SetLogLevel(options.log.level);
  SetLogSink(options.log.format == LogFormat::kJson ? &WriteToGlog<LogFormat::kJson> : &WriteToGlog<LogFormat::kText>);
}

}  // namespace sheaf
