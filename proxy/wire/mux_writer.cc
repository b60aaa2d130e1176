#include "proxy/wire/mux_writer.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <iterator>

#include "proxy/base/ascii.h"
#include "proxy/base/bytes.h"
#include "proxy/wire/little_endian.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::wire {
namespace {

constexpr std::array<Field, 2> kUpgrade = {{{"connection", "Upgrade"}, {"upgrade", "websocket"}}};

void AppendHeader(std::string& out, MuxType type, uint8_t flags, uint32_t stream, size_t length) {
  std::array<uint8_t, kMuxHeader> header;
  WriteMuxHeader(header.data(), type, flags, stream, length);
  out.append(AsText(header));
}

void AppendText(std::string& out, std::string_view text) {
  AppendLittle(out, static_cast<uint16_t>(text.size()));
  out.append(text);
}

// Calls `visit` for every field of an OPEN.
template <typename Visitor>
void ForEachField(const MuxOpen& open, Visitor visit) {
  open.fields.ForEach(visit);
  std::for_each(kUpgrade.begin(), kUpgrade.end(), visit);
}

void AppendFields(std::string& out, const MuxOpen& open, uint16_t count) {
  AppendLittle(out, count);
  ForEachField(open, [&out](const Field& field) {
    AppendLittle(out, static_cast<uint16_t>(field.name.size()));
    AppendLittle(out, static_cast<uint16_t>(field.value.size()));
  });
  ForEachField(open, [&out](const Field& field) {
    std::transform(field.name.begin(), field.name.end(), std::back_inserter(out), ToLower);
    out.append(field.value);
  });
}

// The payload of all pieces, or nothing where a length does not fit into its bytes.
std::string PayloadOf(const MuxOpen& open) {
  size_t count = 0;
  size_t longest = std::max(open.address.size(), open.target.size());
  ForEachField(open, [&count, &longest](const Field& field) {
    ++count;
    longest = std::max({longest, field.name.size(), field.value.size()});
  });
  if (std::max(count, longest) > UINT16_MAX) return {};
  std::string payload;
  payload.push_back(static_cast<char>(open.secure));
  payload.push_back(static_cast<char>(open.minor_version));
  AppendLittle(payload, open.port);
  AppendText(payload, open.address);
  AppendText(payload, open.target);
  AppendFields(payload, open, static_cast<uint16_t>(count));
  return payload;
}

}  // namespace

void AppendMuxHello(std::string& out, const MuxHello& hello) {
  AppendHeader(out, MuxType::kHello, 0, 0, kMuxHelloPayload);
  out.append(kMuxMagic);
  AppendLittle(out, hello.lowest);
  AppendLittle(out, hello.highest);
  AppendLittle(out, uint32_t{hello.siblings});
  AppendLittle(out, hello.process);
  AppendLittle(out, hello.link_window);
  AppendLittle(out, hello.session_window);
  AppendLittle(out, hello.largest_message);
}

size_t AppendMuxOpen(std::string& out, uint32_t stream, const MuxOpen& open) {
  assert(!open.target.empty() && open.minor_version <= 1);
  const std::string payload = PayloadOf(open);
  if (payload.size() > kMuxMaxHead) return 0;
  for (std::string_view left = payload; !left.empty();) {
    const std::string_view piece = left.substr(0, kMuxMaxPayloadUp);
    left.remove_prefix(piece.size());
    AppendHeader(out, MuxType::kOpen, left.empty() ? uint8_t{0} : kMuxMore, stream, piece.size());
    out.append(piece);
  }
  return payload.size();
}

void AppendMuxCredit(std::string& out, uint32_t stream, uint32_t bytes) {
  assert(bytes > 0 && bytes <= kMuxMaxCredit);
  AppendHeader(out, MuxType::kCredit, 0, stream, sizeof bytes);
  AppendLittle(out, bytes);
}

void AppendMuxClose(std::string& out, uint32_t stream, uint16_t code, std::string_view reason) {
  reason = FittingCloseReason(reason);
  AppendHeader(out, MuxType::kClose, 0, stream, sizeof code + reason.size());
  AppendLittle(out, code);
  out.append(reason);
}

void AppendMuxGoaway(std::string& out, MuxGoaway reason) {
  AppendHeader(out, MuxType::kGoaway, 0, 0, sizeof reason);
  AppendLittle(out, static_cast<uint16_t>(reason));
}

void AppendMuxPing(std::string& out, MuxType type, std::span<const uint8_t, 8> payload) {
  assert(type == MuxType::kPing || type == MuxType::kPong);
  AppendHeader(out, type, 0, 0, payload.size());
  out.append(AsText(payload));
}

}  // namespace sheaf::wire
