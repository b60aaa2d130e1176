// What is to be known of a message before it is gathered: can the envelope carry it, is it critical, which conflation
// key has it. Asked once for each Message, however many sessions get it; without rules and envelope nothing is parsed.
//
// One Examiner for each route and envelope of a worker; one thread only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batching/encoder.h"
#include "batching/message.h"
#include "proxy/base/rule.h"

namespace sheaf::batching {

// The rules of a route, taken apart for matching. Made at start from checked options; shared by all threads.
class RuleSet {
 public:
  RuleSet(const std::vector<RuleOptions>& critical, const std::vector<RuleOptions>& conflate);

  bool empty() const { return critical_.empty() && conflate_.empty(); }
  size_t critical_rules() const { return critical_.size(); }
  size_t conflate_rules() const { return conflate_.size(); }

  // Fills the rules' part of `facts`. Of each list the first rule that matches counts. An event rule looks at EVENT
  // packets, a conflation rule at none but those without acknowledgement; pointers lead into the event's first
  // argument, else into the message itself.
  void Examine(const Message& message, MessageFacts& facts) const;

 private:
  // A pointer's tokens, from the message and from a Socket.IO event's array on.
  struct Path {
    std::vector<std::string> in_message;
    std::vector<std::string> in_event;
  };
  struct Rule {
    std::string event;
    std::string prefix;
    std::optional<Path> pointer;
    std::vector<RuleValue> values;
    Path key;
    bool overtake = false;
  };
  class Reading;

  static Path PathOf(std::string_view pointer);
  static Rule RuleOf(const RuleOptions& options);

  std::vector<Rule> critical_;
  std::vector<Rule> conflate_;
};

class Examiner {
 public:
  // `encoder`: nullptr when each message has a frame of its own. Both outlive the examiner.
  Examiner(const Encoder* encoder, const RuleSet& rules) : encoder_(encoder), rules_(rules), number_(NextNumber()) {}

  const MessageFacts& Examine(Message& message) const;
  const Encoder* encoder() const { return encoder_; }

 private:
  static uint64_t NextNumber();

  const Encoder* encoder_;
  const RuleSet& rules_;
  // By which a message knows who examined it: another examiner may come to lie at the address of one that is gone.
  const uint64_t number_;
};

// Whether a gathered message may be dropped for a client that is too slow. On a Socket.IO session only events without
// an acknowledgement may; elsewhere every message.
bool IsDroppable(const Message& message, bool socket_io);

}  // namespace sheaf::batching
