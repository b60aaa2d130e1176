// The load generator: one run of one kind of load against one address; its figures go to stdout as one JSON object.
//
//   bench_generator --kind echo|tick|broadcast|idle|hold|connect|soak --address 127.0.0.1:8080 [--tls 1] [--rate 20]
//                   [--envelope json|binary] [--browser 1] [--deflate 1] [--socketio 1] [--connections 100]
//                   [--outstanding 1] [--payload 128]
//                   [--cycles 0] [--used 1] [--rest 0] [--seconds 5] [--settle 1] [--pid N]... [--beside N]...
//                   [--memory FILE]...
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/run.h"

namespace {

using sheaf::bench::Figures;
using sheaf::bench::Plan;

struct Command {
  std::string kind = "echo";
  std::string address;
  std::string rate;
  std::string envelope;
  bool browser = false;
  bool deflate = false;
  bool socketio = false;
  bool tls = false;
  Plan plan;
};

Command ReadCommand(const std::vector<std::string>& words) {
  Command command;
  for (size_t i = 0; i + 1 < words.size(); i += 2) {
    const std::string& name = words[i];
    const std::string& value = words[i + 1];
    if (name == "--kind")
      command.kind = value;
    else if (name == "--address")
      command.address = value;
    else if (name == "--rate")
      command.rate = value;
    else if (name == "--envelope")
      command.envelope = value;
    else if (name == "--browser")
      command.browser = value == "1";
    else if (name == "--deflate")
      command.deflate = value == "1";
    else if (name == "--socketio")
      command.socketio = value == "1";
    else if (name == "--tls")
      command.tls = value == "1";
    else if (name == "--connections")
      command.plan.connections = static_cast<uint32_t>(std::stoul(value));
    else if (name == "--outstanding")
      command.plan.outstanding = static_cast<uint32_t>(std::stoul(value));
    else if (name == "--payload")
      command.plan.payload = std::stoul(value);
    else if (name == "--cycles")
      command.plan.cycles = std::stoull(value);
    else if (name == "--used")
      command.plan.used = value == "1";
    else if (name == "--rest")
      command.plan.rest = std::stod(value);
    else if (name == "--seconds")
      command.plan.seconds = std::stod(value);
    else if (name == "--settle")
      command.plan.settle = std::stod(value);
    else if (name == "--pid")
      command.plan.pids.push_back(static_cast<pid_t>(std::stol(value)));
    else if (name == "--beside")
      command.plan.beside.push_back(static_cast<pid_t>(std::stol(value)));
    else if (name == "--memory")
      command.plan.memory.push_back(value);
    else
      sheaf::bench::Die("unknown option " + name);
  }
  command.plan.broadcast = command.kind == "broadcast";
  return command;
}

std::string PathOf(const Command& command) {
  if (command.socketio) return "/socket.io/?EIO=4&transport=websocket&rate=" + command.rate;
  const bool pushed = command.kind == "tick" || command.kind == "broadcast";
  return pushed ? "/" + command.kind + "/" + command.rate : "/echo";
}

Figures Measure(const Command& command) {
  if (command.kind == "echo") return sheaf::bench::EchoRun(command.plan).Measure();
  if (command.kind == "tick" || command.kind == "broadcast") return sheaf::bench::TickRun(command.plan).Measure();
  if (command.kind == "idle") return sheaf::bench::IdleRun(command.plan).Measure();
  if (command.kind == "hold") return sheaf::bench::HoldRun(command.plan).Measure();
  if (command.kind == "connect") return sheaf::bench::ConnectRun(command.plan).Measure();
  if (command.kind == "soak") return sheaf::bench::SoakRun(command.plan).Measure();
  sheaf::bench::Die("unknown kind " + command.kind);
}

double PercentileUs(std::vector<uint32_t>& latencies_ns, double share) {
  if (latencies_ns.empty()) return 0;
  const auto last = static_cast<double>(latencies_ns.size() - 1);
  const auto at = latencies_ns.begin() + static_cast<std::ptrdiff_t>(last * share);
  std::nth_element(latencies_ns.begin(), at, latencies_ns.end());
  return *at / 1000.0;
}

// The problem's text comes partly from the other side.
std::string JsonText(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    const bool plain = c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
    quoted.push_back(plain ? c : '?');
  }
  return quoted + "\"";
}

void Print(Figures figures) {
  std::printf("{\"connections\": %lu, \"messages\": %lu, \"cycles\": %lu, \"seconds\": %.3f, \"cpu_us\": %lu, ",
              figures.connections, figures.messages, figures.cycles, figures.seconds, figures.cpu_us);
  std::printf("\"frames\": %lu, \"bytes\": %lu, \"beside_cpu_us\": %lu, \"beside_pss_growth\": %lu, ", figures.frames,
              figures.bytes, figures.beside_cpu_us, figures.beside_pss_growth);
  std::printf("\"group_growth\": %lu, \"grown_by\": %lu, ", figures.group_growth, figures.grown_by);
  std::printf("\"pss_growth\": %lu, \"sent\": %lu, \"received\": %lu, \"lost\": %lu, \"problems\": %lu, ",
              figures.pss_growth, figures.sent, figures.received, figures.Lost(), figures.problems);
  std::printf("\"p50_us\": %.1f, \"p99_us\": %.1f, \"first_problem\": %s}\n", PercentileUs(figures.latencies_ns, 0.5),
              PercentileUs(figures.latencies_ns, 0.99), JsonText(figures.first_problem).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  Command command = ReadCommand({argv + 1, argv + argc});
  const sheaf::bench::SslCtx tls = command.tls ? sheaf::bench::NewClientContext() : nullptr;
  command.plan.target = {.address = sheaf::bench::ParseAddress(command.address),
                         .path = PathOf(command),
                         .tls = tls.get(),
                         .envelope = command.envelope,
                         .browser = command.browser,
                         .deflate = command.deflate,
                         .socketio = command.socketio};
  Print(Measure(command));
  return 0;
}
