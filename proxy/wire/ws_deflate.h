// permessage-deflate (RFC 7692): compressing and inflating messages with zlib. What sender and receiver agree on is in
// ws_deflate_offers.h. No socket, no log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace sheaf::wire {

// What a Deflater and an Inflater take, by zlib's formulas and with its states (measured: zlib 1.2.13).
constexpr size_t DeflaterBytes(uint8_t window_bits, uint8_t memory_level) {
  constexpr size_t kState = 5952;
  return (size_t{1} << (window_bits + 2)) + (size_t{1} << (memory_level + 9)) + kState;
}

// How much CPU and memory compression may take.
struct DeflateEffort {
  uint8_t level = 6;         // zlib's, 1 to 9
  uint8_t memory_level = 8;  // zlib's, 1 to 9, at most: a small window has no use for much
  constexpr uint8_t MemoryLevel(uint8_t window_bits) const {
    const auto enough = static_cast<uint8_t>(window_bits - 7);
    return enough < memory_level ? enough : memory_level;
  }
  constexpr size_t Bytes(uint8_t window_bits) const { return DeflaterBytes(window_bits, MemoryLevel(window_bits)); }
  bool operator==(const DeflateEffort&) const = default;
};

// How far back a message may refer to what came before it (zlib's MAX_DIST).
constexpr uint32_t DeflaterReach(uint8_t window_bits) {
  return (uint32_t{1} << window_bits) - 262;
}
constexpr size_t InflaterBytes(uint8_t window_bits) {
  return (size_t{1} << window_bits) + 7 * 1024;
}

// Compresses messages. Memory: DeflateEffort::Bytes.
class Deflater {
 public:
  Deflater(uint8_t window_bits, const DeflateEffort& effort);
  Deflater(Deflater&&) noexcept;
  Deflater& operator=(Deflater&&) noexcept;
  ~Deflater();

  // Appends the compressed form of `data` to `out`. With `last`, the message ends: the output ends on a byte boundary
  // without the four bytes 00 00 FF FF (RFC 7692 7.2.1), and is never empty. Without it more of the message follows,
  // and zlib may hold some of it back. Returns false when memory cannot be had; `out` is then as before, and the
  // deflater must be destroyed.
  [[nodiscard]] bool Compress(std::span<const uint8_t> data, bool last, std::string& out);

  // Takes `bytes` in behind what came so far, between messages: the next one may refer to them as if they had been
  // compressed here. Of more than 2^window_bits bytes, which take the place of all before, the last ones count. False:
  // memory could not be had.
  bool Prime(std::span<const uint8_t> bytes);

  // Forgets the context: the next message begins anew (no context takeover).
  void Reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Inflates messages of one sender. Memory: InflaterBytes.
class Inflater {
 public:
  enum class Verdict : uint8_t {
    kNeedInput,   // all of `input` is used up; `output` may hold something
    kOutputFull,  // call again with the rest of `input` and new room
    kError,       // no valid deflate stream, or memory cannot be had
  };

  explicit Inflater(uint8_t window_bits);
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;
  ~Inflater();

  // Inflates from the front of `input`, which is advanced, into `room`; `produced` is what of it was filled. `last`:
  // `input` ends the message, so the tail 00 00 FF FF, which is not on the wire, is supplied here; kNeedInput then
  // means that the message is complete, and kError may mean that it was cut off. A message that fits in the room
  // exactly gives kNeedInput, so `room` may be what a limit leaves, even nothing. Blocks marked as final within a
  // message are legal (RFC 7692 7.2.3.4). After kError only Reset may be called.
  Verdict Step(std::span<const uint8_t>& input, bool last, std::span<uint8_t> room, size_t& produced);

  // Forgets the context.
  void Reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sheaf::wire
