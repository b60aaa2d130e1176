// A request to the admin listener, head and body, up to its answer. First byte: the size of the reads; second: whether
// a token is set, and whether it came over a Unix socket.
#include <memory>
#include <utility>
#include <vector>

#include "proxy/admin/requests.h"
#include "proxy/wire/http1_status.h"
#include "tests/fuzz/fuzz_util.h"

namespace sheaf {
namespace {

using wire::Require;

constexpr std::string_view kToken = "t0ken";

// Answers at once, and notes whether it was asked to do something, or to show who is connected.
class Source final : public AdminSource {
 public:
  Readiness ready() const override { return {false, "no backend is up"}; }
  bool started() const override { return true; }
  StatsSnapshot Stats() const override { return {}; }
  const memwatch::MemoryHistory& memory_history() const override { return history_; }
  const MetricsRegistry& metrics() const override { return registry_; }
  void Reload(std::function<void(const ReloadAnswer&)> answered) override {
    acted = true;
    answered({.taken = false, .generation = 1, .digest = {}, .error = "faulty", .needs_restart = {"workers"}});
  }
  bool SetDraining(std::string_view /*backend*/, std::string_view endpoint, bool /*draining*/) override {
    acted = true;
    return endpoint.size() % 2 == 0;
  }
  void Deliver(std::vector<Push> pushes, std::function<void(const PushAnswer&)> answered) override {
    acted = true;
    answered({.tallies = std::vector<PushTally>(pushes.size()), .late = {0}});
  }
  void ListSessions(SessionQuery /*query*/, std::function<void(const SessionList&)> answered) override {
    shown = true;
    answered({});
  }
  void FindSession(SessionId /*id*/, std::function<void(const SessionFound&)> answered) override {
    shown = true;
    answered({});
  }
  void Close(CloseAction /*action*/, std::function<void(const ActionAnswer&)> answered) override { Act(answered); }
  void Flush(Selector /*of*/, std::function<void(const ActionAnswer&)> answered) override { Act(answered); }
  void BeginDrain(std::function<void(const DrainAnswer&)> answered) override { Act(answered); }
  void AwaitDrain(std::function<void(const DrainAnswer&)> answered) override { Act(answered); }
  void Undrain(std::function<void(const DrainAnswer&)> answered) override { Act(answered); }

  bool acted = false;
  bool shown = false;

 private:
  template <typename Answer>
  void Act(const std::function<void(const Answer&)>& answered) {
    acted = true;
    answered({});
  }

  MetricsRegistry registry_{"9.9"};
  memwatch::MemoryHistory history_{std::chrono::seconds(10), std::chrono::seconds(1)};
};

// Nothing of a request may end a line of the answer's head, or its body.
void CheckAnswer(const AdminAnswer& answer) {
  Require(answer.status >= 200 && answer.status <= 599 && !wire::StatusText(answer.status).empty());
  const std::string bytes = SerializeAdminAnswer(answer, false, false);
  Require(bytes.ends_with("Connection: close\r\n\r\n" + answer.body));
  Require(bytes.find("\r\n\r\n") + 4 + answer.body.size() == bytes.size());
  if (answer.status == 200 || answer.content_type != "application/json") return;
  Require(answer.body.starts_with("{\"status\":") && answer.body.ends_with("}\n"));
}

bool HasToken(const wire::RequestHead& request) {
  const auto value = request.Find("Authorization");
  return value && value->size() == 7 + kToken.size() && value->ends_with(kToken);
}

Options::Admin OptionsFor(uint8_t how) {
  Options::Admin options;
  options.token = (how & 1) != 0 ? kToken : "";
  options.address = (how & 2) != 0 ? "unix:/run/admin.sock" : "127.0.0.1:9901";
  return options;
}

void Handle(const wire::RequestHead& request, std::string_view body, const Options::Admin& options) {
  static Source source;
  source.acted = source.shown = false;
  size_t answers = 0;
  HandleAdminRequest(request, body, source, true, [&answers](const AdminAnswer& answer) {
    ++answers;
    CheckAnswer(answer);
  });
  Require(answers == 1);
  if (!source.acted && !source.shown) return;
  Require(options.token.empty() ? options.address.starts_with("unix:") : HasToken(request));
  Require(!request.Find("Origin"));
  if (source.acted) Require(request.method == "POST" || request.target.starts_with("/drain"));
}

}  // namespace
}  // namespace sheaf

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sheaf;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t read_size = wire::TakeByte(input) + 1U;
  const Options::Admin options = OptionsFor(wire::TakeByte(input));
  const wire::HeadLimits limits;
  const wire::ScannedHead head = wire::ScanBothWays(input, read_size, limits);
  if (head.verdict != wire::HeadScanner::Verdict::kComplete) return 0;

  wire::RequestHead request;
  if (wire::ParseRequestHead(input.substr(0, head.size), limits, request)) return 0;
  const AdminVerdict verdict = JudgeAdminRequest(request, options);
  if (verdict.refusal) {
    CheckAnswer(*verdict.refusal);
    return 0;
  }
  const wire::DecodedBody body = wire::DecodeInReads(request.body, request.content_length, input.substr(head.size),
                                                     read_size, wire::Sender::kClient);
  const bool whole = request.body == wire::BodyKind::kNone || body.verdict == wire::BodyDecoder::Verdict::kComplete;
  if (whole && body.data.size() <= verdict.most_body) Handle(request, body.data, options);
  return 0;
}
