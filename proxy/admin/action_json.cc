#include "proxy/admin/action_json.h"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "proxy/admin/json_reader.h"
#include "proxy/admin/json_writer.h"
#include "proxy/admin/selector_json.h"
#include "proxy/base/option_types.h"
#include "proxy/base/units.h"

namespace sheaf {
namespace {

constexpr auto& kLevels = option_internal::kLogLevelNames;

class FlushReader : public SelectorReader {
 public:
  static constexpr std::string_view kName = "a flush";

  Complaint CheckWhole() const {
    if (selector()) return std::nullopt;
    return Complain("", std::string("a flush says whom it concerns, or has no body: one of ").append(kSelectorNames));
  }
  Selector Take() { return *selector(); }

  static const std::array<JsonKey<FlushReader>, 5> kKeys;
};
const std::array<JsonKey<FlushReader>, 5> FlushReader::kKeys = WithSelector<FlushReader, 0>({});

// The time over which sessions are closed.
Complaint TakeOver(const JsonValue& value, Duration& over) {
  constexpr std::chrono::hours kLongest(24);
  const auto time = value.IsString() ? ParseDuration(TextOf(value)) : std::nullopt;
  if (!time || *time > kLongest) return Complain("over", "is a time up to 24h, such as \"10s\"");
  over = *time;
  return std::nullopt;
}

class CloseReader : public SelectorReader {
 public:
  static constexpr std::string_view kName = "a close";

  CloseReader() {
    const CloseReasonRow& row = Describe(CloseReason::kOperator);
    action_.words = {.code = row.websocket_code, .text = std::string(row.text)};
  }
  Complaint CheckWhole() const {
    if (selector()) return std::nullopt;
    return Complain("", std::string("a close says whom it concerns: one of ").append(kSelectorNames));
  }
  CloseAction Take() {
    action_.of = *selector();
    return std::move(action_);
  }

  static const std::array<JsonKey<CloseReader>, 8> kKeys;

 private:
  // Those that a server may send, and that clients know what to do with.
  static bool MayBeSent(unsigned code) {
    for (const unsigned one : {1000, 1001, 1008, 1011, 1012, 1013}) {
      if (code == one) return true;
    }
    return code >= 3000 && code <= 4999;
  }

  Complaint TakeCode(const JsonValue& value) {
    if (!value.IsUint() || !MayBeSent(value.GetUint())) {
      return Complain("code", "is 1000, 1001, 1008, 1011, 1012, 1013, or from 3000 to 4999");
    }
    action_.words.code = static_cast<uint16_t>(value.GetUint());
    return std::nullopt;
  }
  Complaint TakeReason(const JsonValue& value) {
    constexpr size_t kMostBytes = 123;  // RFC 6455 5.5
    if (!value.IsString() || value.GetStringLength() > kMostBytes) {
      return Complain("reason", "is a text of at most 123 bytes");
    }
    action_.words.text = TextOf(value);
    return std::nullopt;
  }
  Complaint TakeOver(const JsonValue& value) { return sheaf::TakeOver(value, action_.over); }

  CloseAction action_;
};
const std::array<JsonKey<CloseReader>, 8> CloseReader::kKeys = WithSelector<CloseReader, 3>({{
    {"code", KeyKind::kAny, &CloseReader::TakeCode},
    {"reason", KeyKind::kAny, &CloseReader::TakeReason},
    {"over", KeyKind::kAny, &CloseReader::TakeOver},
}});

class RebalanceReader {
 public:
  static constexpr std::string_view kName = "a rebalance";

  RebalanceReader() {
    const CloseReasonRow& row = Describe(CloseReason::kRebalance);
    action_.reason = CloseReason::kRebalance;
    action_.words = {.code = row.websocket_code, .text = std::string(row.text)};
    action_.over = std::chrono::minutes(1);
  }
  Complaint CheckWhole() const {
    return has_share_ ? std::nullopt : Complain("share", "is missing: the part of the sessions, such as 0.25");
  }
  CloseAction Take() { return std::move(action_); }

  static const std::array<JsonKey<RebalanceReader>, 2> kKeys;

 private:
  Complaint TakeShare(const JsonValue& value) {
    has_share_ = true;
    action_.share = value.IsNumber() ? value.GetDouble() : 0;
    const bool fits = action_.share > 0 && action_.share <= 1;
    return fits ? std::nullopt : Complain("share", "is a number over 0, at most 1, such as 0.25");
  }
  Complaint TakeOver(const JsonValue& value) { return sheaf::TakeOver(value, action_.over); }

  CloseAction action_;
  bool has_share_ = false;
};
constexpr std::array<JsonKey<RebalanceReader>, 2> RebalanceReader::kKeys = {{
    {"share", KeyKind::kAny, &RebalanceReader::TakeShare},
    {"over", KeyKind::kAny, &RebalanceReader::TakeOver},
}};

class LevelReader {
 public:
  static constexpr std::string_view kName = "a log level";

  Complaint CheckWhole() const { return level_ ? std::nullopt : Complain("level", "is missing"); }
  LogLevel Take() const { return *level_; }

  static const std::array<JsonKey<LevelReader>, 1> kKeys;

 private:
  Complaint TakeLevel(const JsonValue& value) {
    for (size_t i = 0; i < kLevels.size(); ++i) {
      if (value.IsString() && TextOf(value) == kLevels[i]) level_ = static_cast<LogLevel>(i);
    }
    return level_ ? std::nullopt : Complain("level", "is debug, info, warning or error");
  }

  std::optional<LogLevel> level_;
};
constexpr std::array<JsonKey<LevelReader>, 1> LevelReader::kKeys = {{
    {"level", KeyKind::kAny, &LevelReader::TakeLevel},
}};

template <typename Reader>
auto Read(std::string_view body) -> Result<decltype(Reader().Take())> {
  rapidjson::Document document;
  if (const Result<bool> parsed = ParseJson(body, document); !parsed.ok()) return Error{parsed.error()};
  if (!document.IsObject()) return Error{"the body is a JSON object"};
  Reader reader;
  if (const Complaint complaint = TakeMembers(reader, Reader::kKeys, document, Reader::kName)) {
    return Error{*complaint};
  }
  if (const Complaint complaint = reader.CheckWhole()) return Error{*complaint};
  return reader.Take();
}

AdminAnswer Report(const Selector& of, const ActionAnswer& answer, bool tells_bytes) {
  const bool late = !answer.late.empty();
  if (of.by == Selector::By::kSession && answer.tally.sessions == 0 && !late) return RefusalAnswer(404, kNoSuchSession);
  JsonWriter json;
  json.Begin();
  json.Add("status", std::string_view(late ? "late" : "ok"));
  json.Add("sessions", answer.tally.sessions);
  if (tells_bytes) json.Add("bytes", answer.tally.bytes);
  json.AddNumbers("late_workers", answer.late);
  json.End();
  return {.body = json.Take() + "\n"};
}

}  // namespace

Result<Selector> ReadFlush(std::string_view body) {
  return body.empty() ? Selector{} : Read<FlushReader>(body);
}

Result<CloseAction> ReadClose(std::string_view body) {
  return Read<CloseReader>(body);
}

Result<CloseAction> ReadRebalance(std::string_view body) {
  return Read<RebalanceReader>(body);
}

Result<LogLevel> ReadLogLevel(std::string_view body) {
  return Read<LevelReader>(body);
}

std::string_view NameOf(LogLevel level) {
  return kLevels[static_cast<size_t>(level)];
}

AdminAnswer ReportFlush(const Selector& of, const ActionAnswer& answer) {
  return Report(of, answer, true);
}

AdminAnswer ReportClose(const Selector& of, const ActionAnswer& answer) {
  return Report(of, answer, false);
}

AdminAnswer ReportLogLevel(LogLevel level, LogLevel before) {
  JsonWriter json;
  json.Begin();
  json.Add("status", std::string_view("ok"));
  json.Add("level", NameOf(level));
  json.Add("before", NameOf(before));
  json.End();
  return {.body = json.Take() + "\n"};
}

}  // namespace sheaf
