#include "memwatch/sampled_file.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <utility>

#include "tests/unit/memwatch/fake_root.h"

namespace sheaf::memwatch {

TEST_CASE("a number may have blanks around it, and what 63 bits do not hold is the largest") {
  CHECK_EQ(ParseSample("0\n").value, 0);
  CHECK_EQ(ParseSample("4096\n").value, 4096);
  CHECK_EQ(ParseSample(" 17 ").value, 17);
  CHECK_EQ(ParseSample("9223372036854775807\n").value, 9223372036854775807U);
  CHECK_EQ(ParseSample("18446744073709551616\n").value, 9223372036854775807U);
}

TEST_CASE("what is no number says what it is instead") {
  struct Row {
    std::string text;
    Oddity oddity;
  };
  const Row rows[] = {{"", Oddity::kEmpty},        {"\n", Oddity::kEmpty},     {"max\n", Oddity::kMax},
                      {"-1\n", Oddity::kNegative}, {"garbage", Oddity::kText}, {"-", Oddity::kText},
                      {"--1", Oddity::kText},      {"12 kB\n", Oddity::kText}, {"0x10", Oddity::kText},
                      {"1.5", Oddity::kText},      {"+1", Oddity::kText},      {"maximum", Oddity::kText},
                      {"MAX", Oddity::kText},      {"1\n2\n", Oddity::kText},  {std::string("1\0", 2), Oddity::kText}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK_FALSE(ParseSample(row.text).value);
    CHECK_EQ(ParseSample(row.text).oddity, row.oddity);
  }
}

TEST_CASE("a line is found by its whole first word") {
  const std::string text = "total_sock 1\nsock_other 2\nsock 3\nsock 4\nMemTotal:       24684092 kB\nlast 5";
  CHECK_EQ(ParseLine(text, "sock").value, 3);
  CHECK_EQ(ParseLine(text, "MemTotal:").value, 24684092);
  CHECK_EQ(ParseLine(text, "last").value, 5);
  CHECK_EQ(ParseLine(text, "other").oddity, Oddity::kNoLine);
  CHECK_EQ(ParseLine("", "sock").oddity, Oddity::kNoLine);
  CHECK_EQ(ParseLine("sock", "sock").oddity, Oddity::kNoLine);
  CHECK_EQ(ParseLine("sock \n", "sock").oddity, Oddity::kEmpty);
  CHECK_EQ(ParseLine("sock many\n", "sock").oddity, Oddity::kText);
  CHECK_EQ(ParseLine("sock -3\n", "sock").oddity, Oddity::kNegative);
}

TEST_CASE("a file is read afresh each time, through the descriptor it was opened with") {
  FakeRoot root;
  root.Write("/value", "1\n");
  SampledFile file(root.path() + "/value");
  CHECK_EQ(file.ReadNumber().value, 1);
  root.Write("/value", "22\n");
  CHECK_EQ(file.ReadNumber().value, 22);
  SampledFile moved(std::move(file));
  root.Write("/value", "333\n");
  CHECK_EQ(moved.ReadNumber().value, 333);
}

TEST_CASE("a missing file and one that cannot be read are told apart") {
  FakeRoot root;
  root.MakeFolder("/folder");
  const SampledFile missing(root.path() + "/missing");
  const SampledFile folder(root.path() + "/folder");
  CHECK_FALSE(missing.exists());
  CHECK(folder.exists());
  CHECK_EQ(missing.ReadNumber().oddity, Oddity::kMissing);
  CHECK_EQ(folder.ReadNumber().oddity, Oddity::kUnreadable);
}

TEST_CASE("a file longer than the buffer gives its beginning") {
  FakeRoot root;
  root.Write("/long", std::string(100, 'a'));
  std::array<char, 10> buffer;
  std::string_view text;
  CHECK_EQ(SampledFile(root.path() + "/long").Read(buffer, text), Oddity::kNone);
  CHECK_EQ(text, "aaaaaaaaaa");
}

TEST_CASE("each kind of oddity is logged once, the unusual ones as warnings") {
  const KeptLog log;
  FakeRoot root;
  SampledFile file(root.path() + "/value");
  for (int i = 0; i < 3; ++i) {
    file.Report(Oddity::kEmpty, "no limit");
    file.Report(Oddity::kMax, "no limit", true);
  }
  CHECK_EQ(log.Count("/value"), 2);
  CHECK_EQ(log.Warnings("found=empty taken_for=no limit"), 1);
  CHECK_EQ(log.Warnings("found=max"), 0);
}

}  // namespace sheaf::memwatch
