// Figures and tables as people read them in a terminal. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sheaf::cli {

std::string CountText(double number);      // "0", "1,234,567"; a part of one is rounded away
std::string RateText(double per_second);   // "0", "3.5", "12", "12.3k", "4.5M"
std::string SizeText(double bytes);        // "512 B", "1.5 KiB", "12 MiB"
std::string TimeText(double seconds);      // "0.4 s", "42 s", "3m 20s", "5h 12m", "3d 4h"
std::string MillisText(double millis);     // "0.25 ms", "41 ms"
std::string PercentText(double fraction);  // "12 %", "99.5 %"

// "12 sessions", "1 session": `noun` in the singular.
std::string Counted(double number, std::string_view noun);

// Columns of a terminal that `text` takes. It is printable (Printable).
size_t WidthOfText(std::string_view text);
// At most `width` columns of it, the last three of them points where something was cut off.
std::string CutTo(std::string_view text, size_t width);

// Rows in columns that are as wide as their widest cell.
class Table {
 public:
  struct Column {
    std::string_view title;
    bool right = false;   // of numbers
    size_t most = 1'000;  // columns of the terminal; what is longer is cut
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One printable text a column.
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }

  // The titles and the rows, without blanks and line ends behind them.
  std::vector<std::string> Lines() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Each line and its end.
std::string Joined(const std::vector<std::string>& lines);

}  // namespace sheaf::cli
