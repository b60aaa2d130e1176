#include "pool/mux_reader.h"

#include <algorithm>

#include "proxy/base/bytes.h"

namespace sheaf::pool {

using wire::MuxFault;

MuxFault MuxReader::Take(const wire::FramePiece& piece) {
  if (piece.opcode != wire::Opcode::kBinary) return MuxFault::kType;
  std::span<uint8_t> bytes = piece.payload;
  MuxFault fault = partial_.empty() ? MuxFault::kNone : CompletePartial(bytes);
  if (fault == MuxFault::kNone && events_.takes_records()) {
    fault = TakeRecords(bytes);
    partial_.append(AsText(bytes));
  }
  if (fault == MuxFault::kNone && piece.last && !partial_.empty()) fault = MuxFault::kCut;
  return fault;
}

// Takes of `bytes` what lacks of the record that is half here, and the record, if that is all.
MuxFault MuxReader::CompletePartial(std::span<uint8_t>& bytes) {
  for (;;) {
    std::span<uint8_t> held(reinterpret_cast<uint8_t*>(partial_.data()), partial_.size());
    const MuxFault fault = TakeRecords(held);
    if (fault != MuxFault::kNone || !events_.takes_records()) return fault;
    if (held.empty()) {
      partial_.clear();
      return MuxFault::kNone;
    }
    if (bytes.empty()) return MuxFault::kNone;
    const size_t whole = wire::MuxRecordSize(held);
    const size_t lacking = std::min(bytes.size(), whole - held.size());
    partial_.append(AsText(bytes.first(lacking)));
    bytes = bytes.subspan(lacking);
  }
}

MuxFault MuxReader::TakeRecords(std::span<uint8_t>& bytes) {
  for (;;) {
    const wire::MuxRecord record = wire::NextMuxRecord(wire::MuxEnd::kProxy, bytes);
    if (record.kind == wire::MuxRecord::Kind::kNeedMore) return MuxFault::kNone;
    if (record.kind == wire::MuxRecord::Kind::kError) return record.fault;
    const MuxFault fault = events_.OnRecord(record);
    if (fault != MuxFault::kNone || !events_.takes_records()) return fault;
  }
}

}  // namespace sheaf::pool
