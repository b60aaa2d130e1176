// permessage-deflate: a line of offers, and behind it what a client sends once one is accepted. First byte: what the
// server is set to and the size of the reads.
#include <algorithm>
#include <span>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/wire/ws_deflate.h"
#include "proxy/wire/ws_deflate_offers.h"
#include "proxy/wire/ws_frame.h"
#include "tests/fuzz/fuzz_util.h"

namespace sheaf::wire {
namespace {

constexpr size_t kMaxInflated = 16 * 1024;  // of a message: small, so that inputs of a fuzzer's size reach it

DeflateAgreement Negotiate(std::string_view offers, const DeflateSettings& settings) {
  const auto agreement = NegotiateDeflate(offers, settings);
  if (!agreement) return {};
  Require(agreement->server_window_bits >= 9 && agreement->server_window_bits <= settings.window_bits);
  Require(agreement->client_window_bits >= 8 && agreement->client_window_bits <= 15);
  Require(settings.server_takeover || !agreement->server_takeover);
  const auto answers = [&agreement](const char* parameter) {
    return agreement->extension.find(parameter) != std::string::npos;
  };
  Require(agreement->server_takeover != answers("server_no_context_takeover"));
  Require(answers("client_no_context_takeover"));
  Require(!answers("client_max_window_bits") || offers.find("client_max_window_bits") != std::string_view::npos);

  // An answer is an offer that can be met, and that is answered with itself.
  const auto again = NegotiateDeflate(agreement->extension, settings);
  Require(again && again->server_window_bits == agreement->server_window_bits);
  return *agreement;
}

struct Inflated {
  std::string text;
  bool valid = true;
  bool too_big = false;
};

// Inflates a part of a message into rooms of `room` bytes, at most kMaxInflated bytes with what is there already.
void InflatePart(Inflater& inflater, std::string_view part, bool last, size_t room, Inflated& result) {
  const std::vector<uint8_t> bytes(part.begin(), part.end());
  std::span<const uint8_t> input = bytes;
  auto verdict = Inflater::Verdict::kOutputFull;
  while (verdict == Inflater::Verdict::kOutputFull && !result.too_big) {
    std::vector<uint8_t> output(std::min(room, kMaxInflated - result.text.size()));
    size_t produced = 0;
    const size_t before = input.size();
    verdict = inflater.Step(input, last, output, produced);
    Require(input.size() <= before && produced <= output.size());
    Require(verdict != Inflater::Verdict::kNeedInput || input.empty());
    Require(verdict != Inflater::Verdict::kOutputFull || produced == output.size());
    result.text.append(output.begin(), output.begin() + static_cast<ptrdiff_t>(produced));
    result.too_big = verdict == Inflater::Verdict::kOutputFull && result.text.size() == kMaxInflated;
  }
  result.valid = verdict != Inflater::Verdict::kError;
}

Inflated InflateMessage(Inflater& inflater, std::string_view message, size_t read_size, size_t room) {
  Inflated result;
  do {
    const std::string_view part = message.substr(0, read_size);
    message.remove_prefix(part.size());
    InflatePart(inflater, part, message.empty(), room, result);
  } while (!message.empty() && result.valid && !result.too_big);
  return result;
}

// How a message is cut, and how large the room is, must not change what it says. Where the window is small, references
// beyond it are seen only once the text that they mean has left the room: then one of the two may be valid alone.
void CheckInflate(std::string_view message, const DeflateAgreement& agreement, size_t read_size) {
  Inflater once(agreement.client_window_bits);
  Inflater pieces(agreement.client_window_bits);
  const Inflated whole = InflateMessage(once, message, message.size(), kMaxInflated);
  const Inflated cut = InflateMessage(pieces, message, read_size, read_size);
  if (agreement.client_window_bits == 15) Require(whole.valid == cut.valid && whole.too_big == cut.too_big);
  if (whole.valid && cut.valid) Require(whole.text == cut.text);
}

// What is compressed, in pieces and behind another message, inflates to itself.
void CheckRoundTrip(std::string_view text, const DeflateAgreement& agreement, size_t read_size) {
  Deflater deflater(agreement.server_window_bits,
                    {.level = static_cast<uint8_t>(read_size % 9 + 1), .memory_level = 1});
  Inflater inflater(agreement.server_window_bits);
  for (int times = 0; times < 2; ++times) {
    std::string compressed;
    for (size_t begin = 0; begin < text.size(); begin += read_size) {
      Require(deflater.Compress(AsBytes(text.substr(begin, read_size)), false, compressed));
    }
    Require(deflater.Compress({}, true, compressed) && !compressed.empty());
    const Inflated back = InflateMessage(inflater, compressed, read_size, read_size * 16);
    Require(back.valid && !back.too_big && back.text == text);
    if (agreement.server_takeover) continue;
    deflater.Reset();
    inflater.Reset();
  }
}

// The frames of a client that compresses: the decoder and the inflater together, as a session uses them.
void ReceiveFrames(std::string_view bytes, const DeflateAgreement& agreement, size_t read_size) {
  const FrameLimits limits{.max_message = 2000, .max_fragments = 8};
  FrameDecoder decoder(FrameSource::kClient, limits, true);
  Inflater inflater(agreement.client_window_bits);
  Inflated message;
  bool compressed = false;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, read_size);
    bytes.remove_prefix(part.size());
    std::vector<uint8_t> read(part.begin(), part.end());
    std::span<uint8_t> input = read;
    for (;;) {
      const FramePiece piece = decoder.Next(input);
      if (piece.kind == FramePiece::Kind::kNeedMore) break;
      if (piece.kind == FramePiece::Kind::kError) return;
      Require(!piece.compressed || piece.kind == FramePiece::Kind::kData);
      if (piece.kind != FramePiece::Kind::kData) continue;
      if (piece.first) {
        compressed = piece.compressed;
        message = {};
      }
      Require(piece.compressed == compressed);
      if (!compressed) continue;
      ApplyMask(piece.payload, piece.mask);
      const std::string payload(piece.payload.begin(), piece.payload.end());
      InflatePart(inflater, payload, piece.last, kMaxInflated, message);
      if (!message.valid || message.too_big) return;
      if (piece.last) inflater.Reset();
    }
  }
}

}  // namespace
}  // namespace sheaf::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sheaf::wire;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const uint8_t choice = TakeByte(input);
  const DeflateSettings settings{.server_takeover = (choice & 1) != 0,
                                 .window_bits = static_cast<uint8_t>((choice & 2) != 0 ? 15 : 10)};
  const size_t read_size = (choice >> 2) + 1U;
  const size_t line = std::min(input.find('\n'), input.size());
  const DeflateAgreement agreement = Negotiate(input.substr(0, line), settings);
  input.remove_prefix(std::min(line + 1, input.size()));

  CheckInflate(input, agreement, read_size);
  CheckRoundTrip(input, agreement, read_size);
  ReceiveFrames(input, agreement, read_size);
  return 0;
}
