#include "proxy/doctor/compare.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "proxy/doctor/remedies.h"
#include "proxy/doctor/report.h"
#include "proxy/wire/http1.h"

namespace sheaf::doctor {
namespace {

// Hop-by-hop, of the moment, or compared by what they frame.
constexpr std::array<std::string_view, 11> kIgnored = {"Date",
                                                       "Connection",
                                                       "Keep-Alive",
                                                       "Proxy-Connection",
                                                       "TE",
                                                       "Trailer",
                                                       "Upgrade",
                                                       "Sec-WebSocket-Accept",
                                                       "Transfer-Encoding",
                                                       "Content-Length",
                                                       "Sec-WebSocket-Extensions"};

struct Addition {
  std::string_view name;
  std::string_view note;
};
constexpr std::array kAdditions = {
    Addition{"X-Request-ID", "X-Request-ID is added: the id of the request in Sheaf's log and in what it forwards"},
    Addition{"Sheaf-Batch", "Sheaf-Batch is added: batch frames were asked for"},
};

template <typename Names>
bool IsAmong(const Names& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view one) { return wire::EqualsIgnoreCase(one, name); });
}

// Every name once, as it is written first.
std::vector<std::string_view> NamesOf(const Answer& direct, const Answer& through) {
  std::vector<std::string_view> names;
  for (const Answer* answer : {&direct, &through}) {
    for (const AnswerField& field : answer->fields) {
      if (!IsAmong(kIgnored, field.name) && !IsAmong(names, field.name)) names.push_back(field.name);
    }
  }
  return names;
}

// A cookie without its value, which is another one each time: "session=; Path=/; Secure".
std::string WithoutCookieValues(const Answer& answer) {
  std::string joined;
  for (const AnswerField& field : answer.fields) {
    if (!wire::EqualsIgnoreCase(field.name, "Set-Cookie")) continue;
    const size_t attributes = std::min(field.value.find(';'), field.value.size());
    joined.append(joined.empty() ? "" : ", ").append(field.value.substr(0, field.value.find('=')));
    joined.append("=").append(field.value.substr(attributes));
  }
  return joined;
}

std::string ValueOf(const Answer& answer, std::string_view name) {
  return wire::EqualsIgnoreCase(name, "Set-Cookie") ? WithoutCookieValues(answer) : answer.Joined(name);
}

void CompareField(std::string_view name, const Twice& direct, const Answer& through, Comparison& result) {
  const std::string before = ValueOf(direct.first, name);
  const std::string after = ValueOf(through, name);
  const bool was_there = direct.first.Find(name).has_value();
  const bool is_there = through.Find(name).has_value();
  if (was_there && is_there && (before == after || ValueOf(direct.second, name) != before)) return;
  if (!was_there) {
    for (const Addition& addition : kAdditions) {
      if (!wire::EqualsIgnoreCase(addition.name, name)) continue;
      result.notes.emplace_back(addition.note);
      return;
    }
  }
  result.differences.push_back({"field " + std::string(name), was_there ? before : "none", is_there ? after : "none",
                                RemedyForField(name, before, after)});
}

void CompareBody(const Twice& direct, const Answer& through, Comparison& result) {
  const std::string& before = direct.first.body;
  if (direct.first.body_goes_on || through.body_goes_on) return;
  if (before == through.body) return;
  const bool varies = direct.second.body != before;
  if (varies && (direct.second.body.size() != before.size() || before.size() == through.body.size())) return;
  result.differences.push_back({"body", SizeText(before.size()), SizeText(through.body.size()),
                                "Sheaf changes no body: does the app answer by X-Forwarded-* or by chance?"});
}

std::string MessageText(const std::optional<Message>& message) {
  if (!message) return "none";
  return (message->text ? "text, " : "binary, ") + SizeText(message->payload.size());
}

void CompareMessage(const Twice& direct, const Answer& through, Comparison& result) {
  const std::optional<Message>& before = direct.first.message;
  const std::optional<Message>& after = through.message;
  const bool same_kind = before.has_value() == after.has_value() && (!before || before->text == after->text);
  const bool varies = MessageText(before) != MessageText(direct.second.message);
  const bool same_size = varies || MessageText(before) == MessageText(after);
  // One that comes at times: nothing can be said of it.
  if (before.has_value() != direct.second.message.has_value()) return;
  if (same_kind && same_size) return;
  result.differences.push_back({"first message", MessageText(before), MessageText(after), RemedyForMessage()});
}

void CompareClose(const Answer& direct, const Answer& through, Comparison& result) {
  if (direct.close_code == through.close_code && direct.close_reason == through.close_reason) return;
  result.differences.push_back({"close code", CloseText(direct), CloseText(through), RemedyForClose(direct, through)});
}

void CompareDelay(const Twice& direct, const Twice& through, Comparison& result) {
  if (through.delay() < direct.delay() + kLateBy) return;
  result.differences.push_back({"delay", DelayText(direct.delay()), DelayText(through.delay()), RemedyForDelay()});
}

// One of the two is no response at all, or of another status: nothing else of them can be compared.
bool CompareOutcome(const Question& question, const Answer& direct, const Answer& through, Comparison& result) {
  if (!direct.ok() && !through.ok()) {
    result.notes.push_back("fails both ways: " + direct.error);
    return false;
  }
  if (direct.ok() && through.ok() && direct.status == through.status) return true;
  const std::string_view reason = through.SheafReason();
  std::string remedy;
  if (!through.ok()) {
    remedy = "Sheaf's log says why its connection ended";
  } else if (!reason.empty() && direct.SheafReason().empty()) {
    remedy = RemedyForRefusal(reason, direct);
  } else {
    remedy = RemedyForStatus(question, direct, through);
  }
  result.differences.push_back({"status", OutcomeText(direct), OutcomeText(through), std::move(remedy)});
  return false;
}

}  // namespace

Comparison Compare(const Question& question, const Twice& direct, const Twice& through) {
  Comparison result;
  const Answer& before = direct.first;
  const Answer& after = through.first;
  if (!CompareOutcome(question, before, after, result)) return result;
  for (const std::string_view name : NamesOf(before, after)) CompareField(name, direct, after, result);
  CompareBody(direct, after, result);
  if (before.status == 101) {
    CompareMessage(direct, after, result);
    CompareClose(before, after, result);
  }
  CompareDelay(direct, through, result);
  return result;
}

}  // namespace sheaf::doctor
