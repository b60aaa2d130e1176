#include "proxy/session/session_record.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/log.h"
#include "proxy/plan/client_home.h"

namespace sheaf {
namespace {

constexpr size_t kStrings = 6;  // of SessionInfo

// Messages a frame towards the client.
LogValue BatchRatio(const SessionRecord::Figures& figures) {
  const auto frames = static_cast<double>(figures.frames_out);
  return LogValue::Decimal(frames == 0 ? 0.0 : static_cast<double>(figures.messages_out) / frames, 2);
}

}  // namespace

SessionRecord::SessionRecord(const SessionInfo& info) : started_(info.started) {
  const std::array<const std::string*, kStrings> strings = {&info.client,     &info.target, &info.request_id,
                                                            &info.user_agent, &info.user,   &info.trace_id};
  size_t size = 0;
  for (const std::string* one : strings) size += one->size() + 1;
  strings_ = std::make_unique<char[]>(size);
  char* end = strings_.get();
  for (const std::string* one : strings) end = std::copy_n(one->c_str(), one->size() + 1, end);
}

void SessionRecord::Log(const Figures& figures, TimePoint now) const {
  std::array<std::string_view, kStrings> strings;
  const char* next = strings_.get();
  for (std::string_view& one : strings) {
    one = next;
    next += one.size() + 1;
  }
  const auto& [client, target, request_id, user_agent, user, trace_id] = strings;
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_);
  std::array<LogField, 17> fields = {{{"client", client},
                                      {"method", "GET"},
                                      {"target", target},
                                      {"protocol", "websocket"},
                                      {"status", 101},
                                      {"duration_ms", duration.count()},
                                      {"messages_in", figures.messages_in},
                                      {"messages_out", figures.messages_out},
                                      {"bytes_in", figures.bytes_in},
                                      {"bytes_out", figures.bytes_out},
                                      {"batch_ratio", BatchRatio(figures)},
                                      {"close_code", figures.close_code},
                                      {"end", Describe(figures.reason).label},
                                      {"user_agent", user_agent},
                                      {"request_id", request_id}}};
  size_t count = 15;
  if (!user.empty()) fields[count++] = {"user", user};
  if (!trace_id.empty()) fields[count++] = {"trace_id", trace_id};
  sheaf::Log(LogKind::kAccess, LogLevel::kInfo, "access", std::span(fields).first(count));
}

}  // namespace sheaf
