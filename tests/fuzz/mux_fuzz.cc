// Records of a mux link as either end receives them. First byte: the end, and the size of the reads.
#include <algorithm>
#include <string>
#include <vector>

#include "proxy/wire/little_endian.h"
#include "proxy/wire/mux_frame.h"
#include "proxy/wire/mux_payload.h"
#include "proxy/wire/mux_writer.h"
#include "tests/fuzz/fuzz_util.h"

namespace sheaf::wire {
namespace {

struct Outcome {
  std::string wire;  // of all records
  std::string left;
  size_t records = 0;
  MuxFault fault = MuxFault::kNone;
};

// What was parsed is what was written: the proxy's own words, where it has any for them.
void CheckWritten(const MuxRecord& record, const std::string& written) {
  Require(written == AsText(record.wire));
}

void ReadFields(const MuxFields& fields) {
  size_t count = 0;
  fields.ForEach([&count](const Field& field) {
    ++count;
    if (IsValidMuxField(field)) Require(!field.name.empty() && field.value.find('\n') == std::string_view::npos);
  });
  Require(count == fields.size());
}

void ReadHello(const MuxRecord& record) {
  const std::optional<MuxHello> hello = ParseMuxHello(record.payload);
  if (!hello) return;
  Require(hello->lowest > 0 && hello->lowest <= hello->highest);
  std::string written;
  AppendMuxHello(written, *hello);
  std::vector<uint8_t> bytes(written.begin(), written.end());
  std::span<uint8_t> input = bytes;
  const std::optional<MuxHello> again = ParseMuxHello(NextMuxRecord(MuxEnd::kApp, input).payload);
  Require(again && again->process == hello->process && again->siblings == hello->siblings);
}

void ReadStreams(const MuxRecord& record) {
  const auto read = [](const MuxStreams& streams, bool ascending) {
    for (size_t i = 1; ascending && i < streams.size(); ++i) Require(streams[i - 1] < streams[i]);
    return streams.empty() ? 0 : streams[streams.size() - 1];
  };
  if (record.type == MuxType::kGroup) {
    const std::optional<MuxStreams> streams = ParseMuxGroup(record.payload);
    if (streams) read(*streams, true);
  } else if (!record.to_group()) {
    const std::optional<MuxMulticast> multicast = ParseMuxMulticast(record.payload);
    if (!multicast) return;
    read(multicast->streams, false);
    Require(4 + multicast->streams.size() * 4 + multicast->message.size() == record.payload.size());
  }
}

void ReadControl(const MuxRecord& record) {
  std::string written;
  if (record.type == MuxType::kCredit) {
    const std::optional<uint32_t> bytes = ParseMuxCredit(record.payload);
    if (!bytes) return;
    AppendMuxCredit(written, record.stream, *bytes);
  } else if (record.type == MuxType::kClose) {
    const std::optional<MuxClose> close = ParseMuxClose(record.payload);
    if (!close) return;
    AppendMuxClose(written, record.stream, close->code, close->reason);
  } else if (record.type == MuxType::kGoaway) {
    AppendMuxGoaway(written, static_cast<MuxGoaway>(ReadLittle16(record.payload.data())));
  } else {
    AppendMuxPing(written, record.type, std::span<const uint8_t, 8>(record.payload));
  }
  CheckWritten(record, written);
}

void ReadPayload(const MuxRecord& record) {
  switch (record.type) {
    case MuxType::kHello:
      return ReadHello(record);
    case MuxType::kAccept:
      if (const auto accept = ParseMuxAccept(record.payload)) ReadFields(accept->fields);
      return;
    case MuxType::kRefuse:
      if (const auto refuse = ParseMuxRefuse(record.payload)) ReadFields(refuse->fields);
      return;
    case MuxType::kMulticast:
    case MuxType::kGroup:
      return ReadStreams(record);
    case MuxType::kCredit:
    case MuxType::kClose:
    case MuxType::kGoaway:
    case MuxType::kPing:
    case MuxType::kPong:
      return ReadControl(record);
    case MuxType::kOpen:
    case MuxType::kBody:
    case MuxType::kText:
    case MuxType::kBinary:
      return;
  }
}

void Take(const MuxRecord& record, Outcome& outcome) {
  Require(record.wire.size() == kMuxHeader + record.payload.size());
  std::vector<uint8_t> header(kMuxHeader);
  WriteMuxHeader(header.data(), record.type, record.flags, record.stream, record.payload.size());
  Require(std::equal(header.begin(), header.end(), record.wire.begin()));
  ReadPayload(record);
  outcome.wire += AsText(record.wire);
  ++outcome.records;
}

Outcome DecodeInReads(MuxEnd end, std::string_view bytes, size_t read_size) {
  Outcome outcome;
  while (!bytes.empty() && outcome.fault == MuxFault::kNone) {
    outcome.left += bytes.substr(0, read_size);
    bytes.remove_prefix(std::min(read_size, bytes.size()));
    // A block of its own for each read, so that a sanitizer sees a view that goes too far.
    std::vector<uint8_t> read(outcome.left.begin(), outcome.left.end());
    std::span<uint8_t> input = read;
    for (;;) {
      const MuxRecord record = NextMuxRecord(end, input);
      if (record.kind == MuxRecord::Kind::kNeedMore) break;
      outcome.fault = record.fault;
      if (record.kind == MuxRecord::Kind::kError) break;
      Take(record, outcome);
    }
    outcome.left = AsText(input);
  }
  return outcome;
}

}  // namespace
}  // namespace sheaf::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sheaf::wire;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const uint8_t choice = TakeByte(input);
  const MuxEnd end = (choice & 1) != 0 ? MuxEnd::kApp : MuxEnd::kProxy;

  // How the bytes are cut must not change what the records are.
  const Outcome whole = DecodeInReads(end, input, input.size());
  const Outcome pieces = DecodeInReads(end, input, (choice >> 1) + 1U);
  Require(whole.fault == pieces.fault && whole.records == pieces.records && whole.wire == pieces.wire);
  Require(input.starts_with(whole.wire));
  if (whole.fault == MuxFault::kNone) Require(whole.wire + whole.left == input && pieces.left == whole.left);

  // A head that comes in pieces may be longer than a record, and is read where it was joined.
  const std::vector<uint8_t> joined(input.begin(), input.end());
  if (const auto accept = ParseMuxAccept(joined)) ReadFields(accept->fields);
  return 0;
}
