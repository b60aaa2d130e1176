// What the doctor asks, and what came back: values, taken by visit.h and compared by compare.h. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"

namespace sheaf::doctor {

// One request that is made directly and through Sheaf.
struct Question {
  std::string title;  // "Socket.IO, polling"
  std::string target;
  bool websocket = false;
};

struct AnswerField {
  std::string name;
  std::string value;
};

struct Message {
  bool text = true;
  std::string payload;
};

struct Answer {
  std::string error;  // why there is no response; empty: there is one
  bool connected = false;
  std::string fault;  // the cause for which Sheaf does not take this response from a backend, by its log's word
  int status = 0;
  std::vector<AnswerField> fields;
  std::string body;           // as far as it came, without its framing
  bool body_goes_on = false;  // cut off by the doctor: a stream, or a large body
  Duration delay{};           // from the request's last byte to the end of the response's head

  // After a 101: the first message, if one came soon, then the end. 1006: it ended without a Close.
  std::optional<Message> message;
  uint16_t close_code = 0;
  std::string close_reason;

  bool ok() const { return error.empty(); }
  // The first field of that name, or nullopt.
  std::optional<std::string_view> Find(std::string_view name) const;
  // All values of that name, joined by ", ".
  std::string Joined(std::string_view name) const;
  // Sheaf's own answer says why: "pool_exhausted". Empty: the answer is not Sheaf's.
  std::string_view SheafReason() const;
};

}  // namespace sheaf::doctor
