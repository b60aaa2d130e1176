#include "proxy/wire/ws_deflate.h"

#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>

namespace sheaf::wire {
namespace {

// What Z_SYNC_FLUSH ends with: the length fields of an empty stored block. They do not travel (RFC 7692 7.2.1).
constexpr std::array<uint8_t, 4> kTail = {0x00, 0x00, 0xFF, 0xFF};

// Compression goes on in steps, so that the room for the worst case stays small beside a large message.
constexpr size_t kMaxStep = 64 * 1024;
constexpr size_t kFlushSize = 16;  // more than a flush adds to deflateBound()

uInt Clamp(size_t size) {
  return static_cast<uInt>(std::min<size_t>(size, std::numeric_limits<uInt>::max()));
}

// Appends what zlib makes of `input`. With a stream of our own zlib knows but one failure here: nothing was left to do.
void RunDeflate(z_stream& stream, std::span<const uint8_t> input, int flush, std::string& out) {
  stream.next_in = input.data();
  stream.avail_in = static_cast<uInt>(input.size());
  const size_t room = deflateBound(&stream, stream.avail_in) + kFlushSize;
  do {
    const size_t size = out.size();
    out.resize(size + room);
    stream.next_out = reinterpret_cast<uint8_t*>(out.data()) + size;
    stream.avail_out = static_cast<uInt>(room);
    deflate(&stream, flush);
    out.erase(size + room - stream.avail_out);
  } while (stream.avail_out == 0);
}

}  // namespace

struct Deflater::State {
  State() = default;
  State(const State&) = delete;  // zlib's own state points back at the stream
  State& operator=(const State&) = delete;
  ~State() { deflateEnd(&stream); }

  z_stream stream = {};
};

Deflater::Deflater(uint8_t window_bits, const DeflateEffort& effort) : state_(std::make_unique<State>()) {
  assert(window_bits >= 9 && window_bits <= 15 && effort.level <= 9 && effort.memory_level >= 1);
  const int raw_window_bits = -window_bits;  // negative: no zlib header, no checksum
  if (deflateInit2(&state_->stream, effort.level, Z_DEFLATED, raw_window_bits, effort.MemoryLevel(window_bits),
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    state_.reset();
  }
}
Deflater::Deflater(Deflater&&) noexcept = default;
Deflater& Deflater::operator=(Deflater&&) noexcept = default;
Deflater::~Deflater() = default;

bool Deflater::Compress(std::span<const uint8_t> data, bool last, std::string& out) {
  if (!state_) return false;
  const size_t start = out.size();
  for (; data.size() > kMaxStep; data = data.subspan(kMaxStep)) {
    RunDeflate(state_->stream, data.first(kMaxStep), Z_NO_FLUSH, out);
  }
  if (!last) {
    if (!data.empty()) RunDeflate(state_->stream, data, Z_NO_FLUSH, out);
    return true;
  }
  RunDeflate(state_->stream, data, Z_SYNC_FLUSH, out);
  if (out.size() == start) {
    // An empty message behind another: zlib has flushed already and does not do it twice. The first byte of an empty
    // stored block stands for it (RFC 7692 7.2.3.6).
    out.push_back('\0');
  } else {
    assert(out.size() - start > kTail.size());
    out.resize(out.size() - kTail.size());
  }
  return true;
}

// zlib allows this at every byte boundary where nothing is held back, as after each message.
bool Deflater::Prime(std::span<const uint8_t> bytes) {
  if (!state_) return false;
  return bytes.empty() || deflateSetDictionary(&state_->stream, bytes.data(), Clamp(bytes.size())) == Z_OK;
}

void Deflater::Reset() {
  if (state_) deflateReset(&state_->stream);
}

struct Inflater::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { inflateEnd(&stream); }

  // One call of zlib, which takes what it can off the front of `input` and fills `room` from `produced` on. Returns
  // false for what is not deflate.
  bool Advance(std::span<const uint8_t>& input, std::span<uint8_t> room, size_t& produced);

  // Nothing is held back: behind the header of a stored block, where a message without its tail ends.
  bool AtTail() { return inflateSyncPoint(&stream) == 1; }

  bool TakeTail();

  z_stream stream = {};
  bool at_block = true;  // on a byte's boundary between blocks, where a message may begin
};

bool Inflater::State::Advance(std::span<const uint8_t>& input, std::span<uint8_t> room, size_t& produced) {
  uint8_t nowhere;  // zlib wants an address, even of no room
  stream.next_in = input.data();
  stream.avail_in = Clamp(input.size());
  stream.next_out = room.empty() ? &nowhere : room.data() + produced;
  stream.avail_out = Clamp(room.size() - produced);
  const uInt input_size = stream.avail_in;
  const uInt room_size = stream.avail_out;
  const int result = inflate(&stream, Z_SYNC_FLUSH);
  input = input.subspan(input_size - stream.avail_in);
  produced += room_size - stream.avail_out;

  // A final block ends zlib's stream, but not the message. The window is kept: a sender with context takeover may refer
  // to what came before.
  at_block = result == Z_STREAM_END;
  if (at_block) inflateResetKeep(&stream);
  return at_block || result == Z_OK || result == Z_BUF_ERROR;
}

bool Inflater::State::TakeTail() {
  std::span<const uint8_t> tail = kTail;
  size_t produced = 0;
  const bool taken = AtTail() && Advance(tail, {}, produced) && tail.empty();
  at_block = taken;
  return taken;
}

Inflater::Inflater(uint8_t window_bits) : state_(std::make_unique<State>()) {
  assert(window_bits >= 8 && window_bits <= 15);
  // Some senders use 9 bits where 8 were agreed, as zlib itself once did.
  if (inflateInit2(&state_->stream, -std::max<int>(window_bits, 9)) != Z_OK) state_.reset();
}
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;
Inflater::~Inflater() = default;

Inflater::Verdict Inflater::Step(std::span<const uint8_t>& input, bool last, std::span<uint8_t> room,
                                 size_t& produced) {
  produced = 0;
  if (!state_) return Verdict::kError;
  while (!input.empty() || !state_->at_block) {
    if (!state_->Advance(input, room, produced)) return Verdict::kError;
    if (state_->at_block) continue;
    if (input.empty() && state_->AtTail()) break;
    if (produced == room.size()) return Verdict::kOutputFull;
    if (input.empty()) break;
  }
  // At a block's beginning nothing is missing: the message has no byte, or its last block was a final one.
  if (last && !state_->at_block && !state_->TakeTail()) return Verdict::kError;
  return Verdict::kNeedInput;
}

void Inflater::Reset() {
  if (!state_) return;
  inflateReset(&state_->stream);
  state_->at_block = true;
}

}  // namespace sheaf::wire
