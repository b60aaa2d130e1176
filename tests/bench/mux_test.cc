#include "tests/bench/mux.h"

#include <doctest/doctest.h>

#include <array>

namespace sheaf::bench {
namespace {

TEST_CASE("BenchMuxTest.RecordsAreTakenOffAFrameInOrder") {
  std::string bytes;
  AppendRecord(bytes, MuxType::kText, 0x01020304, "start");
  AppendCredit(bytes, 7, 300);
  std::string_view frame = bytes;
  const auto text = TakeRecord(frame);
  REQUIRE(text);
  CHECK(text->type == MuxType::kText);
  CHECK(text->stream == 0x01020304);
  CHECK(text->payload == "start");
  const auto credit = TakeRecord(frame);
  REQUIRE(credit);
  CHECK(CreditBytes(credit->payload) == 300);
  CHECK_FALSE(TakeRecord(frame));
  CHECK(frame.empty());
}

TEST_CASE("BenchMuxTest.ARecordThatIsCutIsLeft") {
  std::string bytes;
  AppendRecord(bytes, MuxType::kText, 1, "start");
  std::string_view frame = std::string_view(bytes).substr(0, bytes.size() - 1);
  CHECK_FALSE(TakeRecord(frame));
  CHECK(frame.size() == bytes.size() - 1);
}

TEST_CASE("BenchMuxTest.AGroupIsACountAndTheStreams") {
  std::string bytes;
  AppendGroup(bytes, 5, std::array<uint32_t, 2>{1, 0x0203});
  CHECK(bytes == std::string("\x08\x0C\0\0\5\0\0\0\2\0\0\0\1\0\0\0\3\2\0\0", 20));
}

TEST_CASE("BenchMuxTest.AMulticastForAGroupIsTheTextAlone") {
  std::string bytes;
  AppendMulticast(bytes, 5, "x");
  CHECK(bytes == std::string("\x27\1\0\0\5\0\0\0x", 9));
}

TEST_CASE("BenchMuxTest.AHelloTellsItsSessionWindow") {
  std::string bytes;
  AppendHello(bytes, 0x012345);
  std::string_view frame = bytes;
  const auto hello = TakeRecord(frame);
  REQUIRE(hello);
  CHECK(SessionWindow(hello->payload) == 0x012345U);
  CHECK_FALSE(SessionWindow("SHEAFMUX"));
}

TEST_CASE("BenchMuxTest.AnOpenTellsItsTarget") {
  CHECK(OpenTarget(std::string_view("\0\1\x50\0\3\0::1\6\0/tick/\0\0", 19)) == "/tick/");
  CHECK(OpenTarget(std::string_view("\0\1\x50\0\3\0::1\7\0/tick/", 17)).empty());
  CHECK(OpenTarget("").empty());
}

}  // namespace
}  // namespace sheaf::bench
