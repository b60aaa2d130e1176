// The golden vectors of mux links (tests/vectors/mux.json), each frame whole and cut in two.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "proxy/wire/little_endian.h"
#include "proxy/wire/mux_frame.h"
#include "proxy/wire/mux_payload.h"
#include "proxy/wire/mux_writer.h"
#include "proxy/wire/utf8.h"
#include "tests/unit/wire/vectors_test_util.h"

namespace sheaf::wire {
namespace {

constexpr const char* kTypeNames[] = {"hello",     "open",  "accept", "refuse", "body",   "text", "binary",
                                      "multicast", "group", "credit", "close",  "goaway", "ping", "pong"};
constexpr uint32_t kSiblings = 1;

// ---- what a record says, as a line of text; the same from the decoder and from the vector

std::string Said(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=" + std::string(value);
}

std::string Said(std::string_view name, uint64_t value) {
  return Said(name, std::to_string(value));
}

std::string Said(const MuxFields& fields) {
  std::string text;
  fields.ForEach(
      [&text](const Field& field) { text += std::string(field.name) + ":" + std::string(field.value) + ";"; });
  return Said("fields", text);
}

std::string Said(const MuxStreams& streams) {
  std::string text;
  for (size_t i = 0; i < streams.size(); ++i) AppendLittle(text, streams[i]);
  return Said("streams", text);
}

std::string Said(const MuxHello& hello) {
  return Said("lowest", hello.lowest) + Said("highest", hello.highest) + Said("traits", uint64_t{hello.siblings}) +
         Said("process", hello.process) + Said("link_window", hello.link_window) +
         Said("session_window", hello.session_window) + Said("largest_message", hello.largest_message);
}

std::string SaidInVector(std::string_view name, const rapidjson::Value& value) {
  if (name == "traits") return Said(name, value.GetUint() & kSiblings);
  if (value.IsString()) return Said(name, value.GetString());
  if (value.IsNumber()) return Said(name, value.GetUint64());
  if (name != "fields") return Said(name, Unpack(value));
  std::string text;
  for (const auto& field : value.GetArray()) text += Unpack(field[0]) + ":" + Unpack(field[1]) + ";";
  return Said(name, text);
}

std::string FrontOf(std::string_view type, uint64_t stream, std::string_view flags, uint64_t length) {
  return std::string(type) + Said("stream", stream) + Said("flags", flags) + Said("length", length);
}

std::string SaidInVector(const rapidjson::Value& record) {
  const std::string type = record["type"].GetString();
  std::string flags;
  for (const auto& flag : record["flags"].GetArray()) flags += std::string(flag.GetString()) + ",";
  std::string text = FrontOf(type, record["stream"].GetUint(), flags, record["length"].GetUint());
  if (type == "open") return text;  // only apps read it
  for (const auto& member : record.GetObject()) {
    const std::string_view name = member.name.GetString();
    if (name != "type" && name != "stream" && name != "flags" && name != "length") {
      text += SaidInVector(name, member.value);
    }
  }
  return text;
}

// ---- an end that receives

class Receiver {
 public:
  explicit Receiver(MuxEnd end) : end_(end) {}

  // The frame's next bytes. What is not yet a record is kept, as it must be by any caller.
  void Receive(std::string_view bytes) {
    std::vector<uint8_t> input(kept_.begin(), kept_.end());
    input.insert(input.end(), bytes.begin(), bytes.end());
    std::span<uint8_t> left = input;
    while (fault_ == MuxFault::kNone) {
      const MuxRecord record = NextMuxRecord(end_, left);
      if (record.kind == MuxRecord::Kind::kNeedMore) break;
      fault_ = record.fault;
      if (record.kind == MuxRecord::Kind::kRecord) Take(record);
    }
    kept_.assign(left.begin(), left.end());
  }

  void EndFrame() {
    if (fault_ == MuxFault::kNone && !kept_.empty()) fault_ = MuxFault::kCut;
  }

  const std::vector<std::string>& records() const { return records_; }
  std::string_view error() const { return LabelOf(fault_); }

 private:
  void Take(const MuxRecord& record) {
    REQUIRE_EQ(record.wire.size(), kMuxHeader + record.payload.size());
    REQUIRE(record.payload.data() == record.wire.data() + kMuxHeader);
    std::array<uint8_t, kMuxHeader> header;
    WriteMuxHeader(header.data(), record.type, record.flags, record.stream, record.payload.size());
    REQUIRE(std::equal(header.begin(), header.end(), record.wire.begin()));

    std::string flags;
    if (record.to_group()) flags += "group,";
    if (record.binary()) flags += "binary,";
    if (record.more()) flags += "more,";
    std::string text =
        FrontOf(kTypeNames[static_cast<size_t>(record.type)], record.stream, flags, record.payload.size());
    if (std::string values = ValuesOf(record); fault_ == MuxFault::kNone) records_.push_back(text + values);
  }

  std::string ValuesOf(const MuxRecord& record) {
    switch (record.type) {
      case MuxType::kHello:
        return Read(ParseMuxHello(record.payload), MuxFault::kHello, [](const MuxHello& hello) { return Said(hello); });
      case MuxType::kOpen:
        return {};
      case MuxType::kAccept:
        return Accept(record);
      case MuxType::kRefuse:
        return Read(ParseMuxRefuse(record.payload), MuxFault::kPayload, [this](const MuxRefuse& refuse) {
          if (!IsValidMuxStatus(refuse.status)) fault_ = MuxFault::kAnswer;
          return Said("status", refuse.status) + Answer(refuse.fields);
        });
      case MuxType::kMulticast:
        return Multicast(record);
      case MuxType::kGroup:
        return Read(ParseMuxGroup(record.payload), MuxFault::kPayload,
                    [](const MuxStreams& streams) { return Said(streams); });
      case MuxType::kCredit:
        return Read(ParseMuxCredit(record.payload), MuxFault::kCredit,
                    [](uint32_t bytes) { return Said("bytes", bytes); });
      case MuxType::kClose:
        return Read(ParseMuxClose(record.payload), MuxFault::kPayload,
                    [](const MuxClose& close) { return Said("code", close.code) + Said("reason", close.reason); });
      case MuxType::kGoaway:
        return Said("reason", ReadLittle16(record.payload.data()));
      case MuxType::kText:
        return Text(record, record.payload);
      case MuxType::kBody:
      case MuxType::kBinary:
      case MuxType::kPing:
      case MuxType::kPong:
        break;
    }
    return Said("payload", AsText(record.payload));
  }

  template <typename Value, typename Sayer>
  std::string Read(const std::optional<Value>& value, MuxFault fault, Sayer say) {
    if (value) return say(*value);
    fault_ = fault;
    return {};
  }

  std::string Accept(const MuxRecord& record) {
    std::string& pieces = accepts_[record.stream];
    pieces += AsText(record.payload);
    if (record.more()) return {};
    return Read(ParseMuxAccept(AsBytes(pieces)), MuxFault::kPayload, [this](const MuxAccept& accept) {
      return Said("subprotocol", accept.subprotocol) + Answer(accept.fields);
    });
  }

  std::string Answer(const MuxFields& fields) {
    size_t count = 0;
    fields.ForEach([&](const Field& field) {
      ++count;
      if (!IsValidMuxField(field)) fault_ = MuxFault::kAnswer;
    });
    REQUIRE_EQ(count, fields.size());
    return Said(fields);
  }

  std::string Multicast(const MuxRecord& record) {
    if (record.to_group()) return Text(record, record.payload);
    return Read(ParseMuxMulticast(record.payload), MuxFault::kPayload, [&](const MuxMulticast& multicast) {
      return Said(multicast.streams) + Text(record, multicast.message);
    });
  }

  // A message, or a piece of one; a text has to be UTF-8 as a whole.
  std::string Text(const MuxRecord& record, std::span<const uint8_t> bytes) {
    Utf8Checker& utf8 = texts_[{record.to_group(), record.stream}];
    if (!record.binary() && (!utf8.Feed(bytes) || (!record.more() && !utf8.complete()))) fault_ = MuxFault::kUtf8;
    return Said("payload", AsText(bytes));
  }

  const MuxEnd end_;
  std::string kept_;
  std::vector<std::string> records_;
  std::map<uint32_t, std::string> accepts_;
  std::map<std::pair<bool, uint32_t>, Utf8Checker> texts_;
  MuxFault fault_ = MuxFault::kNone;
};

// `cut`: where every frame is cut in two.
void CheckVector(const rapidjson::Value& vector, size_t cut) {
  Receiver receiver(vector["to"] == "app" ? MuxEnd::kApp : MuxEnd::kProxy);
  for (const auto& frame : vector["frames"].GetArray()) {
    REQUIRE_EQ(receiver.error(), "");
    const std::string bytes = Unpack(frame);
    receiver.Receive(std::string_view(bytes).substr(0, cut));
    receiver.Receive(std::string_view(bytes).substr(std::min(cut, bytes.size())));
    receiver.EndFrame();
  }
  REQUIRE_EQ(receiver.error(), vector["error"].GetString());
  std::vector<std::string> records;
  for (const auto& record : vector["records"].GetArray()) records.push_back(SaidInVector(record));
  REQUIRE_EQ(receiver.records().size(), records.size());
  REQUIRE(receiver.records() == records);
}

bool EndsInOpen(const rapidjson::Value& vector) {
  return (Unpack(vector["frames"][0])[0] & 0x1F) == static_cast<int>(MuxType::kOpen);
}

// The fields of an OPEN but the last two, as the proxy keeps them; nothing if those do not ask for the upgrade.
std::string LinesOf(const rapidjson::Value& fields) {
  std::vector<std::string> lines;
  for (const auto& field : fields.GetArray()) lines.push_back(Unpack(field[0]) + ": " + Unpack(field[1]) + "\r\n");
  const size_t count = lines.size();
  if (count < 3 || lines[count - 2] != "connection: Upgrade\r\n" || lines[count - 1] != "upgrade: websocket\r\n")
    return {};
  std::string text;
  for (size_t i = 0; i < count - 2; ++i) text += lines[i];
  return text;
}

}  // namespace

TEST_CASE("a golden vector of a mux link gives the same records whole and cut in two") {
  const rapidjson::Document json = ReadVectorFile("mux.json");
  size_t checked = 0;
  for (const auto& vector : json["vectors"].GetArray()) {
    CAPTURE(std::string(vector["name"].GetString()));
    const bool for_apps_alone = vector["error"] == "bad_payload" && EndsInOpen(vector);
    if (for_apps_alone) continue;
    ++checked;
    for (size_t cut = 0; cut < 40; ++cut) CheckVector(vector, cut);
    CheckVector(vector, 70'000);
  }
  CHECK(checked > 300);
}

TEST_CASE("a golden OPEN is what the proxy writes from the same request, but for the letters of its names") {
  const rapidjson::Document json = ReadVectorFile("mux.json");
  size_t checked = 0;
  for (const auto& vector : json["vectors"].GetArray()) {
    if (!EndsInOpen(vector) || vector["error"] != "") continue;
    CAPTURE(std::string(vector["name"].GetString()));
    std::string expected;
    for (const auto& frame : vector["frames"].GetArray()) expected += Unpack(frame);
    const auto& records = vector["records"].GetArray();
    const rapidjson::Value& last = records[records.Size() - 1];
    std::string lines = LinesOf(last["fields"]);
    if (lines.empty()) continue;
    ++checked;
    lines[0] = static_cast<char>(std::toupper(lines[0]));
    const FieldLines fields(lines);
    const std::string address = Unpack(last["address"]);
    const std::string target = Unpack(last["target"]);
    std::string out = "before";
    const size_t size = AppendMuxOpen(out, last["stream"].GetUint(),
                                      {.secure = last["scheme"] == "wss",
                                       .minor_version = static_cast<uint8_t>(last["minor"].GetUint()),
                                       .port = static_cast<uint16_t>(last["port"].GetUint()),
                                       .address = address,
                                       .target = target,
                                       .fields = fields});
    REQUIRE(out == "before" + expected);
    REQUIRE_EQ(size, expected.size() - records.Size() * kMuxHeader);
  }
  CHECK(checked > 6);
}

}  // namespace sheaf::wire
