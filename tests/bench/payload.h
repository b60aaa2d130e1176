// The texts that are sent: JSON of a fixed size, with a sequence number and a time in it, so that each message can be
// told from every other and its way be timed.
//
//   Payload  {"type":"tick","seq":"0000000012","t":"00000001234567890123","pad":"xxx..."}
//   Quote    {"type":"tick","seq":"0000000012","t":"00000001234567890123","symbol":"S0042","price":"0123.45",
//             "volume":"0001234","side":"buy"}    (without the break)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sheaf::bench {

struct Stamp {
  uint64_t sequence = 0;
  uint64_t sent_ns = 0;
};

// What clients send and backends echo: of any size.
class Payload {
 public:
  // size: of the whole text, at least kSmallest.
  explicit Payload(size_t size);

  // The text with this stamp; valid until the next call.
  std::string_view Write(Stamp stamp);
  // The stamp, or nothing when any byte besides it differs from what was sent.
  std::optional<Stamp> Read(std::string_view text) const;

  static constexpr size_t kSmallest = 80;

 private:
  std::string text_;
};

// What backends send of themselves: 128 bytes that compress about as well as live data do. All but the stamp follows
// from the sequence number, here and in app.py alike.
class Quote {
 public:
  Quote();

  // The text with this stamp; valid until the next call.
  std::string_view Write(Stamp stamp);
  // The stamp, or nothing when any other byte differs from what belongs to it.
  std::optional<Stamp> Read(std::string_view text);

 private:
  std::string text_;
};

}  // namespace sheaf::bench
