// Engine.IO, protocols 3 and 4, as far as a proxy must know them: which session a request is of, and which one an
// answer begins. Pure.
//
//   if (auto request = ReadEngineIoRequest(target); request && request->sid.empty()) {
//     HandshakeReader reader;
//     reader.Begin(response.status, content_encoding);
//     ... if (reader.Read(piece) == HandshakeReader::Verdict::kFound) Learn(reader.sid(), reader.lifetime());
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sheaf::wire {

struct EngineIoRequest {
  enum class Transport : uint8_t { kPolling, kWebSocket, kOther };

  Transport transport = Transport::kPolling;
  uint8_t version = 3;  // 3 or 4
  bool jsonp = false;
  std::string sid;  // decoded; empty: a handshake
};

// nullopt: the target has no parameter EIO. Parameters without a value are as if they were not there, and without
// `transport` it is polling, as python-engineio has it. Of several `sid` the first counts, as there; npm's engine.io
// refuses them, wherever they come to. To both, several EIO are not protocol 4.
std::optional<EngineIoRequest> ReadEngineIoRequest(std::string_view target);

// Reads the answer of a handshake over polling: an OPEN packet, alone or before others, as both protocols write it,
// bare or in JSONP's call. A sid that is written with escapes is not taken: no server has one.
class HandshakeReader {
 public:
  enum class Verdict : uint8_t {
    kNeedMore,
    kFound,
    kNone,     // no handshake, or none that succeeded
    kEncoded,  // compressed: it cannot be told
  };

  // All of a handshake that is real: its OPEN packet has about 120 bytes, and stands first.
  static constexpr size_t kMostLookedAt = 4096;
  static constexpr size_t kLongestSid = 256;

  // `content_encoding`: the field's value; empty: there is none.
  Verdict Begin(int status, std::string_view content_encoding);
  // The body's next bytes, chunks and the like taken off. kFound comes with the OPEN packet's last byte; what follows a
  // verdict is not looked at.
  Verdict Read(std::string_view piece);
  // The body has no more.
  Verdict End();

  // Of kFound.
  const std::string& sid() const { return sid_; }
  // pingInterval and pingTimeout together; of one that is missing Engine.IO's default. At most two days.
  std::chrono::milliseconds lifetime() const { return lifetime_; }

 private:
  Verdict Conclude(Verdict verdict);
  // Of all that has come.
  Verdict Parse(std::string_view body);

  Verdict verdict_ = Verdict::kNeedMore;
  std::string seen_;  // of a body whose OPEN packet has not ended yet
  std::string sid_;
  std::chrono::milliseconds lifetime_{};
};

}  // namespace sheaf::wire
