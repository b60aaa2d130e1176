#include "tests/bench/batch.h"

#include <doctest/doctest.h>

#include <string>

namespace sheaf::bench {
namespace {

using Parts = std::vector<std::string_view>;

Message Frame(uint8_t opcode, std::string_view payload) {
  return {.opcode = opcode, .compressed = false, .payload = payload};
}

TEST_CASE("UnbatchTest.JsonIsSplitOnlyBetweenMembers") {
  Parts parts;
  const auto frame = Frame(kText, R"({"type":"batch","batch_size":3,"messages":[{"a":[1,2],"b":"],\",{"}, [2],"x"]})");
  REQUIRE(Unbatch(Envelope::kJson, frame, parts));
  CHECK(parts == Parts{R"({"a":[1,2],"b":"],\",{"})", " [2]", R"("x")"});
}

TEST_CASE("UnbatchTest.JsonWithAWrongCountIsRefused") {
  Parts parts;
  CHECK_FALSE(Unbatch(Envelope::kJson, Frame(kText, R"({"type":"batch","batch_size":3,"messages":[1,2]})"), parts));
  CHECK_FALSE(Unbatch(Envelope::kJson, Frame(kText, R"({"type":"batch","batch_size":1,"messages":[1,2]})"), parts));
  CHECK_FALSE(Unbatch(Envelope::kJson, Frame(kText, R"({"type":"batch","batch_size":2,"messages":[1,2])"), parts));
}

TEST_CASE("UnbatchTest.BinaryRecordsMustFillTheFrame") {
  using namespace std::string_view_literals;
  Parts parts;
  REQUIRE(Unbatch(Envelope::kBinary, Frame(kBinary, "SHF\x01\0\0\0\2hi\x80\0\0\0"sv), parts));
  CHECK(parts == Parts{"hi", ""});
  CHECK_FALSE(Unbatch(Envelope::kBinary, Frame(kBinary, "SHF\x01\0\0\0\3hi"sv), parts));
  CHECK_FALSE(Unbatch(Envelope::kBinary, Frame(kBinary, "SHF\x01\0\0\0\2hi\0"sv), parts));
}

TEST_CASE("UnbatchTest.WhatIsNoBatchIsOneMessage") {
  const auto batch = Frame(kText, R"({"type":"batch","batch_size":2,"messages":[1,2]})");
  Parts parts;
  REQUIRE(Unbatch(Envelope::kNone, batch, parts));
  CHECK(parts == Parts{batch.payload});
  REQUIRE(Unbatch(Envelope::kBinary, batch, parts));
  CHECK(parts == Parts{batch.payload});
  REQUIRE(Unbatch(Envelope::kJson, Frame(kText, R"({"a":1})"), parts));
  CHECK(parts == Parts{R"({"a":1})"});
}

}  // namespace
}  // namespace sheaf::bench
