#include "batching/examiner.h"

#include <algorithm>
#include <atomic>

#include "batching/packet.h"

namespace sheaf::batching {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// `token`: a valid JSON string.
bool StringEquals(std::string_view token, std::string_view text) {
  const std::string_view inner = token.substr(1, token.size() - 2);
  if (inner.find('\\') == std::string_view::npos) return inner == text;
  return DecodeString(token) == text;
}

// The exponent of a JSON number, from its sign on. What is beyond every size of a message is all the same.
int64_t ParseExponent(std::string_view text) {
  constexpr int64_t kMost = 1'000'000'000'000;
  const bool negative = text.starts_with('-');
  int64_t exponent = 0;
  for (const char c : text) {
    if (IsDigit(c)) exponent = std::min(exponent * 10 + (c - '0'), kMost);
  }
  return negative ? -exponent : exponent;
}

// Multiplies by a power of ten. False when 64 bits do not hold the product.
bool Scale(uint64_t& number, int64_t exponent) {
  if (exponent > 19) return false;
  for (; exponent > 0; --exponent) {
    if (__builtin_mul_overflow(number, uint64_t{10}, &number)) return false;
  }
  return true;
}

// Without floating point, which would round. `token`: a valid JSON number.
bool NumberEquals(std::string_view token, int64_t expected) {
  const bool negative = token.starts_with('-');
  const size_t exponent_mark = std::min(token.find_first_of("eE"), token.size());
  uint64_t significand = 0;  // without the zeros at its end
  int64_t zeros = 0;         // those
  int64_t exponent = 0;
  bool in_fraction = false;
  for (const char c : token.substr(0, exponent_mark)) {
    in_fraction = in_fraction || c == '.';
    if (!IsDigit(c)) continue;
    if (in_fraction) --exponent;
    ++zeros;
    if (c == '0') continue;
    if (significand != 0 && !Scale(significand, zeros)) return false;
    if (__builtin_add_overflow(significand, static_cast<uint64_t>(c - '0'), &significand)) return false;
    zeros = 0;
  }
  if (significand == 0) return expected == 0;
  exponent += zeros;
  if (exponent_mark < token.size()) exponent += ParseExponent(token.substr(exponent_mark + 1));
  if (exponent < 0 || negative != (expected < 0) || !Scale(significand, exponent)) return false;
  const auto bits = static_cast<uint64_t>(expected);
  return significand == (negative ? ~bits + 1 : bits);
}

// `value`: a valid JSON value.
bool ValueEquals(std::string_view value, const RuleValue& expected) {
  if (const auto* text = std::get_if<std::string>(&expected)) return value.front() == '"' && StringEquals(value, *text);
  if (const auto* truth = std::get_if<bool>(&expected)) return value == (*truth ? "true" : "false");
  return (value.front() == '-' || IsDigit(value.front())) && NumberEquals(value, std::get<int64_t>(expected));
}

}  // namespace

// A message, read as far as the rules have asked.
class RuleSet::Reading {
 public:
  explicit Reading(std::string_view text) : text_(text), packet_(ParseEventPacket(text)) {}

  bool Matches(const Rule& rule) {
    if (!text_.starts_with(rule.prefix)) return false;
    if (!rule.event.empty() && !IsEvent(rule.event)) return false;
    if (!rule.pointer) return true;
    const std::optional<std::string_view> value = Find(*rule.pointer);
    return value && std::any_of(rule.values.begin(), rule.values.end(),
                                [&value](const RuleValue& expected) { return ValueEquals(*value, expected); });
  }

  // An acknowledgement is waited for, and attachments follow their event: none of those may vanish. What is neither an
  // event nor an object nor an array is a packet of another kind (45-[...], 2) or no state that a newer one replaces.
  bool MayBeReplaced() {
    if (packet_) return !packet_->has_ack && !EventName().empty();
    const size_t first = text_.find_first_not_of(" \t\n\r");
    return first != std::string_view::npos && (text_[first] == '{' || text_[first] == '[');
  }

  std::optional<std::string_view> Find(const Path& path) const {
    if (packet_) return FindValue(packet_->json, path.in_event);
    const std::optional<std::string_view> value = FindValue(text_, path.in_message);
    // The empty pointer means the whole message, not a value that the message happens to begin with ("451-[...").
    if (value && path.in_message.empty() && value->size() != Trim(text_).size()) return std::nullopt;
    return value;
  }

  uint32_t OffsetOf(std::string_view part) const { return static_cast<uint32_t>(part.data() - text_.data()); }

  uint32_t ScopeSize() {
    if (!packet_) return 0;
    return OffsetOf(EventName()) + static_cast<uint32_t>(EventName().size());
  }

 private:
  bool IsEvent(std::string_view event) { return packet_ && !EventName().empty() && StringEquals(EventName(), event); }

  // With its quotes; empty when there is none.
  std::string_view EventName() {
    if (!event_name_) event_name_ = EventNameToken(packet_->json);
    return *event_name_;
  }

  const std::string_view text_;
  const std::optional<EventPacket> packet_;
  std::optional<std::string_view> event_name_;
};

RuleSet::Path RuleSet::PathOf(std::string_view pointer) {
  Path path;
  path.in_message = ParsePointer(pointer).value();
  path.in_event = {"1"};
  path.in_event.insert(path.in_event.end(), path.in_message.begin(), path.in_message.end());
  return path;
}

RuleSet::Rule RuleSet::RuleOf(const RuleOptions& options) {
  Rule rule{.event = options.event,
            .prefix = options.prefix,
            .pointer = std::nullopt,
            .values = options.values,
            .key = PathOf(options.key),
            .overtake = options.overtake};
  if (options.pointer) rule.pointer = PathOf(*options.pointer);
  return rule;
}

RuleSet::RuleSet(const std::vector<RuleOptions>& critical, const std::vector<RuleOptions>& conflate) {
  for (const RuleOptions& options : critical) critical_.push_back(RuleOf(options));
  for (const RuleOptions& options : conflate) conflate_.push_back(RuleOf(options));
}

void RuleSet::Examine(const Message& message, MessageFacts& facts) const {
  if (empty() || !message.is_text()) return;
  Reading reading(message.text());
  for (size_t i = 0; i < critical_.size(); ++i) {
    if (!reading.Matches(critical_[i])) continue;
    facts.critical = true;
    facts.overtake = critical_[i].overtake;
    facts.critical_rule = static_cast<uint16_t>(i);
    break;
  }
  if (conflate_.empty() || !reading.MayBeReplaced()) return;
  for (size_t i = 0; i < conflate_.size(); ++i) {
    if (!reading.Matches(conflate_[i])) continue;
    const std::optional<std::string_view> key = reading.Find(conflate_[i].key);
    if (!key) continue;
    facts.replaceable = true;
    facts.conflate_rule = static_cast<uint16_t>(i);
    facts.key_offset = reading.OffsetOf(*key);
    facts.key_size = static_cast<uint32_t>(key->size());
    facts.scope_size = reading.ScopeSize();
    return;
  }
}

uint64_t Examiner::NextNumber() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

const MessageFacts& Examiner::Examine(Message& message) const {
  if (message.examined_by == number_) return message.facts;
  message.facts = {};
  if (encoder_ == nullptr) {
    message.facts.carriable = true;
  } else {
    const Encoder::Verdict verdict = encoder_->Examine(message);
    message.facts.carriable = verdict.carriable;
    message.facts.look_alike = verdict.look_alike;
  }
  rules_.Examine(message, message.facts);
  message.examined_by = number_;
  return message.facts;
}

bool IsDroppable(const Message& message, bool socket_io) {
  if (!socket_io) return true;
  if (!message.is_text()) return false;
  const std::optional<EventPacket> packet = ParseEventPacket(message.text());
  return packet && !packet->has_ack;
}

}  // namespace sheaf::batching
