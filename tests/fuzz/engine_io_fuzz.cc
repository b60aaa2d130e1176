// An Engine.IO request's target, and the answer to it as it comes in reads: a line, and what is behind it.
#include <algorithm>
#include <chrono>

#include "proxy/wire/engine_io.h"
#include "tests/fuzz/fuzz_util.h"

namespace sheaf::wire {
namespace {

void CheckTarget(std::string_view target) {
  const auto request = ReadEngineIoRequest(target);
  if (!request) return;
  Require(target.find('?') != std::string_view::npos);
  Require(request->version == 3 || request->version == 4);
  Require(request->sid.size() < target.size());
}

HandshakeReader ReadInPieces(std::string_view body, size_t read_size) {
  HandshakeReader reader;
  Require(reader.Begin(200, "") == HandshakeReader::Verdict::kNeedMore);
  for (; !body.empty(); body.remove_prefix(std::min(read_size, body.size()))) reader.Read(body.substr(0, read_size));
  Require(reader.End() != HandshakeReader::Verdict::kNeedMore);
  return reader;
}

void RequireSame(HandshakeReader& one, HandshakeReader& other) {
  Require(one.End() == other.End());
  Require(one.sid() == other.sid());
  Require(one.lifetime() == other.lifetime());
}

// Neither how the bytes are cut nor what comes behind the first 4 KiB changes the verdict.
void CheckAnswer(std::string_view body, size_t read_size) {
  HandshakeReader whole = ReadInPieces(body, body.size());
  HandshakeReader pieces = ReadInPieces(body, read_size);
  RequireSame(whole, pieces);
  std::string longer(body.substr(0, HandshakeReader::kMostLookedAt));
  longer.resize(std::max(longer.size(), HandshakeReader::kMostLookedAt), ' ');
  HandshakeReader padded = ReadInPieces(longer + "\"}", read_size);
  if (whole.End() != HandshakeReader::Verdict::kFound) return;
  RequireSame(whole, padded);
  Require(!whole.sid().empty() && whole.sid().size() <= HandshakeReader::kLongestSid);
  Require(std::all_of(whole.sid().begin(), whole.sid().end(),
                      [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }));
  Require(whole.lifetime() >= std::chrono::milliseconds(0) && whole.lifetime() <= std::chrono::hours(48));
}

}  // namespace
}  // namespace sheaf::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t read_size = sheaf::wire::TakeByte(input) + size_t{1};
  const std::string_view target = input.substr(0, input.find('\n'));
  input.remove_prefix(std::min(target.size() + 1, input.size()));
  sheaf::wire::CheckTarget(target);
  sheaf::wire::CheckAnswer(input, read_size);
  return 0;
}
