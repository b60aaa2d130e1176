// IsJson: what it takes, and that it judges as RapidJSON does, whatever comes.
#include "batching/json.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/unit/batching/json_mutator.h"
#include "tests/unit/batching/reference_json.h"

namespace sheaf::batching {
namespace {

using std::string_view_literals::operator""sv;

std::string Repeat(std::string_view text, size_t times) {
  std::string all;
  for (; times > 0; --times) all += text;
  return all;
}

std::string ReadVectors(const char* name) {
  std::ifstream file(std::string(SHEAF_SOURCE_DIR "/tests/vectors/") + name);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

// Every string in the vectors, and the vectors themselves.
std::vector<std::string> TextsOfVectors() {
  std::vector<std::string> texts;
  for (const char* name : {"envelopes.json", "frames.json"}) {
    texts.push_back(ReadVectors(name));
    reference::CollectStrings(texts.back(), texts);
  }
  return texts;
}

// SHEAF_JSON_INPUTS: for a longer run.
uint64_t Inputs() {
  const char* const inputs = std::getenv("SHEAF_JSON_INPUTS");
  return inputs != nullptr ? std::strtoull(inputs, nullptr, 10) : 200'000;
}

}  // namespace

TEST_CASE("JSON is what RFC 8259 says, without what parsers add to it or take from it") {
  for (const std::string_view text :
       {"0", "-0", "10.50e+07", "1E-5", "1e999", "-1e+999999999999", "true", " [ ] ", "\t\r\n{}\n", R"("\ud800")",
        R"("\uDFFFx")", R"({"":[{},[[]],null]})", R"({"a":1,"a":2})", "\"\x7F\"", R"("\\ud800")"}) {
    CAPTURE(text);
    CHECK(IsJson(text));
  }
  for (const std::string_view text : {"",
                                      " ",
                                      "01",
                                      "-",
                                      "+1",
                                      "1.",
                                      ".1",
                                      "1e",
                                      "1e+",
                                      "0x1",
                                      "NaN",
                                      "-Infinity",
                                      "nul",
                                      "truex",
                                      "'a'",
                                      "[1,]",
                                      "[,1]",
                                      "{,}",
                                      R"({"a"})",
                                      R"({"a":})",
                                      R"({"a":1,})",
                                      "{1:2}",
                                      "[1 2]",
                                      "1 2",
                                      "[1]]",
                                      "[",
                                      "]",
                                      "[}",
                                      R"("a)",
                                      "\"\t\"",
                                      R"("\a")",
                                      R"("\u12")",
                                      R"("\ud800\u12")",
                                      "/**/1",
                                      "\xEF\xBB\xBF"
                                      "1",
                                      "1e999.5",
                                      "1e999x"}) {
    CAPTURE(text);
    CHECK_FALSE(IsJson(text));
  }
}

TEST_CASE("a NUL neither ends a JSON text nor hides what is behind it") {
  CHECK_FALSE(IsJson("1\0"sv));
  CHECK_FALSE(IsJson("{}\0]"sv));
  CHECK_FALSE(IsJson("\0"sv));
  CHECK_FALSE(IsJson("[\"a\0\"]"sv));
  CHECK_FALSE(IsJson("[1,\0 2]"sv));
}

TEST_CASE("numbers of any size and half surrogate pairs are JSON, in one text too") {
  const std::string digits = Repeat("7", 500);
  CHECK(IsJson(digits));
  CHECK(IsJson("[-" + digits + "." + digits + "e+" + digits + ",\"\\ud800\",{\"\\udc00 1e999\":1e999}]"));
  CHECK_FALSE(IsJson("[" + digits + " 1]"));
  CHECK_FALSE(IsJson("[0" + digits + "]"));
  CHECK_FALSE(IsJson("[\"\\ud800\",01]"));
  CHECK_FALSE(IsJson("[1e999,\"\\ud80\"]"));
  for (const std::string_view number : {"1e+", "1e", "1.", "-", "1.e5", "--1", "1-1", "00.0", "-e1"}) {
    CAPTURE(number);
    CHECK_FALSE(IsJson("[1e999," + std::string(number) + "]"));
  }
}

TEST_CASE("levels of arrays and objects count together, siblings do not") {
  const auto nested = [](size_t depth) { return Repeat("[", depth) + Repeat("]", depth); };
  CHECK(IsJson(nested(512)));
  CHECK_FALSE(IsJson(nested(513)));
  CHECK(IsJson(nested(513), 513));
  CHECK(IsJson(Repeat(R"({"a":[)", 256) + Repeat("]}", 256)));
  CHECK_FALSE(IsJson(Repeat(R"({"a":[)", 256) + "{}" + Repeat("]}", 256)));
  CHECK(IsJson("[" + Repeat("[],{},", 1000) + "[]]", 2));
  CHECK_FALSE(IsJson("[]", 0));
  CHECK(IsJson("1", 0));
  // Neither recursion nor memory for each level, whatever comes.
  CHECK_FALSE(IsJson(Repeat("[", 16'000'000)));
}

TEST_CASE("a string's end, an escape and a control character are seen at every place of a block") {
  for (size_t before = 0; before < 40; ++before) {
    for (const size_t after : {0U, 1U, 15U, 16U, 40U}) {
      const std::string head = "\"" + Repeat("a", before);
      const std::string tail = Repeat("z", after) + "\"";
      CAPTURE(before);
      CAPTURE(after);
      CHECK(IsJson(head + tail));
      CHECK(IsJson(head + "\\n" + tail));
      CHECK(IsJson(head + "\\\"" + tail));
      CHECK(IsJson(head + "\x20\x7F\x80\xFF" + tail));
      for (const std::string_view wrong : {"\""sv, "\\x"sv, "\x1F"sv, "\0"sv, "\n"sv}) {
        CHECK_FALSE(IsJson(head + std::string(wrong) + tail));
      }
      CHECK_FALSE(IsJson(head + Repeat("z", after)));
    }
  }
}

TEST_CASE("every text of the vectors is judged as RapidJSON judges it, and so is each of its beginnings") {
  size_t valid = 0;
  for (const std::string& text : TextsOfVectors()) {
    for (size_t size = text.size() > 1000 ? text.size() : 0; size <= text.size(); ++size) {
      const std::string_view beginning = std::string_view(text).substr(0, size);
      const bool is_json = IsJson(beginning);
      valid += is_json ? 1 : 0;
      if (is_json == reference::IsJson(beginning)) continue;
      CAPTURE(beginning);
      FAIL("judged otherwise");
    }
  }
  CHECK_GT(valid, 100);
}

TEST_CASE("what is changed at random is judged as RapidJSON judges it") {
  JsonMutator mutator(1, TextsOfVectors());
  const uint64_t inputs = Inputs();
  uint64_t valid = 0;
  for (uint64_t i = 0; i < inputs; ++i) {
    const std::string& text = mutator.Next();
    const bool is_json = IsJson(text);
    if (is_json != reference::IsJson(text)) {
      CAPTURE(text);
      FAIL("judged otherwise");
    }
    if (is_json) mutator.KeepLast();
    valid += is_json ? 1 : 0;
  }
  MESSAGE(valid << " of " << inputs << " inputs were JSON");
  CHECK_GT(valid, inputs / 20);
  CHECK_LT(valid, inputs / 20 * 19);
}

}  // namespace sheaf::batching
