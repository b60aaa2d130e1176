#include "proxy/admin/push_json.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "proxy/admin/base64.h"
#include "proxy/admin/json_writer.h"
#include "proxy/base/session_id.h"
#include "proxy/wire/http1_target.h"

namespace sheaf {
namespace {

using rapidjson::Value;

// Clients' parsers have bounds, too; and ours recurses where it writes.
constexpr size_t kMostDepth = 128;

constexpr std::string_view kTargets = "session_id, user_id, path, all";
constexpr std::string_view kContents = "text, binary, event";

std::string_view Text(const Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

// Brackets within brackets, outside of strings.
size_t DepthOf(std::string_view json) {
  size_t depth = 0;
  size_t most = 0;
  bool quoted = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '[' || c == '{')) {
      most = std::max(most, ++depth);
    } else if (!quoted && (c == ']' || c == '}')) {
      depth -= depth > 0 ? 1 : 0;
    }
  }
  return most;
}

Result<bool> Parse(std::string_view body, rapidjson::Document& document) {
  if (DepthOf(body) > kMostDepth) return Error{"the body is nested deeper than 128 levels: send flatter data"};
  constexpr unsigned kFlags =
      rapidjson::kParseValidateEncodingFlag | rapidjson::kParseFullPrecisionFlag | rapidjson::kParseIterativeFlag;
  document.Parse<kFlags>(body.data(), body.size());
  if (!document.HasParseError()) return true;
  return Error{std::string("the body is not JSON in UTF-8, at byte ")
                   .append(std::to_string(document.GetErrorOffset()))
                   .append(": ")
                   .append(rapidjson::GetParseError_En(document.GetParseError()))};
}

// One message of a body. Rows of keys, each with what takes its value.
class PushReader {
 public:
  // `place`: in front of what an error says, such as "messages[3]: ", or empty.
  explicit PushReader(std::string place) : place_(std::move(place)) {}

  Result<Push> Read(const Value& value) {
    if (!value.IsObject()) return Fail("", "a message is an object, such as {\"all\":true,\"text\":\"hello\"}");
    for (const auto& member : value.GetObject()) {
      if (const auto error = Take(Text(member.name), member.value)) return Error{*error};
    }
    if (const auto error = CheckWhole()) return Error{*error};
    if (event_ != nullptr) WriteEvent();
    return std::move(push_);
  }

 private:
  using Complaint = std::optional<std::string>;  // nullopt: none
  struct Key {
    std::string_view name;
    std::string_view PushReader::*kind;  // of which one may be there; nullptr: none
    Complaint (PushReader::*take)(const Value& value);
  };
  static const std::array<Key, 10> kKeys;

  Complaint Complain(std::string_view key, std::string_view what) const {
    return std::string(place_).append(key).append(key.empty() ? "" : ": ").append(what);
  }
  Error Fail(std::string_view key, std::string_view what) const { return Error{*Complain(key, what)}; }

  Complaint Take(std::string_view name, const Value& value) {
    const auto* key = std::find_if(kKeys.begin(), kKeys.end(), [name](const Key& one) { return one.name == name; });
    if (key == kKeys.end()) return Unknown(name);
    bool& seen = seen_[static_cast<size_t>(key - kKeys.begin())];
    if (std::exchange(seen, true)) return Complain(name, "is there twice: leave one away");
    if (key->kind != nullptr) {
      std::string_view& other = this->*key->kind;
      if (!other.empty()) {
        return Complain(name, std::string("stands beside ").append(other).append(": a message has only one of them"));
      }
      other = key->name;
    }
    return (this->*key->take)(value);
  }

  Complaint Unknown(std::string_view name) const {
    return Complain(name.substr(0, 64), std::string("is no key of a message: there are ")
                                            .append(kTargets)
                                            .append("; ")
                                            .append(kContents)
                                            .append(", data, namespace; message_type"));
  }

  Complaint TakeTarget(Push::Target target, std::string_view key, const Value& value) {
    if (!value.IsString() || value.GetStringLength() == 0) return Complain(key, "is a text that is not empty");
    push_.target = target;
    push_.whom = Text(value);
    return std::nullopt;
  }
  Complaint TakeSession(const Value& value) {
    if (auto error = TakeTarget(Push::Target::kSession, "session_id", value)) return error;
    if (SessionId::Parse(push_.whom)) return std::nullopt;
    return Complain("session_id", "is an id such as 2-1f3a, as the log shows it in session=");
  }
  Complaint TakeUser(const Value& value) { return TakeTarget(Push::Target::kUser, "user_id", value); }
  Complaint TakePath(const Value& value) {
    if (auto error = TakeTarget(Push::Target::kPath, "path", value)) return error;
    constexpr std::string_view kRemedy = "is a path such as /ws, without a query, a fragment or white space";
    const bool unfit = !push_.whom.starts_with('/') || push_.whom.find_first_of("?# \t\r\n") != std::string::npos;
    std::optional<std::string> normal = unfit ? std::nullopt : wire::NormalizeTarget(push_.whom);
    if (!normal) return Complain("path", kRemedy);
    if (normal->size() > 1 && normal->ends_with('/')) normal->pop_back();
    push_.whom = std::move(*normal);
    return std::nullopt;
  }
  Complaint TakeAll(const Value& value) {
    push_.target = Push::Target::kAll;
    return value.IsTrue() ? std::nullopt : Complain("all", "is true, or is left away");
  }

  Complaint TakeText(const Value& value) {
    if (!value.IsString()) return Complain("text", "is a text; JSON that clients are to get is written as one");
    push_.payload = Text(value);
    return std::nullopt;
  }
  Complaint TakeBinary(const Value& value) {
    std::optional<std::string> bytes = value.IsString() ? DecodeBase64(Text(value)) : std::nullopt;
    if (!bytes) return Complain("binary", "is base64 with padding (RFC 4648), such as aGVsbG8=");
    push_.binary = true;
    push_.payload = std::move(*bytes);
    return std::nullopt;
  }
  Complaint TakeEvent(const Value& value) {
    event_ = &value;
    push_.event = true;
    const bool fits = value.IsString() && value.GetStringLength() > 0;
    return fits ? std::nullopt : Complain("event", "is the name of a Socket.IO event, a text that is not empty");
  }
  Complaint TakeData(const Value& value) {
    data_ = &value;
    return std::nullopt;
  }
  Complaint TakeNamespace(const Value& value) {
    const bool fits = value.IsString() && Text(value).starts_with('/') &&
                      std::none_of(value.GetString(), value.GetString() + value.GetStringLength(),
                                   [](char c) { return c == ',' || (c >= 0 && c <= ' '); });
    if (!fits) return Complain("namespace", "is a Socket.IO namespace such as /admin, without a comma or white space");
    namespace_ = Text(value);
    return std::nullopt;
  }
  Complaint TakeType(const Value& value) {
    for (size_t i = 0; i < UrgencyLabels::kCount; ++i) {
      if (!value.IsString() || Text(value) != UrgencyLabels::At(i)) continue;
      push_.urgency = static_cast<Urgency>(i);
      return std::nullopt;
    }
    return Complain("message_type", "is individual, batch or critical");
  }

  Complaint CheckWhole() const {
    if (target_.empty()) return Complain("", std::string("a message says whom it is for: one of ").append(kTargets));
    if (content_.empty()) return Complain("", std::string("a message has a content: one of ").append(kContents));
    if (event_ != nullptr) return std::nullopt;
    if (data_ != nullptr) return Complain("data", "is of an event: it needs event");
    if (!namespace_.empty()) return Complain("namespace", "is of an event: it needs event");
    return std::nullopt;
  }

  // An Engine.IO message with a Socket.IO EVENT packet: 42[<namespace>,]["name",data].
  void WriteEvent() {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    writer.StartArray();
    event_->Accept(writer);
    if (data_ != nullptr) data_->Accept(writer);
    writer.EndArray();
    push_.payload = "42";
    if (!namespace_.empty() && namespace_ != "/") push_.payload.append(namespace_).append(",");
    push_.payload.append(buffer.GetString(), buffer.GetSize());
  }

  const std::string place_;
  Push push_;
  std::array<bool, 10> seen_{};
  std::string_view target_;   // the key that is there
  std::string_view content_;  // the same
  const Value* event_ = nullptr;
  const Value* data_ = nullptr;
  std::string_view namespace_;
};

const std::array<PushReader::Key, 10> PushReader::kKeys = {{
    {"session_id", &PushReader::target_, &PushReader::TakeSession},
    {"user_id", &PushReader::target_, &PushReader::TakeUser},
    {"path", &PushReader::target_, &PushReader::TakePath},
    {"all", &PushReader::target_, &PushReader::TakeAll},
    {"text", &PushReader::content_, &PushReader::TakeText},
    {"binary", &PushReader::content_, &PushReader::TakeBinary},
    {"event", &PushReader::content_, &PushReader::TakeEvent},
    {"data", nullptr, &PushReader::TakeData},
    {"namespace", nullptr, &PushReader::TakeNamespace},
    {"message_type", nullptr, &PushReader::TakeType},
}};

// A session that is known by its id alone: where it did not get the message, there is a reason to tell.
struct Miss {
  int status = 0;  // 0: none
  std::string_view text;
};

Miss MissOf(const Push& push, const PushTally& tally, bool late) {
  if (push.target != Push::Target::kSession || late) return {};
  if (tally.meant == 0) {
    return {404,
            "session_id: no session has this id now: it is over, or of another process; ids are in the log, session="};
  }
  if (tally.unfit > 0) return {409, "event: the session does not speak Socket.IO: send text or binary"};
  return {};
}

void AddTally(const PushTally& tally, JsonWriter& json) {
  json.Add("sessions", tally.reached);
  json.Add("not_taken", tally.full);
  json.Add("not_socketio", tally.unfit);
}

void AddEnd(const PushAnswer& answer, JsonWriter& json) {
  json.Add("pods", uint64_t{1});
  json.AddNumbers("late_workers", answer.late);
}

std::string_view StatusOf(const PushAnswer& answer) {
  return answer.late.empty() ? "ok" : "late";
}

}  // namespace

Result<std::vector<Push>> ReadPush(std::string_view body) {
  rapidjson::Document document;
  if (auto parsed = Parse(body, document); !parsed.ok()) return Error{parsed.error()};
  auto read = PushReader("").Read(document);
  if (!read.ok()) return Error{read.error()};
  std::vector<Push> pushes;
  pushes.push_back(std::move(read.value()));
  return pushes;
}

Result<std::vector<Push>> ReadPushes(std::string_view body) {
  rapidjson::Document document;
  if (auto parsed = Parse(body, document); !parsed.ok()) return Error{parsed.error()};
  const bool fits = document.IsObject() && document.MemberCount() == 1 && document.HasMember("messages") &&
                    document["messages"].IsArray() && !document["messages"].Empty();
  if (!fits) return Error{"the body is {\"messages\":[...]} with at least one message, and nothing else"};
  std::vector<Push> pushes;
  for (const Value& value : document["messages"].GetArray()) {
    auto read = PushReader("messages[" + std::to_string(pushes.size()) + "]: ").Read(value);
    if (!read.ok()) return Error{read.error()};
    pushes.push_back(std::move(read.value()));
  }
  return pushes;
}

PushReport ReportPush(const Push& push, const PushAnswer& answer) {
  const PushTally& tally = answer.tallies.front();
  const Miss miss = MissOf(push, tally, !answer.late.empty());
  JsonWriter json;
  json.Begin();
  if (miss.status != 0) {
    json.Add("status", int64_t{miss.status});
    json.Add("message", miss.text);
  } else {
    json.Add("status", StatusOf(answer));
    AddTally(tally, json);
    AddEnd(answer, json);
  }
  json.End();
  return {.status = miss.status != 0 ? miss.status : 200, .body = json.Take() + "\n"};
}

PushReport ReportPushes(const std::vector<Push>& pushes, const PushAnswer& answer) {
  PushTally sum;
  for (const PushTally& tally : answer.tallies) sum += tally;
  JsonWriter json;
  json.Begin();
  json.Add("status", StatusOf(answer));
  AddTally(sum, json);
  AddEnd(answer, json);
  json.AddList("messages", pushes, [&](size_t i) {
    AddTally(answer.tallies[i], json);
    const Miss miss = MissOf(pushes[i], answer.tallies[i], !answer.late.empty());
    if (miss.status != 0) json.Add("error", miss.text);
  });
  json.End();
  return {.body = json.Take() + "\n"};
}

}  // namespace sheaf
