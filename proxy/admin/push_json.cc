#include "proxy/admin/push_json.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "proxy/admin/base64.h"
#include "proxy/admin/json_reader.h"
#include "proxy/admin/json_writer.h"
#include "proxy/admin/selector_json.h"

namespace sheaf {
namespace {

constexpr std::string_view kContents = "text, binary, event";

// One message of a body.
class PushReader : public SelectorReader {
 public:
  Result<Push> Read(const JsonValue& value) {
    if (!value.IsObject()) return Error{"a message is an object, such as {\"all\":true,\"text\":\"hello\"}"};
    if (const Complaint complaint = TakeMembers(*this, kKeys, value, "a message")) return Error{*complaint};
    if (const Complaint complaint = CheckWhole()) return Error{*complaint};
    push_.to = *selector();
    if (event_ != nullptr) WriteEvent();
    return std::move(push_);
  }

 private:
  static const std::array<JsonKey<PushReader>, 11> kKeys;

  Complaint TakeText(const JsonValue& value) {
    if (!value.IsString()) return Complain("text", "is a text; JSON that clients are to get is written as one");
    push_.payload = TextOf(value);
    has_content_ = true;
    return std::nullopt;
  }
  Complaint TakeBinary(const JsonValue& value) {
    std::optional<std::string> bytes = value.IsString() ? DecodeBase64(TextOf(value)) : std::nullopt;
    if (!bytes) return Complain("binary", "is base64 with padding (RFC 4648), such as aGVsbG8=");
    push_.binary = true;
    has_content_ = true;
    push_.payload = std::move(*bytes);
    return std::nullopt;
  }
  Complaint TakeEvent(const JsonValue& value) {
    event_ = &value;
    push_.event = true;
    has_content_ = true;
    const bool fits = value.IsString() && value.GetStringLength() > 0;
    return fits ? std::nullopt : Complain("event", "is the name of a Socket.IO event, a text that is not empty");
  }
  Complaint TakeData(const JsonValue& value) {
    data_ = &value;
    return std::nullopt;
  }
  Complaint TakeNamespace(const JsonValue& value) {
    const bool fits = value.IsString() && TextOf(value).starts_with('/') &&
                      std::none_of(value.GetString(), value.GetString() + value.GetStringLength(),
                                   [](char c) { return c == ',' || (c >= 0 && c <= ' '); });
    if (!fits) return Complain("namespace", "is a Socket.IO namespace such as /admin, without a comma or white space");
    namespace_ = TextOf(value);
    return std::nullopt;
  }
  Complaint TakeType(const JsonValue& value) {
    for (size_t i = 0; i < UrgencyLabels::kCount; ++i) {
      if (!value.IsString() || TextOf(value) != UrgencyLabels::At(i)) continue;
      push_.urgency = static_cast<Urgency>(i);
      return std::nullopt;
    }
    return Complain("message_type", "is individual, batch or critical");
  }

  Complaint CheckWhole() const {
    if (!selector()) return Complain("", std::string("a message says whom it is for: one of ").append(kSelectorNames));
    if (!has_content_) return Complain("", std::string("a message has a content: one of ").append(kContents));
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

  Push push_;
  bool has_content_ = false;
  const JsonValue* event_ = nullptr;
  const JsonValue* data_ = nullptr;
  std::string_view namespace_;
};

const std::array<JsonKey<PushReader>, 11> PushReader::kKeys = WithSelector<PushReader, 6>({{
    {"text", KeyKind::kContent, &PushReader::TakeText},
    {"binary", KeyKind::kContent, &PushReader::TakeBinary},
    {"event", KeyKind::kContent, &PushReader::TakeEvent},
    {"data", KeyKind::kAny, &PushReader::TakeData},
    {"namespace", KeyKind::kAny, &PushReader::TakeNamespace},
    {"message_type", KeyKind::kAny, &PushReader::TakeType},
}});

// A session that is known by its id alone: where it did not get the message, there is a reason to tell.
struct Miss {
  int status = 0;  // 0: none
  std::string_view text;
};

Miss MissOf(const Push& push, const PushTally& tally, bool late) {
  if (push.to.by != Selector::By::kSession || late) return {};
  if (tally.meant == 0) {
    return {404, kNoSuchSession};
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
  if (auto parsed = ParseJson(body, document); !parsed.ok()) return Error{parsed.error()};
  auto read = PushReader().Read(document);
  if (!read.ok()) return Error{read.error()};
  std::vector<Push> pushes;
  pushes.push_back(std::move(read.value()));
  return pushes;
}

Result<std::vector<Push>> ReadPushes(std::string_view body) {
  rapidjson::Document document;
  if (auto parsed = ParseJson(body, document); !parsed.ok()) return Error{parsed.error()};
  const bool fits = document.IsObject() && document.MemberCount() == 1 && document.HasMember("messages") &&
                    document["messages"].IsArray() && !document["messages"].Empty();
  if (!fits) return Error{"the body is {\"messages\":[...]} with at least one message, and nothing else"};
  std::vector<Push> pushes;
  for (const JsonValue& value : document["messages"].GetArray()) {
    auto read = PushReader().Read(value);
    if (!read.ok()) return Error{"messages[" + std::to_string(pushes.size()) + "]: " + read.error()};
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
