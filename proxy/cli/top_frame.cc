#include "proxy/cli/top_frame.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "proxy/cli/figures.h"
#include "proxy/cli/printers.h"
#include "proxy/cli/stats_text.h"

namespace sheaf::cli {
namespace {

using Lines = std::vector<std::string>;

constexpr size_t kMostPools = 8;
constexpr size_t kMostEvents = 5;
constexpr size_t kMostConnections = 20;  // where the terminal does not say

// The remedy below it has no room here.
std::string FirstLine(const std::string& why) {
  return why.substr(0, why.find('\n'));
}

std::string ClockText(double seconds_since_1970) {
  const auto time = static_cast<std::time_t>(seconds_since_1970);
  std::tm parts{};
  localtime_r(&time, &parts);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%H:%M:%S", &parts);
  return text.data();
}

std::string MessagesLine(const TopFigures& figures) {
  return "messages " + RateText(figures.messages_to_clients) + "/s to clients in " +
         RateText(figures.frames_to_clients) + " frames/s, " + RateText(figures.messages_to_upstream) +
         "/s to the backend";
}

std::string BatchesLine(const TopFigures& figures) {
  return "batches  " + RateText(figures.batch_size) + " messages each; added delay p50 " +
         MillisText(figures.delay_p50_ms) + ", p99 " + MillisText(figures.delay_p99_ms);
}

std::string BytesLine(const TopFigures& figures, const Json& stats) {
  const double waiting =
      stats.Number("memory_optimizer.queued_bytes") + stats.Number("memory_optimizer.buffered_bytes");
  return "bytes    " + SizeText(figures.payload_bytes) + "/s before, " + SizeText(figures.sent_bytes) +
         "/s behind batching and compression, " + SizeText(figures.wire_bytes) + "/s written; " + SizeText(waiting) +
         " queued";
}

std::string SessionsLine(const TopFigures& figures, const Json& stats) {
  return "sessions " + CountText(stats.Number("sessions.active_sessions")) + ", " + RateText(figures.opened) +
         "/s new; clients " + CountText(stats.Number("clients.connections")) + "; requests " +
         RateText(figures.requests) + "/s";
}

// "[######--|--|--|---]": what is in use, and where the levels begin.
std::string MemoryBar(const Json& memory) {
  constexpr size_t kSteps = 40;
  const auto step = [](double percent) {
    return static_cast<size_t>(std::clamp(percent / 100 * static_cast<double>(kSteps), 0.0, double{kSteps - 1}));
  };
  std::string bar(kSteps, '-');
  std::fill_n(bar.begin(), step(memory.Number("percent")), '#');
  for (const char* level : {"moderate_percent", "high_percent", "critical_percent"}) {
    if (memory.Number(level) > 0) bar[step(memory.Number(level))] = '|';
  }
  return "[" + bar + "]";
}

std::string ClosesLine(const TopFigures& figures) {
  std::string text;
  for (const TopFigures::Close& close : figures.closes) {
    text.append(text.empty() ? "" : ", ").append(close.reason).append(" ").append(CountText(close.total));
    if (close.since > 0) text.append(" (+").append(CountText(close.since)).append(")");
  }
  return "closes   " + (text.empty() ? "none" : text);
}

Lines Pools(const LookedAt& pools) {
  if (!pools.why.empty()) return {"pools: " + FirstLine(pools.why)};
  Table table({{"BACKEND", false, 20},
               {"ENDPOINT", false, 40},
               {"STATE"},
               {"ACTIVE", true},
               {"IDLE", true},
               {"STALE", true},
               {"BROKEN", true},
               {"MAX", true},
               {"WAITING", true},
               {"P99", true}});
  for (const Json& row : pools.json.Items("pools")) {
    const auto count = [&row](const char* path) { return CountText(row.Number(path)); };
    table.Add({row.Text("backend"), row.Text("endpoint"), row.Text("state"), count("connections.active"),
               count("connections.idle"), count("connections.stale"), count("connections.broken"), count("max_size"),
               count("waiting"), MillisText(row.Number("acquire_p99_ms"))});
  }
  Lines lines = table.Lines();
  if (lines.size() > kMostPools + 1) {
    const std::string rest = CountText(static_cast<double>(lines.size() - kMostPools - 1));
    lines.resize(kMostPools + 1);
    lines.push_back("and " + rest + " more");
  }
  return lines;
}

Lines Connections(const LookedAt& connections) {
  if (!connections.why.empty()) return {"connections: " + FirstLine(connections.why)};
  Table table({{"SESSION"},
               {"USER", false, 16},
               {"PATH", false, 32},
               {"STATE"},
               {"IDLE", true},
               {"QUEUED", true},
               {"OUT", true},
               {"SENT", true},
               {"RATE", true}});
  for (const Json& row : connections.json.Items("connections")) {
    const auto value = [&row](const char* name) { return ValueText(name, row.At(name)); };
    table.Add({value("id"), value("user"), value("path"), value("state"), value("idle_seconds"), value("queued_bytes"),
               CountText(row.Number("messages_out")), value("bytes_out"), value("bytes_per_second")});
  }
  return table.Lines();
}

Lines Events(const LookedAt& events) {
  if (!events.why.empty()) return {"events: " + FirstLine(events.why)};
  std::vector<Json> rows = events.json.Items("events");
  Lines lines;
  for (size_t i = rows.size() - std::min(rows.size(), kMostEvents); i < rows.size(); ++i) {
    std::string line = ClockText(rows[i].Number("time")) + " " + rows[i].Text("level") + " " + rows[i].Text("message");
    for (const auto& [name, value] : rows[i].Members("fields")) line.append(" ").append(name + "=" + value.Text());
    lines.push_back(std::move(line));
  }
  return lines;
}

Lines Head(const Look& look, const TopFigures& figures, const TopView& view) {
  const Json& stats = look.stats.json;
  const Json memory = stats.At("memory_optimizer");
  std::string first = HeadText(stats) + (view.paused ? ", PAUSED" : "");
  if (!view.trouble.empty()) first = "NO ANSWER: " + FirstLine(view.trouble);
  return {first,
          SessionsLine(figures, stats),
          MessagesLine(figures),
          BatchesLine(figures),
          BytesLine(figures, stats),
          "memory   " + MemoryText(memory),
          "         " + MemoryBar(memory),
          ClosesLine(figures)};
}

void Append(const Lines& more, Lines& lines) {
  if (more.empty()) return;
  lines.emplace_back();
  lines.insert(lines.end(), more.begin(), more.end());
}

}  // namespace

std::vector<std::string> BuildFrame(const Look& look, const TopFigures& figures, const TopView& view) {
  Lines lines = Head(look, figures, view);
  Append(Pools(look.pools), lines);
  Lines below;
  Append(Events(look.events), below);
  if (view.with_keys)
    Append({"q quit  space pause  sorted by " + view.sort + ": b bytes  i idle  r rate  u queued"}, below);
  Lines connections = Connections(look.connections);
  const size_t others = lines.size() + below.size() + 1;
  const size_t room = view.height == 0 ? kMostConnections + 1 : view.height - std::min(view.height, others);
  connections.resize(std::min(connections.size(), room));
  Append(connections, lines);
  lines.insert(lines.end(), below.begin(), below.end());
  if (view.height > 0) lines.resize(std::min(lines.size(), view.height));
  for (std::string& line : lines) line = CutTo(line, view.width);
  return lines;
}

}  // namespace sheaf::cli
