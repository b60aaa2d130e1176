#include "proxy/cli/figures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "proxy/base/printable.h"

namespace sheaf::cli {
namespace {

// Three digits, or two of what is below one; zeros behind the point say nothing.
std::string Short(double number) {
  std::array<char, 32> text{};
  const double size = std::fabs(number);
  std::snprintf(text.data(), text.size(), "%.*f", size >= 99.95 ? 0 : size >= 0.995 ? 1 : 2, number);
  std::string digits = text.data();
  if (digits.find('.') != std::string::npos) digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.ends_with('.')) digits.pop_back();
  return digits;
}

// `number` in the largest of the units that is not larger than it, the smallest of which is 1.
std::string Scaled(double number, double step, const std::vector<std::string_view>& units) {
  size_t unit = 0;
  while (unit + 1 < units.size() && std::fabs(number) >= step * 0.9995) {
    number /= step;
    ++unit;
  }
  return Short(unit == 0 ? std::round(number * 100) / 100 : number) + std::string(units[unit]);
}

std::string TwoUnits(uint64_t seconds, uint64_t large, char large_name, uint64_t small, char small_name) {
  return std::to_string(seconds / large) + large_name + " " + std::to_string(seconds % large / small) + small_name;
}

}  // namespace

std::string CountText(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.0f", number);
  std::string digits = text.data();
  const auto first = static_cast<ptrdiff_t>(digits.starts_with('-') ? 1 : 0);
  for (auto at = static_cast<ptrdiff_t>(digits.size()) - 3; at > first; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::string RateText(double per_second) {
  return Scaled(per_second, 1000, {"", "k", "M", "G"});
}

std::string SizeText(double bytes) {
  return Scaled(bytes, 1024, {" B", " KiB", " MiB", " GiB", " TiB"});
}

std::string TimeText(double seconds) {
  const auto whole = static_cast<uint64_t>(std::max(0.0, seconds));
  if (whole < 60) return Short(seconds < 9.95 ? seconds : std::floor(seconds)) + " s";
  if (whole < 3600) return TwoUnits(whole, 60, 'm', 1, 's');
  if (whole < 86'400) return TwoUnits(whole, 3600, 'h', 60, 'm');
  return TwoUnits(whole, 86'400, 'd', 3600, 'h');
}

std::string MillisText(double millis) {
  return Short(millis) + " ms";
}

std::string PercentText(double fraction) {
  std::array<char, 32> text{};
  const double percent = std::round(fraction * 1000) / 10;
  std::snprintf(text.data(), text.size(), "%.*f %%", percent == std::floor(percent) ? 0 : 1, percent);
  return text.data();
}

std::string Counted(double number, std::string_view noun) {
  return CountText(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

size_t WidthOfText(std::string_view text) {
  return PrintableEach(text).size();
}

std::string CutTo(std::string_view text, size_t width) {
  const std::vector<std::string> all = PrintableEach(text);
  if (all.size() <= width) return std::string(text);
  constexpr std::string_view kPoints = "...";
  const size_t points = std::min(width, kPoints.size());
  std::string cut;
  for (size_t i = 0; i < width - points; ++i) cut += all[i];
  return cut.append(kPoints.substr(0, points));
}

std::vector<std::string> Table::Lines() const {
  std::vector<std::vector<std::string>> rows(1);
  for (const Column& column : columns_) rows.front().emplace_back(column.title);
  rows.insert(rows.end(), rows_.begin(), rows_.end());
  std::vector<size_t> widths(columns_.size());
  for (auto& row : rows) {
    for (size_t i = 0; i < widths.size(); ++i) {
      row[i] = CutTo(row[i], columns_[i].most);
      widths[i] = std::max(widths[i], WidthOfText(row[i]));
    }
  }
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string blanks(widths[i] - WidthOfText(row[i]), ' ');
      line.append(i == 0 ? "" : "  ").append(columns_[i].right ? blanks : row[i]);
      line.append(columns_[i].right ? row[i] : blanks);
    }
    lines.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
  }
  return lines;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text.append(line).append("\n");
  return text;
}

}  // namespace sheaf::cli
