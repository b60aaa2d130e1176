#include "proxy/cli/figures.h"

#include <doctest/doctest.h>

namespace sheaf::cli {

TEST_CASE("counts, rates and shares are written short") {
  CHECK(CountText(0) == "0");
  CHECK(CountText(999) == "999");
  CHECK(CountText(1000) == "1,000");
  CHECK(CountText(12345678) == "12,345,678");
  CHECK(CountText(-1234) == "-1,234");
  CHECK(RateText(0) == "0");
  CHECK(RateText(0.25) == "0.25");
  CHECK(RateText(3.52) == "3.5");
  CHECK(RateText(999) == "999");
  CHECK(RateText(999.9) == "1k");
  CHECK(RateText(12'345) == "12k");
  CHECK(RateText(1'234'567) == "1.2M");
  CHECK(PercentText(0) == "0 %");
  CHECK(PercentText(0.995) == "99.5 %");
  CHECK(PercentText(1) == "100 %");
  CHECK(Counted(1, "session") == "1 session");
  CHECK(Counted(0, "session") == "0 sessions");
  CHECK(Counted(1200, "session") == "1,200 sessions");
}

TEST_CASE("sizes and times have the largest unit that fits") {
  CHECK(SizeText(0) == "0 B");
  CHECK(SizeText(1023) == "1023 B");
  CHECK(SizeText(1536) == "1.5 KiB");
  CHECK(SizeText(1024 * 1024) == "1 MiB");
  CHECK(SizeText(12.4 * 1024 * 1024 * 1024) == "12 GiB");
  CHECK(TimeText(0) == "0 s");
  CHECK(TimeText(0.44) == "0.44 s");
  CHECK(TimeText(42.9) == "42 s");
  CHECK(TimeText(59.99) == "59 s");
  CHECK(TimeText(200) == "3m 20s");
  CHECK(TimeText(5 * 3600 + 12 * 60 + 59) == "5h 12m");
  CHECK(TimeText(3 * 86'400 + 4 * 3600) == "3d 4h");
  CHECK(MillisText(0.25) == "0.25 ms");
  CHECK(MillisText(41.2) == "41 ms");
}

TEST_CASE("what is too wide is cut at a character") {
  CHECK(CutTo("abc", 3) == "abc");
  CHECK(CutTo("abcdef", 5) == "ab...");
  CHECK(CutTo("\u00E9\u00E9\u00E9\u00E9\u00E9\u00E9", 5) == "\u00E9\u00E9...");
  CHECK(CutTo("abcdef", 2) == "..");
  CHECK(CutTo("abcdef", 0).empty());
  CHECK(WidthOfText("\u00E9b") == 2);
}

TEST_CASE("columns are as wide as their widest cell, and numbers stand right") {
  Table table({{"NAME", false, 6}, {"COUNT", true}, {"LAST"}});
  table.Add({"a", "1,000", "x"});
  table.Add({"a long name", "2", ""});
  CHECK(table.Lines() == std::vector<std::string>{"NAME    COUNT  LAST", "a       1,000  x", "a l...      2"});
  CHECK(Joined({"a", "b"}) == "a\nb\n");
}

}  // namespace sheaf::cli
