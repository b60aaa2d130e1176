// As much of RFC 6455 as the benchmark needs: messages out of bytes, messages into bytes, and the handshake's key.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sheaf::bench {

inline constexpr uint8_t kContinuation = 0x0;
inline constexpr uint8_t kText = 0x1;
inline constexpr uint8_t kBinary = 0x2;
inline constexpr uint8_t kClose = 0x8;
inline constexpr uint8_t kPing = 0x9;
inline constexpr uint8_t kPong = 0xA;

// Appends one whole message. Clients mask (RFC 6455 5.3), servers do not.
void AppendMessage(std::string& out, uint8_t opcode, std::string_view payload, std::optional<uint32_t> mask);

// Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 4.2.2).
std::string AcceptKey(std::string_view key);

// The value of a field in an HTTP head, "" when it is not there. Upper and lower case are the same in names.
std::string_view FieldValue(std::string_view head, std::string_view name);

struct Message {
  uint8_t opcode = 0;
  bool compressed = false;
  std::string_view payload;  // valid until the next call of the reader
};

// Takes messages out of a stream. Bytes are unmasked where they lie; what is left of an unfinished frame is kept.
//
//   reader.Give(received);
//   while (std::optional<Message> message = reader.Next()) { ... }
//   if (reader.broken()) ...
//   reader.Keep();
class MessageReader {
 public:
  // masked: frames have to be masked (they come from a client), or must not be.
  explicit MessageReader(bool masked) : masked_(masked) {}

  // permessage-deflate was agreed: messages may be compressed. Until Reset.
  void AllowCompressed() { compressed_allowed_ = true; }
  // The bytes must stay where they are until Keep.
  void Give(std::span<char> bytes);
  std::optional<Message> Next();
  void Keep();
  // Forgets everything: the stream ended.
  void Reset();
  // A frame broke the protocol; nothing more will come.
  bool broken() const { return broken_; }

 private:
  std::optional<Message> Assemble(bool last, const Message& part);

  const bool masked_;
  bool compressed_allowed_ = false;
  bool broken_ = false;
  bool from_kept_ = false;
  std::span<char> input_;
  std::string kept_;
  Message fragments_head_;        // of a message of which not all frames have come
  bool fragments_given_ = false;  // the message in fragments_ was handed out; the next call drops it
  std::string fragments_;
};

}  // namespace sheaf::bench
