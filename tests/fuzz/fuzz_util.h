// What the fuzz targets share. Each says in Require() what must hold for any input; a sanitizer watches the rest.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proxy/wire/http1.h"

namespace sheaf::wire {

inline void Require(bool holds) {
  if (!holds) std::abort();
}

// The input's first byte: how the bytes after it are read, or which side sent them.
inline uint8_t TakeByte(std::string_view& input) {
  const auto byte = input.empty() ? uint8_t{0} : static_cast<uint8_t>(input.front());
  input.remove_prefix(input.empty() ? 0 : 1);
  return byte;
}

struct ScannedHead {
  HeadScanner::Verdict verdict = HeadScanner::Verdict::kNeedMore;
  size_t size = 0;
};

// Scans `bytes` as they come in reads of `read_size`.
inline ScannedHead ScanInReads(std::string_view bytes, size_t read_size, const HeadLimits& limits) {
  HeadScanner scanner;
  ScannedHead result;
  for (size_t received = 0; received < bytes.size() && result.verdict == HeadScanner::Verdict::kNeedMore;) {
    received = read_size < bytes.size() - received ? received + read_size : bytes.size();
    result.verdict = scanner.Scan(bytes.substr(0, received), limits);
  }
  result.size = scanner.head_size();
  return result;
}

// How the bytes are cut must not change what a head is.
inline ScannedHead ScanBothWays(std::string_view bytes, size_t read_size, const HeadLimits& limits) {
  const ScannedHead whole = ScanInReads(bytes, bytes.size(), limits);
  const ScannedHead pieces = ScanInReads(bytes, read_size, limits);
  Require(whole.verdict == pieces.verdict);
  if (whole.verdict == HeadScanner::Verdict::kComplete) Require(whole.size == pieces.size);
  return whole;
}

struct DecodedBody {
  BodyDecoder::Verdict verdict = BodyDecoder::Verdict::kNeedMore;
  std::string data;
  size_t used = 0;
};

inline DecodedBody DecodeInReads(BodyKind kind, uint64_t length, std::string_view bytes, size_t read_size,
                                 Sender sender) {
  BodyDecoder decoder;
  decoder.Reset(kind, length, sender);
  DecodedBody result;
  while (result.used < bytes.size()) {
    std::string_view input = bytes.substr(result.used, read_size);
    const size_t size = input.size();
    do {
      const BodyDecoder::Step step = decoder.Next(input);
      result.verdict = step.verdict;
      result.data += step.data;
    } while (result.verdict == BodyDecoder::Verdict::kData);
    result.used += size - input.size();
    if (result.verdict != BodyDecoder::Verdict::kNeedMore) break;
    Require(input.empty());
  }
  Require((result.verdict == BodyDecoder::Verdict::kComplete) <= decoder.complete());
  return result;
}

// How the bytes are cut must not change what a body is.
inline void DecodeBothWays(BodyKind kind, uint64_t length, std::string_view bytes, size_t read_size, Sender sender) {
  if (bytes.empty()) return;
  const DecodedBody whole = DecodeInReads(kind, length, bytes, bytes.size(), sender);
  const DecodedBody pieces = DecodeInReads(kind, length, bytes, read_size, sender);
  Require(whole.verdict == pieces.verdict);
  Require(whole.data == pieces.data);
  if (whole.verdict == BodyDecoder::Verdict::kComplete) Require(whole.used == pieces.used);
  if (kind == BodyKind::kLength) Require(whole.data.size() <= length);
}

}  // namespace sheaf::wire
