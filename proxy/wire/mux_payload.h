// The payloads of mux records (mux_frame.md): bytes in, values out. All views point into the bytes that were given.
// Payloads must be of records that NextMuxRecord took, so that their length is one that the type may have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/wire/http1_head.h"
#include "proxy/wire/little_endian.h"

namespace sheaf::wire {

struct MuxHello {
  uint16_t lowest = 1;
  uint16_t highest = 1;
  bool siblings = false;     // other processes take links at the same address
  uint64_t process = 0;      // of the app, the same on all its links; of the proxy 0
  uint32_t link_window = 0;  // bytes; 0: any
  uint32_t session_window = 0;
  uint32_t largest_message = 0;  // bytes; 0: any
};

// The fields of a field block, which is well-formed: whether names and values are what HTTP allows is for
// IsValidMuxField.
class MuxFields {
 public:
  MuxFields() = default;

  size_t size() const { return lengths_.size() / kLengths; }

  // Calls `visit(const Field&)` for each, in order.
  template <typename Visitor>
  void ForEach(Visitor visit) const {
    std::string_view left = bytes_;
    for (size_t i = 0; i < lengths_.size(); i += kLengths) {
      const size_t name = ReadLittle16(&lengths_[i]);
      const size_t value = ReadLittle16(&lengths_[i + 2]);
      visit(Field{left.substr(0, name), left.substr(name, value)});
      left.remove_prefix(name + value);
    }
  }

  // `block` must be a field block and nothing else.
  static std::optional<MuxFields> Parse(std::span<const uint8_t> block);

 private:
  static constexpr size_t kLengths = 4;  // bytes a field: those of name and value

  std::span<const uint8_t> lengths_;
  std::string_view bytes_;
};

struct MuxAccept {
  std::string_view subprotocol;  // empty: none
  MuxFields fields;
};

struct MuxRefuse {
  uint16_t status = 0;
  MuxFields fields;
};

// Streams as they stand in GROUP and MULTICAST, unaligned.
class MuxStreams {
 public:
  MuxStreams() = default;
  // Of whole u32.
  explicit MuxStreams(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  size_t size() const { return bytes_.size() / sizeof(uint32_t); }
  bool empty() const { return bytes_.empty(); }
  uint32_t operator[](size_t index) const { return ReadLittle32(&bytes_[index * sizeof(uint32_t)]); }

 private:
  std::span<const uint8_t> bytes_;
};

struct MuxMulticast {
  MuxStreams streams;
  std::span<uint8_t> message;
};

struct MuxClose {
  uint16_t code = 0;
  std::string_view reason;
};

// nullopt: MuxFault::kHello.
std::optional<MuxHello> ParseMuxHello(std::span<const uint8_t> payload);
// nullopt: MuxFault::kCredit. Bytes, 1 to kMuxMaxCredit.
std::optional<uint32_t> ParseMuxCredit(std::span<const uint8_t> payload);

// nullopt: MuxFault::kPayload. Of ACCEPT all pieces joined; of MULTICAST one that goes to no group.
std::optional<MuxAccept> ParseMuxAccept(std::span<const uint8_t> payload);
std::optional<MuxRefuse> ParseMuxRefuse(std::span<const uint8_t> payload);
std::optional<MuxStreams> ParseMuxGroup(std::span<const uint8_t> payload);
std::optional<MuxMulticast> ParseMuxMulticast(std::span<uint8_t> payload);
std::optional<MuxClose> ParseMuxClose(std::span<const uint8_t> payload);

// Whether a client can be given these in an answer; else MuxFault::kAnswer.
bool IsValidMuxStatus(uint16_t status);
bool IsValidMuxField(const Field& field);

}  // namespace sheaf::wire
