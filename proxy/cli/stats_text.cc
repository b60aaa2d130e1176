#include "proxy/cli/stats_text.h"

#include <string_view>

#include "proxy/cli/figures.h"

namespace sheaf::cli {
namespace {

constexpr double kMiB = 1024.0 * 1024;

// "pool   12 leased ..."; what belongs to the same group stands under it.
void AddLine(std::string_view group, const std::string& line, std::string& text) {
  constexpr size_t kColumn = 10;
  text.append(group).append(kColumn - group.size(), ' ').append(line).append("\n");
}

std::string MessagesText(const Json& sessions, const std::string& direction) {
  return CountText(sessions.Number("messages_to_" + direction)) + " (" +
         SizeText(sessions.Number("message_bytes_to_" + direction)) + ") to " +
         (direction == "clients" ? "clients" : "the backend");
}

// "12 client_closed, 3 drain"; empty: nothing was counted.
std::string CountsText(const Json& counts, const std::string& path) {
  std::string text;
  for (const auto& [name, count] : counts.Members(path)) {
    if (count.Number() == 0) continue;
    text.append(text.empty() ? "" : ", ").append(CountText(count.Number())).append(" ").append(name);
  }
  return text;
}

void AddSessions(const Json& sessions, std::string& text) {
  AddLine("sessions",
          CountText(sessions.Number("active_sessions")) + " open, " + CountText(sessions.Number("total_sessions")) +
              " opened, " + TimeText(sessions.Number("avg_duration_seconds")) + " long",
          text);
  AddLine("messages", MessagesText(sessions, "clients") + ", " + MessagesText(sessions, "upstream"), text);
}

void AddBatching(const Json& batcher, std::string& text) {
  const Json all = batcher.At("statistics");
  AddLine("batching",
          RateText(all.Number("avg_batch_size")) + " messages a batch, waiting " +
              MillisText(all.Number("avg_delay_ms")) + "; " + CountText(all.Number("frames_saved")) + " frames saved",
          text);
  AddLine("",
          SizeText(all.Number("payload_bytes")) + " became " + SizeText(all.Number("sent_bytes")) + "; compression " +
              RateText(batcher.Number("deflate.compression_ratio")) + "; " +
              Counted(batcher.Number("current_buffers.buffered_messages"), "message") + " (" +
              SizeText(batcher.Number("current_buffers.buffered_bytes")) + ") gathered now",
          text);
}

void AddPool(const Json& pool, std::string& text) {
  const Json states = pool.At("connection_states");
  AddLine("pool",
          CountText(pool.Number("pool_size.active")) + " leased, each endpoint takes at most " +
              CountText(pool.Number("pool_size.max")) + " (the fullest is at " +
              PercentText(pool.Number("pool_size.utilization")) + "); " + CountText(states.Number("idle")) + " idle, " +
              CountText(states.Number("connecting")) + " connecting, " + CountText(states.Number("stale")) +
              " stale, " + CountText(states.Number("broken")) + " broken; " +
              CountText(pool.Number("waiting_requests")) + " waiting",
          text);
  const Json all = pool.At("statistics");
  AddLine("",
          PercentText(all.Number("reuse_rate")) + " reused, " + PercentText(all.Number("ready_rate")) +
              " ready, after " + MillisText(all.Number("avg_acquire_time_ms")) + "; " +
              CountText(all.Number("total_failed")) + " failed, " + CountText(all.Number("total_evicted")) + " evicted",
          text);
}

void AddEnds(const Json& stats, std::string& text) {
  const std::string closes = CountsText(stats, "sessions.closed");
  AddLine("closes", closes.empty() ? "none" : closes, text);
  AddLine("requests",
          CountText(stats.Number("http.active_requests")) + " under way, " +
              CountText(stats.Number("http.total_requests")) + " answered",
          text);
  const std::string refused = CountsText(stats, "http.refused");
  if (!refused.empty()) AddLine("", "refused: " + refused, text);
}

}  // namespace

std::string HeadText(const Json& stats) {
  return "Sheaf " + stats.Text("version") + ", up " + TimeText(stats.Number("uptime_seconds")) + ", " +
         (stats.True("ready") ? "ready" : "NOT READY") + ", generation " + stats.Text("configuration.generation") +
         (stats.True("configuration.last_reload_successful") ? "" : ", THE LAST RELOAD FAILED");
}

std::string MemoryText(const Json& memory) {
  return PercentText(memory.Number("percent") / 100) + " of " + SizeText(memory.Number("limit_mb") * kMiB) + ", " +
         memory.Text("pressure_level") + " (" + memory.Text("moderate_percent") + "/" + memory.Text("high_percent") +
         "/" + memory.Text("critical_percent") + "), RSS " + SizeText(memory.Number("rss_mb") * kMiB);
}

std::string PrintStats(const Json& stats) {
  std::string text = HeadText(stats) + "\n\n";
  AddSessions(stats.At("sessions"), text);
  AddBatching(stats.At("message_batcher"), text);
  AddPool(stats.At("connection_pool"), text);
  AddLine("memory", MemoryText(stats.At("memory_optimizer")), text);
  AddLine("", SizeText(stats.Number("memory_optimizer.queued_bytes")) + " wait for clients that read slowly", text);
  AddEnds(stats, text);
  return text;
}

}  // namespace sheaf::cli
