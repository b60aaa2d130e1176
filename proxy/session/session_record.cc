#include "proxy/session/session_record.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/log.h"
#include "proxy/plan/client_home.h"

namespace sheaf {
namespace {

constexpr size_t kStrings = 7;  // of SessionInfo

// Messages a frame towards the client.
LogValue BatchRatio(const SessionRecord::Figures& figures) {
  const auto frames = static_cast<double>(figures.frames_out);
  return LogValue::Decimal(frames == 0 ? 0.0 : static_cast<double>(figures.messages_out) / frames, 2);
}

// Behind `size` bytes of a block, at the next place that fits.
size_t PlaceOfEntry(size_t size) {
  return (size + alignof(UserEntry) - 1) / alignof(UserEntry) * alignof(UserEntry);
}
static_assert(alignof(UserEntry) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

}  // namespace

struct SessionRecord::Strings {
  std::array<std::string_view, kStrings> all;
  size_t size = 0;  // with what ends them

  std::string_view target() const { return all[1]; }
  std::string_view user() const { return all[4]; }
};

SessionRecord::SessionRecord(const SessionInfo& info) : started_(info.started) {
  const std::array<const std::string*, kStrings> strings = {
      &info.client, &info.target, &info.request_id, &info.user_agent, &info.user, &info.trace_id, &info.upstream};
  size_t size = 0;
  for (const std::string* one : strings) size += one->size() + 1;
  const size_t place = PlaceOfEntry(size);
  block_ = std::make_unique<char[]>(info.user.empty() ? size : place + sizeof(UserEntry));
  char* end = block_.get();
  for (const std::string* one : strings) end = std::copy_n(one->c_str(), one->size() + 1, end);
  if (!info.user.empty()) new (block_.get() + place) UserEntry;
}

SessionRecord::~SessionRecord() {
  if (UserEntry* entry = user_entry()) std::destroy_at(entry);
}

SessionRecord::Strings SessionRecord::Read() const {
  Strings strings;
  for (std::string_view& one : strings.all) {
    one = block_.get() + strings.size;
    strings.size += one.size() + 1;
  }
  return strings;
}

SessionRecord::Texts SessionRecord::texts() const {
  const auto [client, target, request_id, user_agent, user, trace_id, upstream] = Read().all;
  return {client, target, request_id, user_agent, user, trace_id, upstream};
}

std::string_view SessionRecord::target() const {
  return Read().target();
}

std::string_view SessionRecord::user() const {
  return Read().user();
}

UserEntry* SessionRecord::user_entry() const {
  const Strings strings = Read();
  if (strings.user().empty()) return nullptr;
  return std::launder(reinterpret_cast<UserEntry*>(block_.get() + PlaceOfEntry(strings.size)));
}

void SessionRecord::Log(SessionId id, const Figures& figures, TimePoint now) const {
  const Strings strings = Read();
  const auto& [client, target, request_id, user_agent, user, trace_id, upstream] = strings.all;
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_);
  std::array<LogField, 19> fields = {{{"client", client},
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
                                      {"request_id", request_id},
                                      {"session", id.ToString()}}};
  size_t count = 16;
  if (!user.empty()) fields[count++] = {"user", user};
  if (!trace_id.empty()) fields[count++] = {"trace_id", trace_id};
  if (!upstream.empty()) fields[count++] = {"upstream", upstream};
  sheaf::Log(LogKind::kAccess, LogLevel::kInfo, "access", std::span(fields).first(count));
}

}  // namespace sheaf
