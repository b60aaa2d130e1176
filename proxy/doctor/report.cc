#include "proxy/doctor/report.h"

#include <algorithm>
#include <cstdio>

namespace sheaf::doctor {
namespace {

constexpr size_t kWidestCell = 44;

std::string Cell(const Answer& answer) {
  std::string text = OutcomeText(answer);
  if (!answer.ok()) return text;
  if (answer.status != 101) return text + ", " + (answer.body_goes_on ? "goes on" : SizeText(answer.body.size()));
  if (const auto chosen = answer.Find("Sec-WebSocket-Protocol")) text.append(", ").append(*chosen);
  if (answer.message) text.append(", ").append(SizeText(answer.message->payload.size()));
  return text.append(", close ").append(CloseText(answer));
}

std::vector<std::string> Row(const Finding& finding) {
  const auto delay = [](const Twice& twice) { return twice.first.ok() ? DelayText(twice.delay()) : std::string("-"); };
  return {finding.question.title + " " + finding.question.target.substr(0, finding.question.target.find('?')),
          Printable(Cell(finding.direct.first), kWidestCell),
          delay(finding.direct),
          Printable(Cell(finding.through.first), kWidestCell),
          delay(finding.through),
          finding.comparison.same() ? "same" : "DIFFERS"};
}

void AppendTable(const std::vector<std::vector<std::string>>& rows, std::string& text) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line = "  ";
    for (size_t i = 0; i < row.size(); ++i) line.append(row[i]).append(widths[i] - row[i].size() + 2, ' ');
    text.append(line.substr(0, line.find_last_not_of(' ') + 1)).append("\n");
  }
}

void AppendDifferences(const Finding& finding, std::string& text) {
  for (const Difference& difference : finding.comparison.differences) {
    text.append("  ").append(finding.question.title).append(": ").append(difference.what).append(": directly ");
    text.append(Printable(difference.direct)).append(", through Sheaf ").append(Printable(difference.through));
    text.append("\n      -> ").append(Printable(difference.remedy, 600)).append("\n");
  }
}

}  // namespace

std::string SizeText(size_t bytes) {
  return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

std::string DelayText(Duration delay) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f ms", std::chrono::duration<double, std::milli>(delay).count());
  return text;
}

std::string CloseText(const Answer& answer) {
  std::string text = answer.close_code == 0 ? "none" : std::to_string(answer.close_code);
  if (!answer.close_reason.empty()) text.append(" \"").append(answer.close_reason).append("\"");
  return text;
}

std::string OutcomeText(const Answer& answer) {
  if (!answer.ok()) return answer.error;
  std::string text = std::to_string(answer.status);
  if (const std::string_view reason = answer.SheafReason(); !reason.empty()) text.append(" ").append(reason);
  return text;
}

std::string Printable(std::string_view text, size_t most) {
  std::string shown;
  for (const char c : text) {
    if (shown.size() + 4 > most) return shown.append("...");
    if (c >= ' ' && c <= '~') {
      shown.push_back(c);
    } else {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\x%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      shown.append(escape);
    }
  }
  return shown;
}

std::string BuildReport(const std::vector<Finding>& findings) {
  std::vector<std::vector<std::string>> rows = {{"", "directly", "", "through Sheaf", "", ""}};
  for (const Finding& finding : findings) rows.push_back(Row(finding));
  std::string text;
  AppendTable(rows, text);
  std::string differences;
  std::vector<std::string> notes;
  for (const Finding& finding : findings) {
    AppendDifferences(finding, differences);
    for (const std::string& note : finding.comparison.notes) {
      const std::string line = note.starts_with("X-Request-ID") ? note : finding.question.title + ": " + note;
      if (std::find(notes.begin(), notes.end(), line) == notes.end()) notes.push_back(line);
    }
  }
  text.append(differences.empty() ? "\nNothing that matters differs.\n"
                                  : "\nWhat differs, and what to do:\n" + differences);
  for (const std::string& note : notes) text.append("  note: ").append(Printable(note, 600)).append("\n");
  return text;
}

}  // namespace sheaf::doctor
