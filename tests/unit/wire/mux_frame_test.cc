// What the golden vectors of mux links do not show: what the proxy writes, and where views point.
#include "proxy/wire/mux_frame.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/wire/little_endian.h"
#include "proxy/wire/mux_payload.h"
#include "proxy/wire/mux_writer.h"

namespace sheaf::wire {
namespace {

using std::string_literals::operator""s;

// The only record in `bytes`, which the app must be able to take. Its views point into `bytes`.
MuxRecord Only(std::string& bytes) {
  std::span<uint8_t> input(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
  const MuxRecord record = NextMuxRecord(MuxEnd::kApp, input);
  REQUIRE(record.kind == MuxRecord::Kind::kRecord);
  REQUIRE(input.empty());
  return record;
}

size_t OpenedWith(std::string lines, std::string_view target = "/") {
  std::string out;
  const FieldLines fields(std::move(lines));
  const size_t size = AppendMuxOpen(out, 1, {.address = "", .target = target, .fields = fields});
  CHECK_EQ(out.empty(), size == 0);
  return size;
}

}  // namespace

TEST_CASE("a record stands where it was received, one behind the other, and what is no record yet is left") {
  std::string bytes;
  AppendMuxCredit(bytes, 3, 5);
  AppendMuxClose(bytes, 3, 1000, "");
  bytes += "\x05\x02\x00"s;
  std::span<uint8_t> input(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
  const uint8_t* const start = input.data();
  const MuxRecord credit = NextMuxRecord(MuxEnd::kProxy, input);
  CHECK(credit.type == MuxType::kCredit);
  CHECK(credit.payload.data() == start + kMuxHeader);
  const MuxRecord close = NextMuxRecord(MuxEnd::kProxy, input);
  CHECK(close.type == MuxType::kClose);
  CHECK(close.wire.data() == start + kMuxHeader + 4);
  CHECK(NextMuxRecord(MuxEnd::kProxy, input).kind == MuxRecord::Kind::kNeedMore);
  CHECK_EQ(input.size(), 3);
}

TEST_CASE("a header is written in place of eight bytes, and as the document says") {
  std::string bytes(kMuxHeader, 'x');
  WriteMuxHeader(reinterpret_cast<uint8_t*>(bytes.data()), MuxType::kText, kMuxMore, 0x01020304, 0x0506);
  CHECK_EQ(bytes, "\x85\x06\x05\x00\x04\x03\x02\x01"s);
  WriteMuxHeader(reinterpret_cast<uint8_t*>(bytes.data()), MuxType::kBinary, 0, UINT32_MAX, 16'384);
  CHECK_EQ(bytes, "\x06\x00\x40\x00\xFF\xFF\xFF\xFF"s);
}

TEST_CASE("a HELLO that was written is read as it was") {
  std::string bytes;
  AppendMuxHello(bytes, {.lowest = 1,
                         .highest = 3,
                         .siblings = true,
                         .process = 0x0123456789ABCDEF,
                         .link_window = 0xFFFFFFFF,
                         .session_window = 16'384,
                         .largest_message = 7});
  const std::optional<MuxHello> hello = ParseMuxHello(Only(bytes).payload);
  REQUIRE(hello);
  CHECK_EQ(hello->lowest, 1);
  CHECK_EQ(hello->highest, 3);
  CHECK(hello->siblings);
  CHECK_EQ(hello->process, 0x0123456789ABCDEF);
  CHECK_EQ(hello->link_window, 0xFFFFFFFF);
  CHECK_EQ(hello->session_window, 16'384);
  CHECK_EQ(hello->largest_message, 7);
}

TEST_CASE("short records that were written are read as they were") {
  std::string bytes;
  AppendMuxCredit(bytes, 9, kMuxMaxCredit);
  CHECK_EQ(Only(bytes).stream, 9);
  CHECK(ParseMuxCredit(Only(bytes).payload) == kMuxMaxCredit);

  bytes.clear();
  AppendMuxGoaway(bytes, MuxGoaway::kProcessEnds);
  CHECK_EQ(ReadLittle16(Only(bytes).payload.data()), 2);

  const std::vector<uint8_t> token = {1, 2, 3, 4, 250, 251, 252, 253};
  for (const MuxType type : {MuxType::kPing, MuxType::kPong}) {
    bytes.clear();
    AppendMuxPing(bytes, type, std::span<const uint8_t, 8>(token));
    CHECK(Only(bytes).type == type);
    CHECK(AsText(Only(bytes).payload) == AsText(token));
  }
}

TEST_CASE("a CLOSE that was written has its code and as much of the reason as fits, cut between characters") {
  const auto read = [](uint16_t code, std::string_view reason) {
    std::string bytes;
    AppendMuxClose(bytes, 1, code, reason);
    const std::optional<MuxClose> close = ParseMuxClose(Only(bytes).payload);
    REQUIRE(close);
    CHECK_EQ(close->code, code);
    return std::string(close->reason);
  };
  CHECK_EQ(read(1005, ""), "");
  CHECK_EQ(read(1006, ""), "");
  CHECK_EQ(read(4001, "adiós"), "adiós");
  CHECK_EQ(read(1000, std::string(200, 'r')), std::string(123, 'r'));
  CHECK_EQ(read(1000, std::string(122, 'r') + "é"), std::string(122, 'r'));
}

TEST_CASE("an OPEN that is longer than the protocol can say is not written at all") {
  const size_t bare = OpenedWith("");
  CHECK(bare > 0);
  const auto field = [](size_t size) { return "a: " + std::string(size, 'v') + "\r\n"; };
  CHECK_EQ(OpenedWith(field(65'535)), bare + 4 + 1 + 65'535);
  CHECK_EQ(OpenedWith(field(65'536)), 0);
  CHECK_EQ(OpenedWith("", std::string(65'535, '/')), bare - 1 + 65'535);
  CHECK_EQ(OpenedWith("", std::string(65'536, '/')), 0);
  const size_t left = kMuxMaxHead - bare - 65'540 - 5;
  CHECK_EQ(OpenedWith(field(65'535) + field(left)), kMuxMaxHead);
  CHECK_EQ(OpenedWith(field(65'535) + field(left + 1)), 0);
}

TEST_CASE("streams are read from where they stand, aligned or not") {
  std::string bytes;
  for (const uint32_t number : {2U, 1U, 0xFFFFFFFFU}) AppendLittle(bytes, number);
  for (size_t offset = 0; offset < 4; ++offset) {
    const std::string moved = std::string(offset, '\0') + bytes;
    const MuxStreams streams(AsBytes(moved).subspan(offset));
    REQUIRE_EQ(streams.size(), 3);
    CHECK_EQ(streams[0], 2);
    CHECK_EQ(streams[2], 0xFFFFFFFF);
  }
}

TEST_CASE("every fault has a label of its own") {
  std::vector<std::string_view> labels;
  for (auto fault = static_cast<int>(MuxFault::kType); fault <= static_cast<int>(MuxFault::kAnswer); ++fault) {
    const std::string_view label = LabelOf(static_cast<MuxFault>(fault));
    CHECK_FALSE(label.empty());
    CHECK(std::find(labels.begin(), labels.end(), label) == labels.end());
    labels.push_back(label);
  }
  CHECK_EQ(LabelOf(MuxFault::kNone), "");
}

}  // namespace sheaf::wire
