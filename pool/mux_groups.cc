#include "pool/mux_groups.h"

#include "proxy/wire/frame_in_place.h"

namespace sheaf::pool {

using wire::MuxFault;

namespace {

bool IsUtf8(std::span<const uint8_t> bytes) {
  wire::Utf8Checker text;
  return text.Feed(bytes) && text.complete();
}

}  // namespace

bool MuxGroups::Set(uint32_t number, const wire::MuxStreams& ids) {
  std::unique_ptr<Group>& group = groups_[number - 1];
  if (group && group->amid_message) return false;
  if (ids.size() == 0) {
    group.reset();
    return true;
  }
  if (!group) group = std::make_unique<Group>();
  group->ids.resize(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) group->ids[i] = ids[i];
  return true;
}

MuxFault MuxGroups::Read(const wire::MuxRecord& record, MuxShared& shared) {
  const wire::Opcode opcode = record.binary() ? wire::Opcode::kBinary : wire::Opcode::kText;
  if (!record.to_group()) return ReadListed(record, opcode, shared);
  Group* const group = groups_[record.stream - 1].get();
  if (group == nullptr) return MuxFault::kStream;
  if (record.payload.size() > wire::kMuxMaxPayload) return MuxFault::kLength;
  const bool first = !group->amid_message;
  if (!first && group->opcode != opcode) return MuxFault::kOrder;
  if (first) group->text = {};
  if (!record.binary() && (!group->text.Feed(record.payload) || (!record.more() && !group->text.complete()))) {
    return MuxFault::kUtf8;
  }
  group->opcode = opcode;
  group->amid_message = record.more();
  shared.part = wire::FrameInPlace(record.payload, opcode, first, !record.more());
  shared.ids = group->ids;
  return MuxFault::kNone;
}

MuxFault MuxGroups::ReadListed(const wire::MuxRecord& record, wire::Opcode opcode, MuxShared& shared) {
  const auto multicast = wire::ParseMuxMulticast(record.payload);
  if (!multicast) return MuxFault::kPayload;
  if (!record.binary() && !IsUtf8(multicast->message)) return MuxFault::kUtf8;
  // The frame's header takes the place of the last number.
  shared.listed.reserve(multicast->streams.size());
  for (size_t i = 0; i < multicast->streams.size(); ++i) shared.listed.push_back(multicast->streams[i]);
  shared.part = wire::FrameInPlace(multicast->message, opcode, true, true);
  shared.ids = shared.listed;
  return MuxFault::kNone;
}

}  // namespace sheaf::pool
